"""Numba kernel: fill the air of one lung as the fields on its nodes say."""

import math

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def _mix(field: np.ndarray, a: int, b: int, c: int, x: float, y: float, z: float) -> float:
    low = (field[a, b, c] * (1 - x) + field[a + 1, b, c] * x) * (1 - y) + (
        field[a, b + 1, c] * (1 - x) + field[a + 1, b + 1, c] * x
    ) * y
    high = (field[a, b, c + 1] * (1 - x) + field[a + 1, b, c + 1] * x) * (1 - y) + (
        field[a, b + 1, c + 1] * (1 - x) + field[a + 1, b + 1, c + 1] * x
    ) * y
    return low * (1 - z) + high * z


@njit(cache=True, inline="always")
def _highest(field: np.ndarray, a: int, b: int, c: int) -> float:
    best = field[a, b, c]
    for n in range(1, 8):
        best = max(best, field[a + (n >> 2), b + ((n >> 1) & 1), c + (n & 1)])
    return best


@njit(cache=True, inline="always")
def _tile_index(matrix: np.ndarray, row: int, i: int, j: int, k: int, side: int) -> int:
    # The tile is turned against the grid: its period must not add up along a ray.
    return math.floor(matrix[row, 0] * i + matrix[row, 1] * j + matrix[row, 2] * k + matrix[row, 3]) % side


@njit(cache=True, nogil=True)
def fill_air(
    hu: np.ndarray,
    labels: np.ndarray,
    added: np.ndarray,
    lung: int,
    lesion: int,
    box: np.ndarray,
    start: np.ndarray,
    stride: np.ndarray,
    border: np.ndarray,
    fill: np.ndarray,
    septa: np.ndarray,
    grain: np.ndarray,
    grain_shift: np.ndarray,
    grain_share: float,
    walls: np.ndarray,
    walls_from_voxel: np.ndarray,
    tissue_hu: float,
) -> None:
    """Change ``hu``, ``labels`` and ``added`` in place within ``box`` (2 x 3: first, one past the last voxel)."""
    side, cells = grain.shape[0], walls.shape[0]
    ni, nj, nk = border.shape
    for a in range(ni - 1):
        i0, i1 = max(box[0, 0], start[0] + a * stride[0]), min(box[1, 0], start[0] + (a + 1) * stride[0])
        for b in range(nj - 1):
            j0, j1 = max(box[0, 1], start[1] + b * stride[1]), min(box[1, 1], start[1] + (b + 1) * stride[1])
            for c in range(nk - 1):
                if _highest(border, a, b, c) <= -0.5:
                    continue
                k0, k1 = max(box[0, 2], start[2] + c * stride[2]), min(box[1, 2], start[2] + (c + 1) * stride[2])
                for i in range(i0, i1):
                    x = (i - start[0]) / stride[0] - a
                    for j in range(j0, j1):
                        y = (j - start[1]) / stride[1] - b
                        for k in range(k0, k1):
                            if labels[i, j, k] != lung:
                                continue
                            z = (k - start[2]) / stride[2] - c
                            t = _mix(border, a, b, c, x, y, z) + 0.5
                            if t <= 0:
                                continue
                            weight = 1.0 if t >= 1 else t * t * (3 - 2 * t)
                            share = _mix(fill, a, b, c, x, y, z)
                            # No grain where all air is gone: else dense parts would get holes of air.
                            noise = grain[
                                (i + grain_shift[0]) % side, (j + grain_shift[1]) % side, (k + grain_shift[2]) % side
                            ]
                            share += grain_share * share * (1 - share) * noise
                            strength = _mix(septa, a, b, c, x, y, z)
                            if strength > 0:
                                wall = walls[
                                    _tile_index(walls_from_voxel, 0, i, j, k, cells),
                                    _tile_index(walls_from_voxel, 1, i, j, k, cells),
                                    _tile_index(walls_from_voxel, 2, i, j, k, cells),
                                ]
                                share += (1 - share) * strength * wall
                            share = min(1.0, max(0.0, share))
                            air = min(1.0, max(0.0, -hu[i, j, k] / 1000.0))
                            more = int(air * weight * share * (1000.0 + tissue_hu) + 0.5)
                            hu[i, j, k] += more
                            added[i, j, k] = more
                            if t >= 0.5:
                                labels[i, j, k] = lesion
