"""DICOM: series folders of single slices, and enhanced multi-frame files. No tag's value reaches a message."""

from pathlib import Path

import numpy as np

from synthex.anatomy.io.grid import RAS_FROM_LPS, RawVolume, checked_affine
from synthex.anatomy.io.images import (
    is_dicom,
    matrix_from_itk,
    require_readable,
    require_scalar_3d,
    simpleitk,
)
from synthex.core import InputError
from synthex.core.quiet import quiet_stderr

MODALITY, SERIES = "0008|0060", "0020|000e"
ORIENTATION, POSITION, PIXEL_SPACING = "0020|0037", "0020|0032", "0028|0030"
FRAMES = "0028|0008"
GAP_TOLERANCE = 0.02
"""Slices may deviate from the even grid by this share of the spacing (rounded decimal strings do)."""


def dicom_files(folder: Path) -> list[Path]:
    """DICOM files lying directly in ``folder``, by name."""
    return sorted(entry for entry in folder.iterdir() if entry.is_file() and is_dicom(entry))


def read_dicom(path: Path, header_only: bool = False) -> RawVolume:
    """Read a series folder, or one multi-frame file.

    Args:
        path: Folder with the slices of exactly one CT series, or an enhanced multi-frame file.
        header_only: Check the headers of every slice, leave the pixels unread.

    Raises:
        InputError: No DICOM, several series, another modality than CT, missing or repeated slices,
            differing sizes, or an unusable geometry.
    """
    require_readable(path)
    files = dicom_files(path) if path.is_dir() else [path]
    if not files:
        raise InputError(path, "no DICOM files in this folder", "give the folder that holds the slices")
    slices = [_Slice(file) for file in files]
    if len({entry.series for entry in slices}) > 1:
        count = len({entry.series for entry in slices})
        raise InputError(path, f"{count} series are mixed in one folder", "keep one series per folder")
    other = sorted({entry.modality for entry in slices} - {"CT"})
    if other:
        raise InputError(path, f"modality {other[0]}, not CT", "give a CT in HU")
    if len(files) == 1:
        return _read_multiframe(files[0], header_only)
    return _read_series(path, slices, header_only)


class _Slice:
    """Header of one file; keeps geometry only."""

    def __init__(self, path: Path) -> None:
        require_readable(path)
        reader = simpleitk().ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        try:
            with quiet_stderr():
                reader.ReadImageInformation()
        except RuntimeError as error:
            raise InputError(path, "the DICOM file is truncated or damaged", "export it again") from error
        self.path = path
        self.modality = _tag(reader, MODALITY) or "unknown"
        self.series = _tag(reader, SERIES)
        self.size = tuple(reader.GetSize())
        self.components = reader.GetNumberOfComponents()
        self.orientation = _numbers(reader, ORIENTATION, 6)
        self.position = _numbers(reader, POSITION, 3)
        self.pixel = _numbers(reader, PIXEL_SPACING, 2)


def _tag(reader: object, key: str) -> str:
    return reader.GetMetaData(key).strip(" \0") if reader.HasMetaDataKey(key) else ""  # type: ignore[attr-defined]


def _numbers(reader: object, key: str, count: int) -> np.ndarray | None:
    try:
        values = np.array([float(part) for part in _tag(reader, key).split("\\")])
    except ValueError:
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None


def _read_series(folder: Path, slices: list[_Slice], header_only: bool) -> RawVolume:
    geometry = [(entry.orientation, entry.position, entry.pixel) for entry in slices]
    if any(part is None for parts in geometry for part in parts):
        raise InputError(folder, "slices without position, orientation or pixel spacing", "export the series again")
    first = slices[0]
    for entry in slices:
        require_scalar_3d(entry.path, (*entry.size[:2], 2), entry.components)
    if any(entry.size[:2] != first.size[:2] for entry in slices):
        raise InputError(folder, "slices of different sizes (a localiser among them?)", "keep one series per folder")
    orientation = np.stack([entry.orientation for entry in slices])  # type: ignore[misc]
    pixel = np.stack([entry.pixel for entry in slices])  # type: ignore[misc]
    if np.ptp(orientation, axis=0).max() > 1e-3 or np.ptp(pixel, axis=0).max() > 1e-4:
        raise InputError(folder, "slices of different orientation or pixel spacing", "keep one series per folder")
    row, column = orientation[0, :3], orientation[0, 3:]
    positions = np.stack([entry.position for entry in slices])  # type: ignore[misc]
    along = positions @ np.cross(row, column)
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    step = float(np.median(gaps))
    if gaps.min() < 1e-3:
        raise InputError(folder, "two slices at one position", "remove repeated slices")
    if np.abs(gaps - step).max() > max(GAP_TOLERANCE * step, 0.01):
        missing = int(np.round(gaps / step - 1).clip(min=0).sum())
        what = f"{missing} slices are missing" if missing else "the slices are unevenly spaced"
        raise InputError(
            folder, f"{what} (gaps of {gaps.min():.2f} to {gaps.max():.2f} mm)", "export the complete series"
        )
    positions = positions[order]
    matrix = np.eye(4)
    # Pixel spacing is (between rows, between columns); i runs along a row (DICOM PS3.3 C.7.6.2.1.1).
    matrix[:3, 0], matrix[:3, 1] = row * pixel[0, 1], column * pixel[0, 0]
    matrix[:3, 2] = (positions[-1] - positions[0]) / (len(slices) - 1)
    matrix[:3, 3] = positions[0]
    affine = checked_affine(folder, RAS_FROM_LPS @ matrix)
    shape = (int(first.size[0]), int(first.size[1]), len(slices))
    if header_only:
        return RawVolume(None, shape, affine)
    sitk = simpleitk()
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(slices[index].path) for index in order])
    try:
        with quiet_stderr():
            data = sitk.GetArrayFromImage(reader.Execute()).T
    except RuntimeError as error:
        raise InputError(
            folder, "the pixels cannot be read: a slice is truncated or damaged", "export it again"
        ) from error
    return RawVolume(data, data.shape, affine)


def _read_multiframe(path: Path, header_only: bool) -> RawVolume:
    sitk = simpleitk()
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with quiet_stderr():
            reader.ReadImageInformation()
            size = tuple(int(n) for n in reader.GetSize())
            require_scalar_3d(path, size, reader.GetNumberOfComponents())
            matrix = matrix_from_itk(reader.GetSpacing(), reader.GetDirection(), reader.GetOrigin())
            data = None if header_only else sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(path, "the DICOM file is truncated or damaged", "export it again") from error
    affine = checked_affine(path, matrix)
    return RawVolume(None if data is None else data.reshape(data.shape[-3:]).T, size[:3], affine)  # type: ignore[arg-type]
