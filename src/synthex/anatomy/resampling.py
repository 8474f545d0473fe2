"""Resampling a volume to isotropic voxels along its own axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num

from synthex.core import Affine, Volume
from synthex.core.arrays import VoxelArray

_TRUNCATE = 4.0  # half width of the blur's kernel, in sigma
_TIE = 1e-4  # occupancies closer than this are equal
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
    shape, affine = isotropic_grid(volume, spacing_mm)
    axes = _axes(volume, shape, spacing_mm)
    data: VoxelArray = volume.data
    if not all(axis.unchanged for axis in axes):
        data = _resampled(data.astype(np.float32, copy=False), axes)
    if volume.data.dtype.kind in "iu":
        info = np.iinfo(volume.data.dtype)
        data = np.clip(np.rint(data), info.min, info.max)
    return Volume(np.ascontiguousarray(data.astype(volume.data.dtype)), affine)


def resample_labels(volume: Volume, spacing_mm: float | int) -> Volume:
    """Ids on the grid of :func:`resample_linear`.

    Where an axis gets coarser, a voxel gets the id that fills most of it: each id's occupancy is resampled
    as :func:`resample_linear` does with HU, and the largest wins, so that labels neither move against the
    HU nor lose what falls between the new centres. A nearest neighbour would move them: at a ratio of 2
    every new centre is half-way between two old ones. Where no axis gets coarser, the nearest id is taken.

    Args:
        volume: Unsigned integer ids, 0 is background.
        spacing_mm: Edge of the new voxels.
    """
    shape, affine = isotropic_grid(volume, spacing_mm)
    axes = _axes(volume, shape, spacing_mm)
    if any(axis.sigma > 0 for axis in axes):
        return Volume(_most_filling(volume.data, shape, axes), affine)
    data = volume.data
    for number, axis in enumerate(axes):
        data = np.take(data, np.rint(axis.positions).astype(np.intp), axis=number)
    return Volume(np.ascontiguousarray(data), affine)


@dataclass(frozen=True, eq=False)
class _Axis:
    """How one axis is resampled.

    Attributes:
        positions: Old voxel coordinates of the new voxel centres.
        sigma: Blur in old voxels, 0 where the axis does not get coarser.
        unchanged: Whether old and new voxels are the same.
    """

    positions: np.ndarray
    sigma: float
    unchanged: bool

    def near(self, first: int, last: int) -> tuple[slice, slice, "_Axis"]:
        """Old and new voxels that the old voxels ``first`` to ``last`` reach, and the axis between the two."""
        reach = int(_TRUNCATE * self.sigma + 0.5) + 1
        low = max(0, first - reach)
        start, stop = np.searchsorted(self.positions, (first - reach, last + reach), side="left")
        part = _Axis(self.positions[start:stop] - low, self.sigma, self.unchanged)
        # One old voxel more than is reached, for the interpolation of the last position.
        return slice(low, last + reach + 2), slice(int(start), int(stop)), part


def _axes(volume: Volume, shape: tuple[int, int, int], spacing_mm: float | int) -> tuple[_Axis, ...]:
    axes = []
    for old, new, step in zip(volume.shape, shape, volume.spacing_mm, strict=True):
        ratio = spacing_mm / float(step)
        sigma = float(np.sqrt(ratio**2 - 1) / _FWHM_PER_SIGMA) if ratio > 1 + 1e-6 else 0.0
        axes.append(_Axis(_old_positions(old, new, ratio), sigma, old == new and abs(ratio - 1) < 1e-6))
    return tuple(axes)


def _resampled(data: VoxelArray, axes: Sequence[_Axis]) -> Num[np.ndarray, "A B C"]:
    from scipy.ndimage import gaussian_filter1d

    # Coarsened axes first: what follows then works on less.
    for number in sorted(range(3), key=lambda a: len(axes[a].positions) / data.shape[a]):
        axis = axes[number]
        if axis.unchanged:
            continue
        if axis.sigma > 0:
            data = gaussian_filter1d(data, axis.sigma, axis=number, mode="nearest", truncate=_TRUNCATE)
        data = _linear_along(data, number, axis.positions)
    return data


def _most_filling(data: VoxelArray, shape: tuple[int, int, int], axes: Sequence[_Axis]) -> Num[np.ndarray, "A B C"]:
    """The id of the largest occupancy; background has what the ids leave. One id in memory at a time."""
    from scipy.ndimage import find_objects

    best, left = np.zeros(shape, dtype=np.float32), np.ones(shape, dtype=np.float32)
    ids = np.zeros(shape, dtype=data.dtype)
    for number, box in enumerate(find_objects(data), start=1):
        if box is None:
            continue
        parts = [axis.near(along.start, along.stop - 1) for axis, along in zip(axes, box, strict=True)]
        old, new = tuple(part[0] for part in parts), tuple(part[1] for part in parts)
        occupancy = _resampled((data[old] == number).astype(np.float32), [part[2] for part in parts])
        left[new] -= occupancy
        larger = occupancy > best[new] + _TIE
        best[new][larger] = occupancy[larger]
        ids[new][larger] = number
    # Half bone counts as bone, on every side alike: rounding must not choose a direction.
    ids[best < left - _TIE] = 0
    return ids


def _old_positions(old: int, new: int, ratio: float) -> np.ndarray:
    """Old voxel coordinates of the new voxel centres along one axis, clamped to the outermost centres."""
    return np.clip((np.arange(new) - (new - 1) / 2) * ratio + (old - 1) / 2, 0, old - 1)


def _linear_along(data: VoxelArray, axis: int, positions: np.ndarray) -> Num[np.ndarray, "A B C"]:
    low = np.minimum(positions.astype(np.intp), data.shape[axis] - 1)
    high = np.minimum(low + 1, data.shape[axis] - 1)
    weight = (positions - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    below = np.take(data, low, axis=axis)
    return below + weight * (np.take(data, high, axis=axis) - below)
