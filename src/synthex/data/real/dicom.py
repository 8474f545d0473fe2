"""Radiographs in DICOM files: pixels and geometry alone; what identifies a patient stays in the file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthex import dicom
from synthex.core import Domain, InputError
from synthex.core.arrays import Image
from synthex.data.real.files import PIXEL_RANGE_MM
from synthex.dicom import DicomFile, Layout, LookupTable

SPACINGS = ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacing")
"""Where the pitch at the detector is, best first: of the detector, of a scanned film, and the general one, which in
projection radiographs is the detector's unless it was calibrated (DICOM PS3.3 10.7.1)."""

SQUARE = 0.01
MAX_MAGNIFICATION = 5.0

Meaning = Literal["log", "intensity", "inverted"]
"""What a user may say that pixels mean: as they are shown with bone bright, linear with bone dark, or as they are shown
with bone dark."""

RADIOGRAPHS = frozenset(["CR", "DX", "RG", "XA", "RF", "MG", "IO", "PX", "OT", "DF", "DS", "CF"])
"""Modalities of projections; OT, for scanned films and secondary captures."""
_VOLUMES = ("1.2.840.10008.5.1.4.1.1.13.1.",)
"""Tomosynthesis and other volumes of radiographic modalities (PS3.4 B.5)."""
_FLUOROSCOPY = "1.2.840.10008.5.1.4.1.1.12."
"""X-ray angiography and radiofluoroscopy, enhanced or not (PS3.4 B.5)."""
_GROUPS = ("FramePixelDataPropertiesSequence", "XRayGeometrySequence", "PixelMeasuresSequence")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, eq=False)
class DicomRadiograph:
    """What is taken from one frame of a file.

    Attributes:
        image: H x W; in the domain ``log`` bone is bright.
        domain: What its values mean.
        pixel_mm: Pitch at the detector; None where the file does not say it.
        magnification: Source-detector over source-patient distance; 1 where the file does not say both.
        frame: Which frame of the file, from 0.
    """

    image: Image
    domain: Domain
    pixel_mm: float | None
    magnification: float
    frame: int = 0


def read_dicom(path: Path, meaning: Meaning | None = None, frame: int = 0) -> DicomRadiograph:
    """Read one frame of a grey radiograph.

    Padding becomes air: the darkest pixel in the domain ``log``, the brightest in ``intensity``. Stored values pass
    the Modality LUT or rescale, but not that of angiography and fluoroscopy whose values are logarithms or displayed,
    for there it leads back to intensities (PS3.4 N.2.1.2). What they mean then is, in this order:

    - ``meaning``, if it is given: ``intensity`` takes them so; ``log`` and ``inverted`` take them as they are shown,
      ``inverted`` turned over after that.
    - Pixel Intensity Relationship and its Sign (DICOM PS3.3 C.8.11.3), which speaks of stored values: sign -1 (high
      values are little intensity) is ``log``; sign 1 is ``intensity`` where the relationship is ``LIN``, else ``log``
      turned over. Angiography and fluoroscopy have no sign: ``LIN`` and ``LOG`` grow with the intensity (C.8.7.1.1.2).
      Real files tagged ``FOR PRESENTATION`` may hold linear intensity with bone dark, so this goes before the
      photometric tag.
    - Else radiographs are shown with bone bright: ``log``.

    Shown values are those after the VOI LUT, where there is a table (windows only cut), turned over once where the
    file is ``MONOCHROME1`` or its Presentation LUT Shape is ``INVERSE``.

    Only a monotone curve separates displayed values from line integrals. Turning over keeps the range:
    lowest plus highest minus value.

    Raises:
        InputError: It cannot be read, is no grey projection, has no such frame, or its spacing is absurd.
    """
    for found in read_frames(path, meaning, frame):
        return found
    raise InputError(path, f"has no frame {frame + 1}", "check the number of the frame")


def read_frames(path: Path, meaning: Meaning | None = None, first: int = 0) -> Iterator[DicomRadiograph]:
    """The frames of a file as :func:`read_dicom` reads one, decoded one at a time.

    Raises:
        InputError: As :func:`read_dicom`.
    """
    file = dicom.open_dicom(path)
    layout = _grey_layout(file)
    for number, stored in enumerate(dicom.stored_frames(file, layout, first), first):
        values, padded = stored.values, stored.padded
        if values.ndim == 3:
            if (values != values[..., :1]).any():
                raise InputError(path, "is in colour", "save one grey channel")
            values = values[..., 0]
        if padded is not None and padded.all():
            raise InputError(path, f"frame {number + 1} is nothing but padding", "leave it out")
        yield _radiograph(file, layout, number, values, padded, meaning)


def frame_count(path: Path) -> int:
    """Frames of a radiograph, once its header is known to be possible.

    Raises:
        InputError: As :func:`read_dicom`, for what shows without pixels.
    """
    return _grey_layout(dicom.open_dicom(path)).frames


def patient_key(path: Path) -> str | None:
    """A digest that is equal for two files of one patient, None where the file names none.

    It is to be compared and forgotten: short identifiers can be found from their digests.

    Raises:
        InputError: The file cannot be read.
    """
    file = dicom.open_dicom(path)
    words = [dicom.word(file, "PatientID"), dicom.word(file, "IssuerOfPatientID")]
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest() if words[0] else None


