"""Reading volume files and DICOM series through SimpleITK, which is imported only when a file is read."""

import os
from pathlib import Path
from types import ModuleType

import numpy as np

from synthex.anatomy.io.grid import RAS_FROM_LPS, RawVolume, checked_affine
from synthex.anatomy.io.headers import read_text_header, verify_compressed_voxels
from synthex.anatomy.io.nifti_header import read_nifti_header, verify_nifti_voxels
from synthex.core import Affine, InputError
from synthex.core.quiet import quiet_stderr

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Volume file names that are understood; DICOM is recognised by content."""


def volume_suffix(path: Path) -> str | None:
    """The suffix of a volume file (``.nii.gz`` counts as one), or None for any other file."""
    name = path.name.lower()
    return max((suffix for suffix in VOLUME_SUFFIXES if name.endswith(suffix)), key=len, default=None)


def volume_stem(path: Path) -> str:
    """File name without the volume suffix."""
    return path.name[: len(path.name) - len(volume_suffix(path) or "")]


def require_readable(path: Path) -> None:
    """Refuse what does not exist, may not be read, or is empty.

    Raises:
        InputError: As said.
    """
    if not path.exists():
        raise InputError(path, "no such file or folder", "check the path")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise InputError(path, "no permission to read it", "change its permissions")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(path, "the file is empty", "copy or export it again")


def simpleitk() -> ModuleType:
    """SimpleITK with its global warnings switched off."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    return SimpleITK


def read_raw(path: Path, header_only: bool = False, hu: bool = False) -> RawVolume:
    """Read one volume file (not DICOM) in its own voxel order.

    Args:
        path: NIfTI, NRRD or MetaImage file.
        header_only: Check header and file size, leave the voxels unread.
        hu: Whether its values are to hold HU: those of 8 bits are refused before they are read.

    Raises:
        InputError: Unreadable, truncated, too large (:mod:`synthex.core.limits`), not a scalar 3-D volume, or an
            unusable affine.
    """
    data, shape, affine = read_layers(path, header_only, hu, layered=False)
    return RawVolume(None if data is None else data[..., 0], shape, affine)


def read_layers(
    path: Path, header_only: bool = False, hu: bool = False, *, layered: bool = True
) -> tuple[np.ndarray | None, tuple[int, int, int], Affine]:
    """:func:`read_raw` for files of several values a voxel, as 3D Slicer writes overlapping segments.

    Args:
        path: NIfTI, NRRD or MetaImage file.
        header_only: Check header and file size, leave the voxels unread.
        hu: As for :func:`read_raw`.
        layered: Whether more than one value a voxel is accepted.

    Returns:
        Voxels [i, j, k, layer] or None, voxels along i, j, k, and the affine.

    Raises:
        InputError: As :func:`read_raw`.
    """
    require_readable(path)
    suffix = volume_suffix(path)
    if path.is_dir() or suffix is None:
        raise InputError(path, "not a volume file", f"use DICOM or one of {', '.join(VOLUME_SUFFIXES)}")
    nifti = read_nifti_header(path) if suffix.startswith(".nii") else None
    text = read_text_header(path) if nifti is None else None
    sitk = simpleitk()
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    if nifti is not None:
        # Our own affine first: ITK would refuse a sheared one with a message nobody can act on.
        checked_affine(path, nifti.matrix)
    try:
        with quiet_stderr():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(path, "cannot be read as a volume", "the file is damaged or not what its name says") from error
    size = tuple(int(n) for n in reader.GetSize())
    layers = int(reader.GetNumberOfComponents())
    require_scalar_3d(path, size, 1 if layered else layers)
    if hu and (text.voxel_bytes == 1 if text is not None else nifti is not None and nifti.bits <= 8):
        raise InputError(path, "8-bit values, which cannot hold HU", "give a CT in HU")
    in_itk = matrix_from_itk(reader.GetSpacing(), reader.GetDirection(), reader.GetOrigin())
    affine = checked_affine(path, in_itk if nifti is None else nifti.matrix)
    if header_only:
        return None, (size[0], size[1], size[2]), affine
    if nifti is not None:
        verify_nifti_voxels(path, nifti)
    if text is not None:
        verify_compressed_voxels(path, text)
    try:
        with quiet_stderr():
            data = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise InputError(
            path, "the voxels cannot be read: the file is truncated or damaged", "copy it again"
        ) from error
    data = np.moveaxis(data.reshape(*size[2::-1], layers), (0, 1, 2), (2, 1, 0))
    return data, data.shape[:3], affine


def require_scalar_3d(path: Path, size: tuple[int, ...], components: int) -> None:
    """Refuse colours, vectors, images that are not 3-D, and single slices.

    Raises:
        InputError: As said.
    """
    shown = " x ".join(str(n) for n in size)
    if components != 1:
        raise InputError(path, f"{components} values per voxel (a colour or vector image)", "give a CT in HU")
    if len(size) < 3 or any(n != 1 for n in size[3:]):
        raise InputError(path, f"{len(size)}-D image of {shown}, not a volume", "give one 3-D volume")
    if min(size[:3]) < 2:
        raise InputError(path, f"only one slice ({shown} voxels)", "give the whole volume")


def matrix_from_itk(spacing: tuple[float, ...], direction: tuple[float, ...], origin: tuple[float, ...]) -> np.ndarray:
    """4 x 4 RAS mm from voxel indices, from ITK's LPS geometry of a 3-D or 4-D image."""
    dimension = len(spacing)
    matrix = np.eye(4)
    matrix[:3, :3] = (np.reshape(direction, (dimension, dimension)) * np.asarray(spacing))[:3, :3]
    matrix[:3, 3] = origin[:3]
    return RAS_FROM_LPS @ matrix
