"""Slices of a CT as DICOM states them: one plane a file, or one a frame of an enhanced multi-frame file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthex import dicom
from synthex.core import InputError
from synthex.core.limits import MAX_SLICES
from synthex.dicom import DicomFile, Layout

AGAIN = "export the series again"
CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""CT, enhanced CT, and legacy converted enhanced CT (DICOM PS3.4 B.5)."""
_NOT_HU = frozenset(["OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT", "MCIQ"])
"""Other units that rescaled values of CTs may have (PS3.3 C.11.1.1.2); US, unspecified, is left to the values."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice.

    Attributes:
        file: Where it lies.
        layout: Of its file's pixels.
        frame: Of its file, from 0.
        position: Centre of its first pixel, LPS mm.
        orientation: Direction of a row and of a column, LPS.
        spacing: Between rows and between columns, mm.
        rescale: Slope and intercept to HU, or None where it has neither.
        place: Its number in its stack, where it has one.
    """

    file: DicomFile
    layout: Layout
    frame: int
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    rescale: tuple[float, float] | None
    place: int | None

    def problem(self, what: str, remedy: str = AGAIN) -> InputError:
        """An error that names the slice."""
        frame = f"frame {self.frame + 1}: " if self.layout.frames > 1 else ""
        return InputError(self.file.path, f"{frame}{what}", remedy)

    @property
    def name(self) -> str:
        """File and frame, for messages."""
        return f"{self.file.path.name}{f' frame {self.frame + 1}' if self.layout.frames > 1 else ''}"


def planes_of(file: DicomFile) -> list[Plane]:
    """The planes of one file, in its order.

    Raises:
        InputError: It has no usable pixels, or a plane lacks position, orientation, spacing or a usable rescale.
    """
    layout = dicom.pixel_layout(file, MAX_SLICES)
    if layout.samples != 1 or not layout.photometric.startswith("MONOCHROME"):
        raise InputError(file.path, f"{layout.samples} values per voxel (a colour image)", "give a CT in HU")
    if layout.stored <= 8:
        raise InputError(file.path, "8-bit values, which cannot hold HU", "give a CT in HU")
    described = len(dicom.sequence(file, "PerFrameFunctionalGroupsSequence"))
    if layout.frames > 1 and described != layout.frames:
        problem = f"describes {described} of {layout.frames} frames, so the places of slices are unknown"
        raise InputError(file.path, problem, AGAIN)
    return [_plane(file, layout, frame) for frame in range(layout.frames)]


def _plane(file: DicomFile, layout: Layout, frame: int) -> Plane:
    position = _vector(file, frame, "PlanePositionSequence", "ImagePositionPatient", 3)
    orientation = _vector(file, frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = _vector(file, frame, "PixelMeasuresSequence", "PixelSpacing", 2)
    lengths = np.linalg.norm(orientation.reshape(2, 3), axis=1)
    if np.abs(lengths - 1).max() > 1e-2 or abs(orientation[:3] @ orientation[3:]) > 1e-2:
        raise InputError(file.path, "the directions of its rows and columns are not of length 1 at right angles", AGAIN)
    orientation = orientation / np.repeat(lengths, 3)
    content = dicom.functional(file, frame, "FrameContentSequence")
    place = None if content is None else dicom.integer(file, "InStackPositionNumber", content)
    return Plane(file, layout, frame, position, orientation, spacing, _rescale(file, frame), place)


def _vector(file: DicomFile, frame: int, group: str, keyword: str, count: int) -> np.ndarray:
    source: Any = dicom.functional(file, frame, group)
    values = None if source is None else dicom.numbers(file, keyword, count, source)
    if values is None:
        values = dicom.numbers(file, keyword, count)
    if values is None:
        what = f"slices without position, orientation or pixel spacing ({keyword})"
        raise InputError(file.path, what, AGAIN)
    return np.array(values)


def _rescale(file: DicomFile, frame: int) -> tuple[float, float] | None:
    if dicom.sequence(file, "ModalityLUTSequence"):
        raise InputError(file.path, "a table in place of rescale slope and intercept", "give a CT in HU")
    source: Any = dicom.functional(file, frame, "PixelValueTransformationSequence")
    slope, intercept = (dicom.number(file, name, source) for name in ("RescaleSlope", "RescaleIntercept"))
    unit = dicom.word(file, "RescaleType", source)
    if unit in _NOT_HU:
        raise InputError(file.path, f"values in the unit {unit}, not HU", "give a CT in HU")
    if slope is None and intercept is None:
        return None
    if slope is None or intercept is None:
        raise InputError(file.path, "rescale slope without intercept, or the other way round", AGAIN)
    if slope <= 0:
        raise InputError(file.path, "a rescale slope that is not above 0", AGAIN)
    return slope, intercept
