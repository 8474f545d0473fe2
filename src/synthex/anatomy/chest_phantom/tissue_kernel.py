"""Numba kernels that fill the chest: body wall, lungs, mediastinum and the upper abdomen."""

import math

import numpy as np
from numba import njit

from synthex.anatomy.implicit import kernel, noise_kernel
from synthex.anatomy.implicit.kernel import _smooth_max, _smooth_min
from synthex.anatomy.implicit.noise_kernel import _fine_noise, _noise, _squircle
from synthex.core import follow

follow(__file__, kernel, noise_kernel)

#: Rows of ``limbs``: a(0:3) b(3:6) radius at a(6) at b(7) blend(8).
LIMB_ROW = 9
#: Rows of ``breasts``: centre(0:3) half axes(3:6).
BREAST_ROW = 6
AIR_HU, SKIN_HU, FAT_HU, MUSCLE_HU, BLOOD_HU, LIVER_HU = -1000.0, 20.0, -105.0, 52.0, 42.0, 58.0
#: Exponent of the cage's sections: see ``thorax.EXPONENT``.
_EXPONENT = 2.1


@njit(cache=True, inline="always")
def _section(x: float, y: float, rx: float, ry: float) -> float:
    if rx <= 0.5 or ry <= 0.5:
        return 20.0
    k = (abs(x / rx) ** _EXPONENT + abs(y / ry) ** _EXPONENT) ** (1.0 / _EXPONENT)
    return (k - 1.0) * math.hypot(x, y) / k if k > 0.4 else -0.6 * min(rx, ry)


@njit(cache=True)
def diaphragm(x: float, y: float, dome: np.ndarray, falls: np.ndarray, wall: float, front: float, back: float) -> float:
    """Height of one half of the diaphragm at (x, y), mm.

    Args:
        x: Distance from the midline towards this half's side, mm.
        y: World y, mm.
        dome: Its highest point, x towards its side.
        falls: How far it falls to the lateral wall, the midline, the front and the back, mm.
        wall: Distance of the lateral wall from the midline in the dome's coronal plane.
        front: y of the front wall.
        back: y of the back wall.
    """
    u = (x - dome[0]) / max(wall - dome[0], 1.0) if x > dome[0] else (dome[0] - x) / dome[0]
    v = (y - dome[1]) / max(front - dome[1], 1.0) if y > dome[1] else (dome[1] - y) / max(dome[1] - back, 1.0)
    u2, v2 = u * u, v * v
    q = u2 + v2
    if q < 1e-9:
        return dome[2]
    fall = (u2 * (falls[0] if x > dome[0] else falls[1]) + v2 * (falls[2] if y > dome[1] else falls[3])) / q
    q = min(q, 1.4)
    return dome[2] - fall * (0.7 * q + 0.3 * q * q)


