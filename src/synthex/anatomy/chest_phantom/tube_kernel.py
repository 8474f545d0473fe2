"""Numba kernel that lays tubes (vessels, bronchi, loops of gas, cartilage) over a volume."""

import math

import numpy as np
from numba import njit

#: Rows of tubes: a(0:3) b(3:6) radius at a(6) at b(7), mm.
TUBE_ROW = 8


@njit(cache=True)
def cover_tubes(shape: tuple[int, int, int], origin: np.ndarray, spacing: float, tubes: np.ndarray) -> np.ndarray:
    """Share of every voxel that lies in a tube, float32; where tubes overlap, the largest share.

    A tube thinner than a voxel keeps its cross-section's area: it becomes a Gaussian of that weight, 0.55 voxels
    wide.

    Args:
        shape: Voxels along i, j, k.
        origin: World position of voxel (0, 0, 0), mm.
        spacing: Voxel size, mm.
        tubes: Rows as at ``TUBE_ROW``.
    """
    out = np.zeros(shape, np.float32)
    sigma = 0.55 * spacing
    for n in range(tubes.shape[0]):
        r = tubes[n]
        reach = max(r[6], r[7]) + 2.0 * spacing
        low, high = np.empty(3, np.int64), np.empty(3, np.int64)
        for axis in range(3):
            low[axis] = max(0, math.ceil((min(r[axis], r[3 + axis]) - reach - origin[axis]) / spacing))
            high[axis] = min(shape[axis], math.floor((max(r[axis], r[3 + axis]) + reach - origin[axis]) / spacing) + 1)
        bx, by, bz = r[3] - r[0], r[4] - r[1], r[5] - r[2]
        length2 = bx * bx + by * by + bz * bz + 1e-9
        for i in range(low[0], high[0]):
            px = origin[0] + spacing * i - r[0]
            for j in range(low[1], high[1]):
                py = origin[1] + spacing * j - r[1]
                for k in range(low[2], high[2]):
                    pz = origin[2] + spacing * k - r[2]
                    t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / length2))
                    qx, qy, qz = px - t * bx, py - t * by, pz - t * bz
                    square = qx * qx + qy * qy + qz * qz
                    radius = r[6] + t * (r[7] - r[6])
                    if radius > 0.6 * spacing:
                        # A linear edge one voxel wide adds spacing^2 / 12 to the square of the radius.
                        sharp = math.sqrt(radius * radius - spacing * spacing / 12.0)
                        share = min(1.0, max(0.0, 0.5 + (sharp - math.sqrt(square)) / spacing))
                    else:
                        share = 0.5 * (radius / sigma) ** 2 * math.exp(-0.5 * square / (sigma * sigma))
                    if share > out[i, j, k]:
                        out[i, j, k] = share
    return out
