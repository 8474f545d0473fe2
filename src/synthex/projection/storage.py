"""How the kernels see a volume: all voxels in a row, and the steps between neighbours."""

import numpy as np

from synthex.core.arrays import VoxelArray


def storage_order(data: VoxelArray) -> tuple[int, ...]:
    """The axes of an array, the one with the largest stride first."""
    return tuple(int(axis) for axis in np.argsort([-abs(stride) for stride in data.strides], kind="stable"))


def flat_voxels(data: VoxelArray, order: tuple[int, ...] | None = None) -> np.ndarray:
    """All voxels as a read-only 1-D view, or a copy where they are not stored in this order.

    Args:
        data: The voxels.
        order: Axes, slowest first; None for the array's own storage order.
    """
    # Read-only always, so that Numba sees one type for arrays and memory maps and compiles once.
    flat = np.ascontiguousarray(np.asarray(data).transpose(order or storage_order(data))).reshape(-1).view(np.ndarray)
    flat.flags.writeable = False
    return flat


def voxel_steps(data: VoxelArray) -> np.ndarray:
    """Elements of :func:`flat_voxels` between neighbours along i, j and k, (3,) int64."""
    slow, middle, fast = storage_order(data)
    steps = np.empty(3, dtype=np.int64)
    steps[[slow, middle, fast]] = (data.shape[middle] * data.shape[fast], data.shape[fast], 1)
    return steps
