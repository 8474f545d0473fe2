"""Numba kernel: resample HU and labels through a coarse grid of source positions, in one pass."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def pull_back(
    hu: np.ndarray,
    labels: np.ndarray,
    coarse: np.ndarray,
    steps: np.ndarray,
    outside_hu: int,
    out_hu: np.ndarray,
    out_labels: np.ndarray,
) -> None:
    """Fill ``out_hu`` (linear) and ``out_labels`` (nearest) from ``hu`` and ``labels``.

    ``coarse[a, b, c]`` is the source voxel index (3 values) of output voxel ``(a, b, c) * steps``, linear
    in between. Within half a voxel of the border the border value counts; beyond it, ``outside_hu`` and 0.
    """
    ni, nj, nk = hu.shape
    oi, oj, ok = out_hu.shape
    row = np.empty((coarse.shape[2], 3))
    for i in range(oi):
        a = min(i // steps[0], coarse.shape[0] - 2)
        fa = (i - a * steps[0]) / steps[0]
        for j in range(oj):
            b = min(j // steps[1], coarse.shape[1] - 2)
            fb = (j - b * steps[1]) / steps[1]
            for c in range(coarse.shape[2]):
                for axis in range(3):
                    low = coarse[a, b, c, axis] * (1 - fb) + coarse[a, b + 1, c, axis] * fb
                    high = coarse[a + 1, b, c, axis] * (1 - fb) + coarse[a + 1, b + 1, c, axis] * fb
                    row[c, axis] = low * (1 - fa) + high * fa
            for k in range(ok):
                c = min(k // steps[2], coarse.shape[2] - 2)
                fc = (k - c * steps[2]) / steps[2]
                x = row[c, 0] * (1 - fc) + row[c + 1, 0] * fc
                y = row[c, 1] * (1 - fc) + row[c + 1, 1] * fc
                z = row[c, 2] * (1 - fc) + row[c + 1, 2] * fc
                inside = -0.5 <= x < ni - 0.5 and -0.5 <= y < nj - 0.5 and -0.5 <= z < nk - 0.5
                if not inside:
                    out_hu[i, j, k] = outside_hu
                    out_labels[i, j, k] = 0
                    continue
                out_labels[i, j, k] = labels[int(x + 0.5), int(y + 0.5), int(z + 0.5)]
                x = min(max(x, 0.0), ni - 1.0)
                y = min(max(y, 0.0), nj - 1.0)
                z = min(max(z, 0.0), nk - 1.0)
                x0, y0, z0 = int(x), int(y), int(z)
                x1, y1, z1 = min(x0 + 1, ni - 1), min(y0 + 1, nj - 1), min(z0 + 1, nk - 1)
                fx, fy, fz = x - x0, y - y0, z - z0
                c00 = hu[x0, y0, z0] * (1 - fz) + hu[x0, y0, z1] * fz
                c01 = hu[x0, y1, z0] * (1 - fz) + hu[x0, y1, z1] * fz
                c10 = hu[x1, y0, z0] * (1 - fz) + hu[x1, y0, z1] * fz
                c11 = hu[x1, y1, z0] * (1 - fz) + hu[x1, y1, z1] * fz
                value = (c00 * (1 - fy) + c01 * fy) * (1 - fx) + (c10 * (1 - fy) + c11 * fy) * fx
                out_hu[i, j, k] = np.int16(np.floor(value + 0.5))
