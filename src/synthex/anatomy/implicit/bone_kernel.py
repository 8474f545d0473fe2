"""Numba kernel that lays bones over soft tissue, each voxel with its share of cortex, spongiosa and outside."""

import math

import numpy as np
from numba import njit

from synthex.anatomy.implicit import noise_kernel
from synthex.anatomy.implicit.noise_kernel import _noise
from synthex.core import follow

follow(__file__, noise_kernel)

#: Rows of ``accents``: kind(0) a(1:4) b(4:7) reach(7) cortex gained, mm(8) share of spongiosa gained(9)
#: half height(10). See :meth:`synthex.anatomy.implicit.solids.SolidBuilder.accent` and ``endplates``.
ALONG, ENDPLATES = 0, 1
ACCENT_ROW = 11
#: Half width of the triangular voxel profile in voxels. At 1 (a box, linearly interpolated) a sheet along the
#: rays still beats with the grid: combs at the sacroiliac joints.
BLUR = 1.25


@njit(cache=True, inline="always")
def _cover(f: float, width: float) -> float:
    # Share of a triangular voxel profile of half width ``width`` that lies where f < 0.
    t = min(1.0, max(-1.0, -f / width))
    return 0.5 + t - 0.5 * t * abs(t)


@njit(cache=True)
def _accent(r: np.ndarray, x: float, y: float, z: float) -> float:
    """Weight in [0, 1] of one accent at a point."""
    px, py, pz = x - r[1], y - r[2], z - r[3]
    if r[0] == ENDPLATES:
        height = px * r[4] + py * r[5] + pz * r[6]
        across2 = px * px + py * py + pz * pz - height * height
        if across2 > r[7] * r[7]:
            return 0.0
        t = min(1.0, max(0.0, (abs(height) - r[10] + 3.5) / 2.0))
        return t * t * (3.0 - 2.0 * t)
    bx, by, bz = r[4] - r[1], r[5] - r[2], r[6] - r[3]
    t = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-9)
    t = min(1.0, max(0.0, t))
    px, py, pz = px - t * bx, py - t * by, pz - t * bz
    far = (px * px + py * py + pz * pz) / (r[7] * r[7])
    return math.exp(-far) if far < 6.0 else 0.0


@njit(cache=True)
def paint_bone(
    ct: np.ndarray,
    labels: np.ndarray,
    values: np.ndarray,
    start: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    label: int,
    cortex: float,
    accents: np.ndarray,
    shaft: np.ndarray,
    trabecular: float,
    marrow: float,
    cortical: float,
    noise: np.ndarray,
    noise_origin: np.ndarray,
    noise_step: float,
) -> None:
    """Lay one bone over the tissue, in place, with each voxel's share of cortex, marrow and outside.

    Args:
        ct: HU, changed in place.
        labels: Changed in place.
        values: Implicit function of the bone on a block of the grid that begins at ``start``.
        start: First voxel of ``values`` in ``ct``.
        origin: World position of voxel (0, 0, 0) of ``ct``, mm.
        spacing: Voxel size, mm.
        label: Id to write where the voxel's centre is bone.
        cortex: Thickness of the cortical shell, mm.
        accents: Where the cortex is thicker or the spongiosa denser, in the world.
        shaft: Point (0:3), direction (3:6), thickness gained (6), start and end of the gain along the
            direction (7, 8): the cortex grows and the inside becomes marrow down a femoral shaft.
        trabecular: HU of spongiosa.
        marrow: HU inside a shaft.
        cortical: HU of compact bone.
        noise: Three slow fields of unit variance.
        noise_origin: World position of their first value, mm.
        noise_step: Their spacing, mm.
    """
    width = BLUR * spacing
    last = (values.shape[0] - 1, values.shape[1] - 1, values.shape[2] - 1)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            for k in range(values.shape[2]):
                f = values[i, j, k]
                if f >= width:
                    continue
                a, b, c = start[0] + i, start[1] + j, start[2] + k
                x, y, z = origin[0] + spacing * a, origin[1] + spacing * b, origin[2] + spacing * c
                thickness, hollow = cortex, 0.0
                if shaft[6] > 0.0:
                    along = (x - shaft[0]) * shaft[3] + (y - shaft[1]) * shaft[4] + (z - shaft[2]) * shaft[5]
                    t = min(1.0, max(0.0, (along - shaft[7]) / (shaft[8] - shaft[7])))
                    hollow = t * t * (3.0 - 2.0 * t)
                    thickness += shaft[6] * hollow
                n0 = _noise(noise, 0, x, y, z, noise_origin, noise_step)
                n2 = _noise(noise, 2, x, y, z, noise_origin, noise_step)
                thickness *= 1.0 + 0.2 * n0
                gain, density = 0.0, 1.0
                for n in range(accents.shape[0]):
                    weight = _accent(accents[n], x, y, z)
                    gain = max(gain, weight * accents[n, 8])
                    density *= 1.0 + weight * accents[n, 9]
                thickness += gain
                whole, core = _cover(f, width), _cover(f + thickness, width)
                if f > -3.0 * spacing:
                    # Near the middle of a thin sheet the far face counts too. There the function has a
                    # crease, and its central difference is the distance e from the crease over the step,
                    # so that the far face lies 2 e deeper than the near one.
                    gi = values[min(i + 1, last[0]), j, k] - values[max(i - 1, 0), j, k]
                    gj = values[i, min(j + 1, last[1]), k] - values[i, max(j - 1, 0), k]
                    gk = values[i, j, min(k + 1, last[2])] - values[i, j, max(k - 1, 0)]
                    far = f - math.sqrt(gi * gi + gj * gj + gk * gk) if f < 0.0 else -1e6
                    whole = max(0.0, whole + _cover(far, width) - 1.0)
                    core = max(0.0, core + _cover(far + thickness, width) - 1.0)
                # Spongiosa is densest below the cortex.
                depth = max(0.0, -f - thickness)
                spongy = trabecular * density * (1.0 + 0.25 * n2 + 0.25 * math.exp(-depth / 4.0))
                inside = spongy * (1.0 - hollow) + marrow * hollow
                shell = cortical * (1.0 + 0.05 * n0)
                ct[a, b, c] = ct[a, b, c] * (1.0 - whole) + shell * (whole - core) + inside * core
                if f < 0.0:
                    labels[a, b, c] = label
