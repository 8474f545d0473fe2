"""Radiographs in DICOM files: pixels and geometry alone; what identifies a patient stays in the file.

Nothing that a file says in words is passed on, neither in results nor in errors: messages of the library that
decodes files may quote them, so that none is repeated.
"""

import hashlib
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from synthex.core import Domain, optional_import
from synthex.core.arrays import Image
from synthex.core.quiet import quiet_stderr
from synthex.data.real.files import DAMAGE, MAX_PIXELS, PIXEL_RANGE_MM

SPACINGS = {"ImagerPixelSpacing": "0018|1164", "NominalScannedPixelSpacing": "0018|2010", "PixelSpacing": "0028|0030"}
"""Where the pitch at the detector is, best first: of the detector, of a scanned film, and the general one, which in
projection radiographs is the detector's unless it was calibrated (DICOM PS3.3 10.7.1)."""

SQUARE = 0.01
MAX_MAGNIFICATION = 5.0

_ALLOCATED = "0028|0100"
_BITS, _SIGNED, _SLOPE, _INTERCEPT = "0028|0101", "0028|0103", "0028|1053", "0028|1052"
_PHOTOMETRIC, _RELATIONSHIP, _SIGN = "0028|0004", "0028|1040", "0028|1041"
_SOURCE_DETECTOR, _SOURCE_PATIENT = "0018|1110", "0018|1111"
_PATIENT_ID, _ISSUER = "0010|0020", "0010|0021"
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_DAMAGED = "is no readable DICOM file; export it again"
_SYNTAX = re.compile(rb"\x02\x00\x10\x00UI..([0-9.\x00 ]+)", re.DOTALL)
_UNCOMPRESSED = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1")
_PIXELS = re.compile(rb"\xe0\x7f\x10\x00(?:O[BW]\x00\x00)?(.{4})", re.DOTALL)


class DicomError(ValueError):
    """What is wrong with a DICOM file, in words that quote nothing of it but numbers."""


@dataclass(frozen=True, eq=False)
class DicomRadiograph:
    """What is taken from a file.

    Attributes:
        image: H x W; in the domain ``log`` bone is bright.
        domain: What its values mean.
        pixel_mm: Pitch at the detector; None where the file does not say it.
        magnification: Source-detector over source-patient distance; 1 where the file does not say both.
    """

    image: Image
    domain: Domain
    pixel_mm: float | None
    magnification: float


def read_dicom(path: Path, domain: Domain | None = None) -> DicomRadiograph:
    """Read a single-frame grey radiograph; values are rescaled (slope and intercept).

    What they mean is, in this order:

    - ``domain``, if it is given: ``intensity`` takes the values as they are; ``log`` takes them as they are shown,
      that is turned over in ``MONOCHROME1`` files.
    - Pixel Intensity Relationship and its Sign (DICOM PS3.3 C.8.11.3): sign -1 (high values are little intensity) is
      ``log``; sign 1 is ``intensity`` where the relationship is ``LIN``, else ``log`` turned over. Real files tagged
      ``FOR PRESENTATION`` may hold linear intensity with bone dark, so this goes before the photometric tag.
    - Else radiographs are shown with bone bright: ``MONOCHROME2`` is ``log``, ``MONOCHROME1`` ``log`` turned over.

    Only a monotone curve separates displayed values from line integrals. Turning over keeps the range:
    lowest plus highest minus value.

    Raises:
        DicomError: It cannot be read, is no single grey picture, or its spacing is absurd.
    """
    itk = _simpleitk()
    reader = _opened(itk, path)
    photometric = _word(reader, _PHOTOMETRIC)
    size = [int(n) for n in reader.GetSize()]
    if reader.GetNumberOfComponents() != 1 or photometric not in _MONOCHROME:
        raise DicomError("is no grey picture; save one grey channel")
    if int(np.prod(size[2:])) != 1:
        raise DicomError("holds several frames; save one a file")
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise DicomError("has no plausible number of pixels")
    _check_length(path, size[0] * size[1] * (_number(reader, _ALLOCATED) or 0) / 8)
    try:
        with quiet_stderr():
            stored = np.asarray(itk.GetArrayFromImage(reader.Execute()))
        values = stored.reshape(size[1], size[0]).astype(np.float64)
    except DAMAGE:
        raise DicomError("has damaged pixels; export it again") from None
    if not np.isfinite(values).all() or np.abs(values).max() > np.finfo(np.float32).max:
        raise DicomError("holds NaN, infinity or numbers without end; export it again")
    if photometric == "MONOCHROME1":
        values = _as_stored(reader, values)
    sign = _number(reader, _SIGN)
    linear = _word(reader, _RELATIONSHIP) == "LIN"
    meaning, turned = _meaning(domain, sign, linear, photometric == "MONOCHROME1")
    if turned:
        values = values.min() + values.max() - values
    return DicomRadiograph(values.astype(np.float32), meaning, _pitch(reader), _magnification(reader))