@njit(cache=True)
def fill_chest(
    labels: np.ndarray,
    heart: np.ndarray,
    core: np.ndarray,
    envelope: np.ndarray,
    column: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    trunk: np.ndarray,
    limbs: np.ndarray,
    breasts: np.ndarray,
    section: np.ndarray,
    domes: np.ndarray,
    falls: np.ndarray,
    walls: np.ndarray,
    tissue: np.ndarray,
    ids: np.ndarray,
    noise: np.ndarray,
    noise_origin: np.ndarray,
    noise_step: float,
) -> np.ndarray:
    """Soft tissue of the whole grid in HU, float32; labels lungs and heart.

    Args:
        labels: Changed in place.
        heart: Implicit function of the heart on the grid.
        core: Of heart and great vessels.
        envelope: Of all that the lungs give way to.
        column: Of the spine with the tissue on it.
        origin: World position of voxel (0, 0, 0), mm.
        spacing: Voxel size, mm.
        trunk: For each k: half width, front, back (mm), and how much of the trunk is there (mm below it).
        limbs: Neck, shoulders and arms, rows as at ``LIMB_ROW``.
        breasts: Rows as at ``BREAST_ROW``.
        section: For each k the cage's section: middle and half width of one lung, middle and half depth.
        domes: Tops of the diaphragm, right then left, x towards the side.
        falls: For each side, see :func:`diaphragm`.
        walls: For each k and side the wall's distance from the midline in the dome's coronal plane.
        tissue: Fat thickness (0), wall muscle factor (1), lung HU (2), its rise with gravity (3), whether supine
            (4), z of apex (5).
        ids: Labels of right lung, left lung and heart.
        noise: Three slow fields of unit variance.
        noise_origin: World position of their first value, mm.
        noise_step: Their spacing, mm.
    """
    shape = heart.shape
    out = np.empty(shape, np.float32)
    edge = 0.5 * spacing
    fat, apex = tissue[0], tissue[5]
    for i in range(shape[0]):
        x = origin[0] + spacing * i
        side = 0 if x >= 0.0 else 1
        ax = abs(x)
        dome, dome_z = domes[side], domes[side, 2]
        for j in range(shape[1]):
            y = origin[1] + spacing * j
            for k in range(shape[2]):
                z = origin[2] + spacing * k
                centre_y = 0.5 * (trunk[k, 1] + trunk[k, 2])
                half_y = 0.5 * (trunk[k, 1] - trunk[k, 2])
                body = _smooth_max(_squircle(x, y - centre_y, trunk[k, 0], half_y), trunk[k, 3], 36.0)
                for m in range(limbs.shape[0]):
                    r = limbs[m]
                    reach = max(r[6], r[7]) + 40.0
                    if not (
                        min(r[0], r[3]) - reach < x < max(r[0], r[3]) + reach
                        and min(r[1], r[4]) - reach < y < max(r[1], r[4]) + reach
                        and min(r[2], r[5]) - reach < z < max(r[2], r[5]) + reach
                    ):
                        continue
                    px, py, pz = x - r[0], y - r[1], z - r[2]
                    bx, by, bz = r[3] - r[0], r[4] - r[1], r[5] - r[2]
                    t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-9)))
                    px, py, pz = px - t * bx, py - t * by, pz - t * bz
                    limb = math.sqrt(px * px + py * py + pz * pz) - r[6] - t * (r[7] - r[6])
                    body = _smooth_min(body, limb, r[8])
                breast = 40.0
                for m in range(breasts.shape[0]):
                    r = breasts[m]
                    if abs(x - r[0]) < r[3] + 20 and abs(y - r[1]) < r[4] + 20 and abs(z - r[2]) < r[5] + 20:
                        a, b, c = (x - r[0]) / r[3], (y - r[1]) / r[4], (z - r[2]) / r[5]
                        rho = math.sqrt(a * a + b * b + c * c)
                        grow = math.sqrt((a / r[3]) ** 2 + (b / r[4]) ** 2 + (c / r[5]) ** 2)
                        breast = min(breast, rho * (rho - 1.0) / grow if grow > 1e-9 else -r[4])
                surface = _smooth_min(body, breast, 24.0)
                if surface > edge:
                    out[i, j, k] = AIR_HU
                    continue
                n0 = _noise(noise, 0, x, y, z, noise_origin, noise_step)
                n1 = _noise(noise, 1, x, y, z, noise_origin, noise_step)
                lean = (y - centre_y) / half_y
                layer = fat * (1.0 - 0.25 * max(0.0, lean) ** 2 - 0.35 * max(0.0, -lean) ** 2)
                layer *= (1.0 + 0.2 * n1) * min(1.0, max(0.7, 0.7 - (z + 30.0) / 200.0))
                plane = max(0.0, 1.0 - abs(n1) / 0.1) if body < -layer - 4.0 else 0.0
                value = (MUSCLE_HU + 6.0 * n0) * (1.0 - 0.6 * plane) + FAT_HU * 0.6 * plane
                cage = _section(x, y - section[k, 2], section[k, 0] + section[k, 1], section[k, 3])
                front, back = section[k, 2] + section[k, 3], section[k, 2] - section[k, 3]
                floor = diaphragm(ax, y, dome, falls[side], walls[k, side], front, back)
                below = z < floor + 0.5 * spacing
                if below:
                    room = max(cage + 3.0, z - floor)
                    if z < dome_z - 60.0 and y > back:
                        room = min(room, body + layer + 11.0)
                    if room < 0.0 and column[i, j, k] > 6.0:
                        depth = dome_z - z
                        # Liver on the right; stomach, spleen and bowel between fat on the left and below.
                        rim = -62.0 + 0.62 * max(0.0, domes[0, 2] - z - 25.0) + 8.0 * n1
                        if x > rim and domes[0, 2] - z < 165.0 + 12.0 * n1:
                            value = LIVER_HU + 4.0 * n0
                        else:
                            open_fat = min(0.85, max(0.0, 0.75 * (n1 - 0.25) + 0.004 * (depth - 30.0)))
                            value = (38.0 + 8.0 * n0) * (1.0 - open_fat) + FAT_HU * open_fat
                elif column[i, j, k] > 0.0 and cage < 4.0 and envelope[i, j, k] < 3.0:
                    value = FAT_HU + 12.0 + 8.0 * n1
                if not below or z < dome_z - 90.0:
                    share = min(1.0, max(0.0, 0.5 - core[i, j, k] / spacing))
                    value = value * (1.0 - share) + (BLOOD_HU + 3.0 * n0) * share
                if heart[i, j, k] < 0.0 and not below:
                    labels[i, j, k] = ids[2]
                share = min(1.0, max(0.0, 0.5 + (body + layer) / (2.0 * spacing)))
                gland = min(1.0, max(0.0, n1 - 0.2)) if breast < -9.0 else 0.0
                value = value * (1.0 - share) + (FAT_HU + 7.0 * n0 + 95.0 * gland) * share
                lung = _section(ax - section[k, 0], y - section[k, 2], section[k, 1], section[k, 3])
                lung = max(max(lung, floor - z), max(1.0 - envelope[i, j, k], 1.0 - column[i, j, k]))
                if lung < edge:
                    if tissue[4] > 0.5:
                        gravity = (section[k, 2] - y) / (2.0 * section[k, 3] + 1.0)
                    else:
                        gravity = (apex - z) / (apex - dome_z + 40.0) - 0.5
                    n2 = _noise(noise, 2, x, y, z, noise_origin, noise_step)
                    fine = _fine_noise(noise, 0, x, y, z, noise_origin, noise_step)
                    air = tissue[2] + tissue[3] * gravity + 9.0 * n2 + 16.0 * fine
                    share = min(1.0, max(0.0, 0.5 - lung / spacing))
                    value = value * (1.0 - share) + air * share
                    if lung < 0.0:
                        labels[i, j, k] = ids[side]
                skin = min(1.0, max(0.0, 0.5 + (surface + 1.8) / spacing))
                value = value * (1.0 - skin) + SKIN_HU * skin
                covered = min(1.0, max(0.0, 0.5 - surface / spacing))
                out[i, j, k] = value * covered + AIR_HU * (1.0 - covered)
    return out
