"""Values of a DICOM header that cannot lie unnoticed: absent is None, and what is no number is said."""

import math
from typing import Any

from synthex.core import InputError
from synthex.dicom.files import AGAIN, DicomFile, quiet

_CODES = (
    "ANN AR ASMT AU BDUS BI BMD CF CFM CR CT CTPROTOCOL DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA FID FS GM"
    " HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN"
    " POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR"
    " SRF ST STAIN TEXTUREMAP TG US VA VF VL XA XAPROTOCOL XC"
)
MODALITIES = frozenset(_CODES.split())
"""The codes of DICOM PS3.3 C.7.3.1.1.1, retired ones among them: only they are repeated in messages."""


def word(file: DicomFile, keyword: str, source: Any = None) -> str:
    """A value as text without blanks around it; empty where it is absent or cannot be decoded.

    Args:
        file: The file.
        keyword: The attribute.
        source: Data set to look in, of a sequence for instance; None: the file's own.
    """
    value = _value(file, keyword, source)
    if value is None:
        return ""
    values = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(part).strip(" \0") for part in values)


def numbers(file: DicomFile, keyword: str, count: int | None = None, source: Any = None) -> tuple[float, ...] | None:
    """Finite numbers, or None where the attribute is absent or empty.

    Args:
        file: The file.
        keyword: The attribute.
        count: How many there must be; None for any number.
        source: As in :func:`word`.

    Raises:
        InputError: It is there, but holds something else.
    """
    text = word(file, keyword, source)
    if not text:
        if _value(file, keyword, source) is _UNREADABLE:
            raise InputError(file.path, f"{keyword} cannot be read", AGAIN)
        return None
    try:
        values = tuple(float(part) for part in text.split("\\"))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)) or (count is not None and len(values) != count):
        what = "a number" if count == 1 else f"{count or 'a list of'} numbers"
        raise InputError(file.path, f"{keyword} is not {what}", AGAIN)
    return values


def number(file: DicomFile, keyword: str, source: Any = None) -> float | None:
    """One finite number, or None.

    Raises:
        InputError: As :func:`numbers`.
    """
    values = numbers(file, keyword, 1, source)
    return None if values is None else values[0]


def integer(file: DicomFile, keyword: str, source: Any = None) -> int | None:
    """One whole number, or None.

    Raises:
        InputError: As :func:`numbers`, or it has a fraction.
    """
    value = number(file, keyword, source)
    if value is not None and value != int(value):
        raise InputError(file.path, f"{keyword} is not a whole number", AGAIN)
    return None if value is None else int(value)


def sequence(file: DicomFile, keyword: str, source: Any = None) -> list[Any]:
    """The items of a sequence; none where it is absent.

    Raises:
        InputError: It cannot be parsed.
    """
    value = _value(file, keyword, source)
    if value is _UNREADABLE:
        raise InputError(file.path, f"{keyword} cannot be read", AGAIN)
    try:
        return [] if value is None else list(value)
    except TypeError:
        raise InputError(file.path, f"{keyword} is no sequence", AGAIN) from None


def functional(file: DicomFile, frame: int, keyword: str) -> Any:
    """The functional group of one frame of an enhanced object: its own, else the shared one (PS3.3 C.7.6.16).

    Args:
        file: The file.
        frame: From 0.
        keyword: The group's sequence, ``"PlanePositionSequence"`` for instance.

    Returns:
        A data set, or None where neither has it.

    Raises:
        InputError: A sequence cannot be parsed.
    """
    own = sequence(file, "PerFrameFunctionalGroupsSequence")
    for source in (own[frame : frame + 1], sequence(file, "SharedFunctionalGroupsSequence")[:1]):
        items = sequence(file, keyword, source[0]) if source else []
        if items:
            return items[0]
    return None


def modality(file: DicomFile) -> str:
    """The modality's code, or empty where it is absent or no code of the standard's list."""
    code = word(file, "Modality").upper()
    return code if code in MODALITIES else ""


def holds_image(file: DicomFile) -> bool:
    """Whether the file is an image, complete or cut: neither a report nor any other document without pixels."""
    from pydicom.uid import UID_dictionary

    kind = word(file, "SOPClassUID")
    name = UID_dictionary.get(kind, ("",))[0]
    return not kind or file.pixels is not None or file.floats or bool(word(file, "Rows")) or "Image Storage" in name


def what_it_is(file: DicomFile) -> str:
    """A few words on the kind of object, for messages."""
    code = modality(file)
    return f"modality {code}" if code else "an object of no modality that the standard lists"


_UNREADABLE = object()


def _value(file: DicomFile, keyword: str, source: Any = None) -> Any:
    with quiet():
        try:
            return (file.header if source is None else source).get(keyword)
        except Exception:  # values are decoded when they are looked at, and damage surfaces then
            return _UNREADABLE
