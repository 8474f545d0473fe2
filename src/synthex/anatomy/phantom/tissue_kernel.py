"""Numba kernels that turn implicit functions into Hounsfield units and labels."""

import math

import numpy as np
from numba import njit

from synthex.anatomy.implicit import kernel, noise_kernel
from synthex.anatomy.implicit.kernel import _smooth_max, _smooth_min
from synthex.anatomy.implicit.noise_kernel import _ellipse, _fine_noise, _noise, _squircle
from synthex.core import follow

follow(__file__, kernel, noise_kernel)

#: Rows of ``loops``: a(0:3) b(3:6) radius(6) contents(7): 0 fluid, 1 gas, 2 stool; gas level y(8).
LOOP_ROW = 9
AIR_HU, SKIN_HU, FAT_HU, MUSCLE_HU, GAS_HU = -1000.0, 30.0, -105.0, 52.0, -950.0


@njit(cache=True)
def fill_soft_tissue(
    shape: tuple[int, int, int],
    origin: np.ndarray,
    spacing: float,
    trunk: np.ndarray,
    thighs: np.ndarray,
    fat: np.ndarray,
    cavity: np.ndarray,
    bladder: np.ndarray,
    loops: np.ndarray,
    noise: np.ndarray,
    noise_origin: np.ndarray,
    noise_step: float,
) -> np.ndarray:
    """Soft tissue of the whole grid in HU, float32.

    Args:
        shape: Voxels along i, j, k.
        origin: World position of voxel (0, 0, 0), mm.
        spacing: Voxel size, mm.
        trunk: For each k: half width, front, back (mm), and how much of the trunk is there (mm below it).
        thighs: For each k: 2 x (centre x, centre y, half width, half depth).
        fat: Flank, front and back thickness of subcutaneous fat, mm.
        cavity: For each k: half width, front, back of the abdominal cavity; half width 0 where there is none.
        bladder: Centre and 3 half axes, mm.
        loops: Bowel, rows as at ``LOOP_ROW``.
        noise: Three slow fields of unit variance.
        noise_origin: World position of their first value, mm.
        noise_step: Their spacing, mm.
    """
    out = np.empty(shape, np.float32)
    edge = 0.5 * spacing
    close = np.empty(loops.shape[0], np.int64)
    for i in range(shape[0]):
        x = origin[0] + spacing * i
        for j in range(shape[1]):
            y = origin[1] + spacing * j
            near = 0
            for m in range(loops.shape[0]):
                r = loops[m]
                reach = 1.5 * r[6] + 2.0
                if (
                    min(r[0], r[3]) - reach < x < max(r[0], r[3]) + reach
                    and min(r[1], r[4]) - reach < y < max(r[1], r[4]) + reach
                ):
                    close[near] = m
                    near += 1
            for k in range(shape[2]):
                z = origin[2] + spacing * k
                centre_y = 0.5 * (trunk[k, 1] + trunk[k, 2])
                half_y = 0.5 * (trunk[k, 1] - trunk[k, 2])
                body = _smooth_max(_squircle(x, y - centre_y, trunk[k, 0], half_y), trunk[k, 3], 70.0)
                for side in range(2):
                    if thighs[k, side, 2] <= 0.0:
                        continue
                    leg = _ellipse(
                        x - thighs[k, side, 0], y - thighs[k, side, 1], thighs[k, side, 2], thighs[k, side, 3]
                    )
                    body = _smooth_min(body, leg, 18.0)
                if body > edge:
                    out[i, j, k] = AIR_HU
                    continue
                n0 = _noise(noise, 0, x, y, z, noise_origin, noise_step)
                n1 = _noise(noise, 1, x, y, z, noise_origin, noise_step)
                # Fat is thickest where the surface faces back and down the flanks.
                lean = (y - centre_y) / half_y
                layer = fat[0] + (fat[1] - fat[0]) * max(0.0, lean) ** 2 + (fat[2] - fat[0]) * max(0.0, -lean) ** 2
                layer *= 1.0 + 0.25 * n1
                muscle = MUSCLE_HU + 6.0 * n0
                # Planes of fat between muscles: where a slow field changes sign.
                plane = max(0.0, 1.0 - abs(n1) / 0.09) if body < -layer - 4.0 else 0.0
                inner = muscle * (1.0 - 0.6 * plane) + FAT_HU * 0.6 * plane
                if cavity[k, 0] > 0.0:
                    middle = 0.5 * (cavity[k, 1] + cavity[k, 2])
                    room = _ellipse(x, y - middle, cavity[k, 0], 0.5 * (cavity[k, 1] - cavity[k, 2]))
                    if room < 2.0:
                        content = FAT_HU + 8.0 + 6.0 * n1
                        nearest, kind, level = 1e6, 0.0, 0.0
                        for m in range(near):
                            r = loops[close[m]]
                            ax, ay, az = x - r[0], y - r[1], z - r[2]
                            bx, by, bz = r[3] - r[0], r[4] - r[1], r[5] - r[2]
                            t = (ax * bx + ay * by + az * bz) / (bx * bx + by * by + bz * bz + 1e-9)
                            t = min(1.0, max(0.0, t))
                            ax, ay, az = ax - t * bx, ay - t * by, az - t * bz
                            d = math.sqrt(ax * ax + ay * ay + az * az) - r[6] * (1.0 + 0.18 * n0)
                            if d < nearest:
                                nearest, kind, level = d, r[7], r[8]
                        if nearest < 1.0:
                            wall = 38.0 + 8.0 * n0
                            if kind == 1.0 and y > level:
                                filling = GAS_HU
                            elif kind == 2.0:
                                # Stool: mottled with gas on a scale of a few mm.
                                fine = _fine_noise(noise, 1, x, y, z, noise_origin, noise_step)
                                filling = 30.0 + 25.0 * n0 - 420.0 * max(0.0, fine - 0.35)
                            else:
                                filling = 25.0 + 10.0 * n0
                            lumen = min(1.0, max(0.0, 0.5 - (nearest + 2.0) / (2.0 * spacing)))
                            bowel = wall * (1.0 - lumen) + filling * lumen
                            outside = min(1.0, max(0.0, 0.5 - nearest / spacing))
                            content = content * (1.0 - outside) + bowel * outside
                        share = min(1.0, max(0.0, 0.5 - room / spacing))
                        inner = inner * (1.0 - share) + content * share
                bx = (x - bladder[0]) / bladder[3]
                by = (y - bladder[1]) / bladder[4]
                bz = (z - bladder[2]) / bladder[5]
                rho = math.sqrt(bx * bx + by * by + bz * bz)
                depth = (rho - 1.0) * bladder[4]
                if depth < 4.0:
                    wall = min(1.0, max(0.0, 0.5 - (depth - 3.0) / spacing))
                    fluid = min(1.0, max(0.0, 0.5 - depth / spacing))
                    inner = inner * (1.0 - wall) + wall * (35.0 * (1.0 - fluid) + 5.0 * fluid)
                share = min(1.0, max(0.0, 0.5 + (body + layer) / (2.0 * spacing)))
                value = inner * (1.0 - share) + (FAT_HU + 7.0 * n0) * share
                skin = min(1.0, max(0.0, 0.5 + (body + 1.8) / spacing))
                value = value * (1.0 - skin) + SKIN_HU * skin
                covered = min(1.0, max(0.0, 0.5 - body / spacing))
                out[i, j, k] = value * covered + AIR_HU * (1.0 - covered)
    return out
