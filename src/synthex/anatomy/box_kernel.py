"""The box of what is in a volume, found in one pass over its voxels."""

import numpy as np
from jaxtyping import Int, Num
from numba import njit


def box_of(data: Num[np.ndarray, "I J K"], value: int | None = None) -> Int[np.ndarray, "2 3"] | None:
    """First voxel and one past the last, per axis, of those that hold ``value``; None where no voxel does.

    Args:
        data: Integers.
        value: What is looked for; None for anything but 0.
    """
    box = _box(data, 0 if value is None else value, value is not None)
    return box if box[1, 0] > 0 else None


@njit(cache=True, nogil=True)
def _box(data: np.ndarray, value: int, equal: bool) -> np.ndarray:
    low, high = np.array(data.shape), np.zeros(3, dtype=np.int64)
    for i in range(data.shape[0]):
        for j in range(data.shape[1]):
            for k in range(data.shape[2]):
                if (data[i, j, k] == value) == equal:
                    low[0], high[0] = min(low[0], i), max(high[0], i + 1)
                    low[1], high[1] = min(low[1], j), max(high[1], j + 1)
                    low[2], high[2] = min(low[2], k), max(high[2], k + 1)
    return np.stack((low, high))