def patient_key(path: Path) -> str | None:
    """A digest that is equal for two files of one patient, None where the file names none.

    It is to be compared and forgotten: short identifiers can be found from their digests.

    Raises:
        DicomError: The file cannot be read.
    """
    reader = _opened(_simpleitk(), path)
    words = [_word(reader, _PATIENT_ID), _word(reader, _ISSUER)]
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest() if words[0] else None


def _check_length(path: Path, expected: float) -> None:
    """Refuse uncompressed pixels that are fewer or more than the header says, for GDCM makes the missing ones up.

    The element (7FE0,0010) has its length, rounded up to even, behind its tag, in explicit files after "OB" or "OW"
    and two empty bytes (DICOM PS3.5 7.1).
    """
    content = path.read_bytes()
    found = _SYNTAX.search(content, 0, 4096)
    if found is not None and found[1].rstrip(b"\0 ") not in _UNCOMPRESSED:
        return
    lengths = (struct.unpack("<I", match[1])[0] for match in _PIXELS.finditer(content))
    if not any(length == 2 * math.ceil(expected / 2) for length in lengths):
        raise DicomError("has more or fewer pixels than its header says; export it again")


def _as_stored(reader: Any, values: np.ndarray) -> np.ndarray:
    """Undo that ITK turns MONOCHROME1 pixels over, about the middle of what their bits can hold, before it rescales."""
    bits, signed = _number(reader, _BITS), _number(reader, _SIGNED)
    slope, intercept = _number(reader, _SLOPE), _number(reader, _INTERCEPT)
    if bits is None or bits not in range(1, 33) or signed not in (0, 1):
        raise DicomError("does not say how many bits its pixels have; export it again")
    highest = -1.0 if signed else 2.0**bits - 1
    turned: np.ndarray = highest * (1.0 if slope is None else slope) + 2 * (intercept or 0.0) - values
    return turned


def _meaning(domain: Domain | None, sign: float | None, linear: bool, inverted: bool) -> tuple[Domain, bool]:
    """The domain, and whether values are turned over."""
    if domain is not None:
        return domain, domain == "log" and inverted
    if sign == -1:
        return "log", False
    if sign == 1:
        return ("intensity", False) if linear else ("log", True)
    return "log", inverted


def _simpleitk() -> ModuleType:
    """SimpleITK, which is slow to import, quiet: its warnings quote files."""
    itk = optional_import("SimpleITK", "dev")
    itk.ProcessObject.SetGlobalWarningDisplay(False)
    return itk


def _opened(itk: Any, path: Path) -> Any:
    reader = itk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with quiet_stderr():
            reader.ReadImageInformation()
    except DAMAGE:
        raise DicomError(_DAMAGED) from None
    return reader


def _word(reader: Any, key: str) -> str:
    return str(reader.GetMetaData(key)).strip().strip("\0").strip() if reader.HasMetaDataKey(key) else ""


def _number(reader: Any, key: str) -> float | None:
    try:
        number = float(_word(reader, key))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _pitch(reader: Any) -> float | None:
    low, high = PIXEL_RANGE_MM
    for name, key in SPACINGS.items():
        word = _word(reader, key)
        if not word:
            continue
        try:
            spacing = [float(part) for part in word.split("\\")]
        except ValueError:
            raise DicomError(f"{name} is no pair of numbers; correct it") from None
        if len(spacing) != 2 or not all(low <= part <= high for part in spacing):
            raise DicomError(f"{name} is not two lengths between {low:g} and {high:g} mm; correct it")
        if abs(spacing[0] / spacing[1] - 1) > SQUARE:
            raise DicomError(f"{name} says {spacing[0]:g} x {spacing[1]:g} mm; resample it to square pixels")
        return spacing[1]
    return None


def _magnification(reader: Any) -> float:
    detector, patient = _number(reader, _SOURCE_DETECTOR), _number(reader, _SOURCE_PATIENT)
    if detector and patient and patient > 0 and 1 <= detector / patient <= MAX_MAGNIFICATION:
        return detector / patient
    return 1.0