def _grey_layout(file: DicomFile) -> Layout:
    """The pixels' layout, once the file is known to be a projection in shades of grey."""
    code = dicom.modality(file)
    if not dicom.holds_image(file):
        raise InputError(file.path, f"is no picture ({dicom.what_it_is(file)})", "leave it out")
    if (code and code not in RADIOGRAPHS) or dicom.word(file, "SOPClassUID").startswith(_VOLUMES):
        raise InputError(file.path, f"is no radiograph ({dicom.what_it_is(file)})", "leave it out")
    layout = dicom.pixel_layout(file)
    if layout.photometric not in _MONOCHROME and layout.samples == 1:
        raise InputError(file.path, "is no grey picture", "save one grey channel")
    return layout


def _radiograph(
    file: DicomFile, layout: Layout, frame: int, stored: np.ndarray, padded: np.ndarray | None, given: Meaning | None
) -> DicomRadiograph:
    path = file.path
    relationship = _word(file, frame, "PixelIntensityRelationship")
    sign = _number(file, frame, "PixelIntensityRelationshipSign")
    fluoroscopy = dicom.word(file, "SOPClassUID").startswith(_FLUOROSCOPY)
    values, falling = _modality_values(file, layout, frame, stored, fluoroscopy and relationship in ("LOG", "DISP"))
    if sign is None and fluoroscopy and relationship in ("LIN", "LOG"):
        sign = 1.0
    if sign not in (None, 1, -1):
        raise InputError(path, "PixelIntensityRelationshipSign is neither 1 nor -1", "say domain=log or intensity")
    if sign is not None and falling:
        sign = -sign
    domain: Domain = "log"
    if given == "intensity" or (given is None and sign == 1 and relationship == "LIN"):
        domain, turned = "intensity", False
    elif given is None and sign is not None:
        turned = sign == 1
    else:
        shown = _voi_lut(file, layout, frame, values)
        values = values if shown is None else shown
        inverse = dicom.word(file, "PresentationLUTShape") == "INVERSE" or layout.photometric == "MONOCHROME1"
        turned = inverse != (given == "inverted")
    kept = values if padded is None else values[~padded]
    low, high = float(kept.min()), float(kept.max())
    if not np.isfinite((low, high)).all() or max(abs(low), abs(high)) > float(np.finfo(np.float32).max):
        raise InputError(path, "holds numbers without end once rescaled", "export it again")
    if turned:
        values = low + high - values
    image = values.astype(np.float32)
    if padded is not None:
        image[padded] = low if domain == "log" else high
    return DicomRadiograph(image, domain, _pitch(file, frame), _magnification(file, frame), frame)


def _modality_values(
    file: DicomFile, layout: Layout, frame: int, stored: np.ndarray, ignored: bool
) -> tuple[np.ndarray, bool]:
    """Values after the Modality LUT or rescale, and whether it turns them over."""
    if ignored:
        return stored.astype(np.float64), False
    table = dicom.lookup_table(file, "ModalityLUTSequence", layout.signed)
    if table is not None:
        return table(stored).astype(np.float64), table.falling
    group = dicom.functional(file, frame, "PixelValueTransformationSequence")
    slope = dicom.number(file, "RescaleSlope", group)
    intercept = dicom.number(file, "RescaleIntercept", group)
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0:
        raise InputError(file.path, "RescaleSlope is 0", "export it again")
    return stored * np.float64(slope) + intercept, slope < 0


def _voi_lut(file: DicomFile, layout: Layout, frame: int, values: np.ndarray) -> np.ndarray | None:
    group = dicom.functional(file, frame, "FrameVOILUTSequence")
    table: LookupTable | None = None
    for source in (group, None):
        if table is None:
            table = dicom.lookup_table(file, "VOILUTSequence", layout.signed or bool(values.min() < 0), source)
    return None if table is None else table(values).astype(np.float64)


def _sources(file: DicomFile, frame: int) -> list[Any]:
    """Where an attribute of a frame may lie: the file itself, then its functional groups."""
    return [None, *(group for name in _GROUPS if (group := dicom.functional(file, frame, name)) is not None)]


def _word(file: DicomFile, frame: int, keyword: str) -> str:
    return next((text for source in _sources(file, frame) if (text := dicom.word(file, keyword, source))), "")


def _number(file: DicomFile, frame: int, keyword: str) -> float | None:
    found = (dicom.number(file, keyword, source) for source in _sources(file, frame))
    return next((value for value in found if value is not None), None)


def _pitch(file: DicomFile, frame: int) -> float | None:
    low, high = PIXEL_RANGE_MM
    aspect = dicom.numbers(file, "PixelAspectRatio", 2)
    if aspect is not None and (min(aspect) <= 0 or abs(aspect[0] / aspect[1] - 1) > SQUARE):
        problem = f"pixels of {aspect[0]:g} by {aspect[1]:g} (PixelAspectRatio, height by width)"
        raise InputError(file.path, problem, "resample it to square pixels")
    for name in SPACINGS:
        found = (dicom.numbers(file, name, source=source) for source in _sources(file, frame))
        spacing = next((value for value in found if value is not None), None)
        if spacing is None:
            continue
        if len(spacing) != 2 or not all(low <= part <= high for part in spacing):
            raise InputError(file.path, f"{name} is not two lengths between {low:g} and {high:g} mm", "correct it")
        if abs(spacing[0] / spacing[1] - 1) > SQUARE:
            problem = f"{name} says {spacing[0]:g} x {spacing[1]:g} mm"
            raise InputError(file.path, problem, "resample it to square pixels")
        return spacing[1]
    return None


def _magnification(file: DicomFile, frame: int) -> float:
    detector = _number(file, frame, "DistanceSourceToDetector")
    patient = _number(file, frame, "DistanceSourceToPatient")
    if detector and patient and patient > 0 and 1 <= detector / patient <= MAX_MAGNIFICATION:
        return detector / patient
    return 1.0
