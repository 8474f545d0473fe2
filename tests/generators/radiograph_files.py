"""Sixty DICOM radiographs over the kinds, transfer syntaxes and grey scales that C-arms and detectors write."""

from pathlib import Path

import numpy as np
from generators.dicom_files import ENHANCED_XA, SYNTAXES, XA, dataset, jpeg, save, table
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

KINDS = (
    ("DX", "1.2.840.10008.5.1.4.1.1.1.1"),
    ("DX", "1.2.840.10008.5.1.4.1.1.1.1.1"),  # for processing
    ("CR", "1.2.840.10008.5.1.4.1.1.1"),
    ("RF", "1.2.840.10008.5.1.4.1.1.12.2"),
    ("XA", XA),
    ("XA", ENHANCED_XA),
    ("RF", "1.2.840.10008.5.1.4.1.1.12.2.1"),
    ("OT", "1.2.840.10008.5.1.4.1.1.7"),
    ("RG", "1.2.840.10008.5.1.4.1.1.1"),
)
GREYS = (
    {},
    {"PhotometricInterpretation": "MONOCHROME1"},
    {"BitsStored": 12, "HighBit": 11, "WindowCenter": 2000, "WindowWidth": 3000},
    {"BitsStored": 10, "HighBit": 9, "PixelPaddingValue": 0},
    {"RescaleSlope": 2, "RescaleIntercept": -1000, "RescaleType": "US"},
    {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1},
    {"PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": -1},
    {"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"},
    "lut",
    "signed",
    "bytes",
)
COUNT, BAD = 60, 6


def write(folder: Path, numbers: range) -> list[Path]:
    """Those of the sixty with these numbers; the last six cannot be answered whole, each for another reason."""
    return [_bad(folder, number) if number >= COUNT - BAD else _good(folder, number) for number in numbers]


def frames_of(number: int) -> int:
    """Frames of a good file."""
    modality, kind = KINDS[number % len(KINDS)]
    return 3 if modality in ("XA", "RF") and (number % 2 or kind.endswith(".1.1") or kind.endswith(".2.1")) else 1


def _pixels(number: int) -> np.ndarray:
    """A bright disc on a ramp, of another size in each file, in 10 bits."""
    height, width = 48 + number % 7, 64 + number % 5
    rows, columns = np.mgrid[:height, :width]
    shown = 5 * columns + 300 * (np.hypot(rows - 20, columns - 30) < 12) + 10
    frames = frames_of(number)
    return np.stack([shown + 10 * frame for frame in range(frames)]) if frames > 1 else shown


def _tags(number: int, modality: str) -> dict[str, object]:
    tags: dict[str, object] = {
        "PatientName": "Doe^Jane",
        "PatientID": "SECRET-42",
        "PatientBirthDate": "19700101" if number % 3 else "unknown",
        "StudyDate": "20240102",
        "StudyID": "7",
    }
    return tags | ({} if number % 4 == 3 or modality == "OT" else {"ImagerPixelSpacing": [0.2, 0.2]})


def _good(folder: Path, number: int) -> Path:
    modality, kind = KINDS[number % len(KINDS)]
    grey = GREYS[number % len(GREYS)]
    pixels, tags = _pixels(number), _tags(number, modality)
    path = folder / f"Doe_{number:02d}.dcm"
    if grey == "bytes":
        made = dataset((pixels // 4).astype(np.uint8), modality, kind, **tags)
        return jpeg(made, path) if number % 2 else save(made, path, "rle")
    stored = pixels.astype(np.int16) - 500 if grey == "signed" else pixels.astype(np.uint16)
    tags |= grey if isinstance(grey, dict) else {}
    if grey == "lut":
        tags["VOILUTSequence"] = Sequence([table(np.arange(1024)[::-1] * 60)])
    made = dataset(stored, modality, kind, **tags)
    if kind in (ENHANCED_XA, "1.2.840.10008.5.1.4.1.1.12.2.1"):
        _enhance(made)
    syntaxes = [name for name in SYNTAXES if grey != "signed" or name not in ("jpeg2000", "lossless")]
    return save(made, path, syntaxes[number % len(syntaxes)], preamble=number % 10 != 9 or number % len(syntaxes) > 2)


def _enhance(made: Dataset) -> None:
    """Shared and per-frame groups, as enhanced objects have them."""
    shared, intensity = Dataset(), Dataset()
    intensity.PixelIntensityRelationship, intensity.PixelIntensityRelationshipSign = "LOG", -1
    shared.FramePixelDataPropertiesSequence = Sequence([intensity])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    made.PerFrameFunctionalGroupsSequence = Sequence([Dataset() for _ in range(int(made.get("NumberOfFrames", 1)))])


def _bad(folder: Path, number: int) -> Path:
    pixels = _pixels(0).astype(np.uint16)
    path = folder / f"Doe_{number:02d}.dcm"
    which = number - (COUNT - BAD)
    changes: list[dict[str, object]] = [
        {"SOPInstanceUID": ""},  # answered, but nothing can refer to it
        {"PixelData": pixels.tobytes()[:-100]},
        {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"ImagerPixelSpacing": [0.2, 0.3]},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        {"BitsStored": 40},
    ]
    return save(dataset(pixels, "DX", KINDS[0][1], **(_tags(0, "DX") | changes[which])), path, "explicit")
