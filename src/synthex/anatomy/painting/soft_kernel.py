"""Numba kernel of everything but bone."""

import numpy as np
from numba import njit

from synthex.anatomy.painting import noise_kernel
from synthex.anatomy.painting.noise_kernel import noise
from synthex.core import follow

follow(__file__, noise_kernel)

AIR_HU, DISC_HU = -1000.0, 75.0
NO_CONTENT = 9999.0
"""Where no bowel is."""


@njit(cache=True)
def fill(
    skin: np.ndarray,
    muscle: np.ndarray,
    cavity: np.ndarray,
    organs: np.ndarray,
    organ_hu: np.ndarray,
    bowel: np.ndarray,
    discs: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    table: np.ndarray,
    grown_mm: float,
    fat_hu: float,
    muscle_hu: float,
    marbling: float,
    visceral_hu: float,
    skin_hu: float,
) -> np.ndarray:
    """Soft tissue of the whole grid in HU, float32.

    Args:
        skin: Signed distance to the skin, mm.
        muscle: Share of muscle.
        cavity: Signed distance to the wall of the abdominal cavity, mm.
        organs: Ids.
        organ_hu: HU by id.
        bowel: HU of loops and their contents; ``NO_CONTENT`` elsewhere.
        discs: Share of disc and cartilage.
        origin: World position of voxel (0, 0, 0), mm.
        spacing: Voxel size, mm.
        table: Of :func:`~synthex.anatomy.painting.noise_kernel.noise_table`.
        grown_mm: Fat added under the skin, which moves out by it.
        fat_hu: Of fat.
        muscle_hu: Of muscle.
        marbling: How much fat the muscles hold, 0 to 1.
        visceral_hu: Of the fat between bowel loops.
        skin_hu: Of skin.
    """
    out = np.empty(skin.shape, np.float32)
    for i in range(skin.shape[0]):
        x = origin[0] + spacing * i
        for j in range(skin.shape[1]):
            y = origin[1] + spacing * j
            for k in range(skin.shape[2]):
                d = skin[i, j, k] - grown_mm
                if d > 0.5 * spacing:
                    out[i, j, k] = AIR_HU
                    continue
                z = origin[2] + spacing * k
                slow = noise(table, x / 11.0, y / 11.0, z / 11.0)
                fine = noise(table, x / 3.7 + 9.3, y / 3.7, z / 7.0)
                fat = fat_hu + 6.0 * slow + 4.0 * fine
                # Fat lies in muscle in streaks along it, which run down.
                streak = min(1.0, max(0.0, fine - 1.6 + 2.2 * marbling + 0.4 * slow))
                share = muscle[i, j, k] * (1.0 - 0.75 * streak)
                value = fat * (1.0 - share) + (muscle_hu + 5.0 * slow + 4.0 * fine) * share
                inner = min(1.0, max(0.0, 0.5 - cavity[i, j, k] / (2.0 * spacing)))
                if inner > 0.0 and muscle[i, j, k] < 0.5:
                    # Vessels and folds of the mesentery run through its fat.
                    strand = min(1.0, max(0.0, 2.0 * (fine - 1.1)))
                    value += inner * (visceral_hu + 6.0 * slow + 110.0 * strand - value)
                organ = organs[i, j, k]
                if organ > 0:
                    value = organ_hu[organ] + 5.0 * slow + 3.0 * fine
                disc = discs[i, j, k]
                value += disc * (DISC_HU + 8.0 * slow - value)
                if bowel[i, j, k] != NO_CONTENT:
                    value = bowel[i, j, k]
                shell = min(1.0, max(0.0, 0.5 + (d + 1.8) / spacing))
                value += shell * (skin_hu - value)
                covered = min(1.0, max(0.0, 0.5 - d / spacing))
                out[i, j, k] = value * covered + AIR_HU * (1.0 - covered)
    return out
