"""Resampling a volume to isotropic voxels along its own axes."""

import numpy as np
from jaxtyping import Num

from synthex.core import Affine, Volume
from synthex.core.arrays import VoxelArray

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


def isotropic_grid(volume: Volume, spacing_mm: float | int) -> tuple[tuple[int, int, int], Affine]:
    """Shape and affine of the isotropic grid with the same axes, centre and (to half a voxel) extent."""
    old = volume.spacing_mm
    extent = np.array(volume.shape) * old
    i, j, k = (int(n) for n in np.maximum(1, np.round(extent / spacing_mm)))
    linear = volume.world_from_ijk.linear / old * spacing_mm
    first = volume.center_world - linear @ ((np.array((i, j, k)) - 1) / 2)
    return (i, j, k), Affine.from_parts(linear, first)


def resample_linear(volume: Volume, spacing_mm: float | int) -> Volume:
    """Linear interpolation, after a Gaussian blur along the axes that get coarser; keeps the dtype.

    The blur takes the point spread from the old voxel to the new one: sigma (in old voxels) =
    sqrt(r^2 - 1) / 2.355 for the ratio r of spacings (Cardoso et al., MICCAI 2015, "Scale factor point
    spread function matching"). Beyond the outermost voxel centres the last value is kept.
    """
    from scipy.ndimage import gaussian_filter1d

    shape, affine = isotropic_grid(volume, spacing_mm)
    data: VoxelArray = volume.data
    # Coarsened axes first: what follows then works on less.
    for axis in sorted(range(3), key=lambda a: shape[a] / volume.shape[a]):
        ratio = spacing_mm / float(volume.spacing_mm[axis])
        if shape[axis] == volume.shape[axis] and abs(ratio - 1) < 1e-6:
            continue
        data = data.astype(np.float32, copy=False)
        if ratio > 1 + 1e-6:
            sigma = float(np.sqrt(ratio**2 - 1) / _FWHM_PER_SIGMA)
            data = gaussian_filter1d(data, sigma, axis=axis, mode="nearest")
        data = _linear_along(data, axis, _old_positions(volume.shape[axis], shape[axis], ratio))
    if volume.data.dtype.kind in "iu":
        info = np.iinfo(volume.data.dtype)
        data = np.clip(np.rint(data), info.min, info.max)
    return Volume(np.ascontiguousarray(data.astype(volume.data.dtype)), affine)


def resample_nearest(volume: Volume, spacing_mm: float | int) -> Volume:
    """Nearest neighbour, onto the grid of :func:`resample_linear`; ids are kept."""
    shape, affine = isotropic_grid(volume, spacing_mm)
    data = volume.data
    for axis in range(3):
        ratio = spacing_mm / float(volume.spacing_mm[axis])
        index = np.rint(_old_positions(volume.shape[axis], shape[axis], ratio)).astype(np.intp)
        data = np.take(data, index, axis=axis)
    return Volume(np.ascontiguousarray(data), affine)


def _old_positions(old: int, new: int, ratio: float) -> np.ndarray:
    """Old voxel coordinates of the new voxel centres along one axis, clamped to the outermost centres."""
    return np.clip((np.arange(new) - (new - 1) / 2) * ratio + (old - 1) / 2, 0, old - 1)


def _linear_along(data: VoxelArray, axis: int, positions: np.ndarray) -> Num[np.ndarray, "A B C"]:
    low = np.minimum(positions.astype(np.intp), data.shape[axis] - 1)
    high = np.minimum(low + 1, data.shape[axis] - 1)
    weight = (positions - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    below = np.take(data, low, axis=axis)
    return below + weight * (np.take(data, high, axis=axis) - below)
