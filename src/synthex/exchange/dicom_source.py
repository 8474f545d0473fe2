"""The image that DICOM objects of an answer refer to: its identity, without its pixels.

Of a DICOM file it is what the standard demands that derived objects repeat (PS3.3 C.7.1 and C.7.2: patient and study)
and what is needed to show it; of another picture a secondary capture without any patient is made.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from synthex import dicom
from synthex.core import InputError
from synthex.core.arrays import Image
from synthex.dicom import DicomFile

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_TEXTS = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
    *("PatientIdentityRemoved", "DeidentificationMethod"),
)
_DATES, _TIMES = ("PatientBirthDate", "StudyDate"), ("StudyTime",)
_EMPTY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber", "StudyDate")
_IDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")


def of_dicom(path: Path) -> Any:
    """What is repeated of a DICOM radiograph: a ``pydicom.Dataset`` of its patient, study, identity and size.

    Values that break the standard (dates that are none, for instance) are left empty rather than passed on.

    Raises:
        InputError: It cannot be read, or has no identity that objects could refer to.
    """
    file = dicom.open_dicom(path)
    layout = dicom.pixel_layout(file)
    source = _blank(layout.rows, layout.columns)
    for name in _IDS:
        value = dicom.word(file, name)
        if len(value) > 64 or not _UID.fullmatch(value):
            raise InputError(path, f"has no {name}, so DICOM objects cannot refer to it", "give it one, or dicom=false")
        setattr(source, name, value)
    for name in _TEXTS:
        if value := _text(file, name):
            setattr(source, name, value)
    for name in _DATES:
        source_value = dicom.word(file, name)
        setattr(source, name, source_value if re.fullmatch(r"\d{4}(0[1-9]|1[0-2])[0-3]\d", source_value) else "")
    for name in _TIMES:
        source_value = dicom.word(file, name)
        plain = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", source_value)
        setattr(source, name, source_value if plain else "")
    if source.get("PatientIdentityRemoved") == "YES" and not source.get("DeidentificationMethod"):
        source.DeidentificationMethod = "not stated by the source"  # type 1C
    sex = dicom.word(file, "PatientSex")
    source.PatientSex = sex if sex in ("M", "F", "O") else ""
    source.Modality = dicom.modality(file) or "OT"
    source.PhotometricInterpretation = layout.photometric
    if layout.frames > 1 or dicom.word(file, "NumberOfFrames"):
        source.NumberOfFrames = layout.frames
    return source


def window_of(path: Path) -> tuple[float, float] | None:
    """Centre and width of a DICOM file's first window, None where it has no usable one."""
    file = dicom.open_dicom(path)
    try:
        centre, width = (dicom.numbers(file, name) for name in ("WindowCenter", "WindowWidth"))
    except InputError:
        return None
    return (centre[0], width[0]) if centre and width and width[0] >= 1 else None


def rescale_of(path: Path) -> tuple[float, float] | None:
    """Slope and intercept of a DICOM file, None where it has none."""
    file = dicom.open_dicom(path)
    try:
        slope, intercept = (dicom.number(file, name) for name in ("RescaleSlope", "RescaleIntercept"))
    except InputError:
        return None
    return (slope, intercept) if slope and intercept is not None else None


def secondary_capture(image: Image, pixel_mm: float | None, key: str) -> Any:
    """A DICOM file of a picture that is none, of no patient.

    Args:
        image: H x W, as it was read.
        pixel_mm: Pitch at the detector; None where it is not known.
        key: Decides its identifiers: equal keys give equal ones.

    Returns:
        A ``pydicom.Dataset`` with file meta information, ready to be written.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    source = _blank(*image.shape)
    source.SOPClassUID = SECONDARY_CAPTURE
    source.SOPInstanceUID, source.StudyInstanceUID, source.SeriesInstanceUID = (
        uid_of(key, part) for part in ("capture", "study", "capture series")
    )
    source.PatientIdentityRemoved, source.DeidentificationMethod = "YES", "made of a picture without identity"
    source.Modality, source.ConversionType = "OT", "WSD"
    source.Manufacturer, source.SeriesNumber, source.InstanceNumber = "synthex", 1, 1
    source.PatientOrientation = source.Laterality = ""
    source.ImageType = ["DERIVED", "SECONDARY"]
    values, bits = _whole(image)
    source.SamplesPerPixel, source.PixelRepresentation = 1, 0
    source.BitsAllocated, source.BitsStored, source.HighBit = bits, bits, bits - 1
    if pixel_mm is not None:
        source.PixelSpacing = [f"{pixel_mm:.10g}"] * 2
    pixels = values.tobytes()
    source.add_new("PixelData", "OB" if bits == 8 else "OW", pixels + b"\0" * (len(pixels) % 2))
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    return source


def uid_of(*parts: str) -> str:
    """A UID that is a function of texts: to send an object twice does not make two of it."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(parts)).int}"


def _blank(rows: int, columns: int) -> Any:
    from pydicom.dataset import Dataset

    source = Dataset()
    # Every text is decoded with the file's own character set and written anew in this one.
    source.SpecificCharacterSet = "ISO_IR 192"
    for name in _EMPTY:
        setattr(source, name, "")
    source.StudyTime = source.ReferringPhysicianName = ""
    source.Rows, source.Columns, source.SamplesPerPixel = rows, columns, 1
    source.PhotometricInterpretation = "MONOCHROME2"
    return source


def _text(file: DicomFile, name: str) -> str:
    """A text without characters that it must not hold."""
    return "".join(sign for sign in dicom.word(file, name) if sign.isprintable() and sign != "\\")[:64]


def _whole(image: Image) -> tuple[np.ndarray, int]:
    """Whole numbers of 8 or 16 bits: the values themselves where they are such, else stretched over 16 bits."""
    low, high = float(image.min()), float(image.max())
    if low >= 0 and high <= 65535 and (image == np.rint(image)).all():
        return image.astype(np.uint8 if high <= 255 else "<u2"), 8 if high <= 255 else 16
    scaled = (image.astype(np.float64) - low) * (65535 / max(high - low, 1e-12))
    return np.rint(scaled).astype("<u2"), 16
