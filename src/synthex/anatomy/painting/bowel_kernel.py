"""Numba kernels that lay bowel: the shape of loops, and what is in them."""

import numpy as np
from numba import njit

from synthex.anatomy.painting import noise_kernel
from synthex.anatomy.painting.noise_kernel import noise
from synthex.core import follow

follow(__file__, noise_kernel)

FLUID, GAS, STOOL = 0, 1, 2
"""Contents."""


@njit(cache=True)
def lay_capsule(
    surface: np.ndarray,
    nearest: np.ndarray,
    ids: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    radius: float,
    number: int,
    low: np.ndarray,
    spacing: float,
    table: np.ndarray,
) -> None:
    """Join a capsule to what is there: ``surface`` becomes the smaller distance, ``ids`` tell whose it is.

    Between two capsules the border is uneven: ``nearest`` holds distances that noise has moved by some millimetres.
    """
    reach = 1.35 * radius + 2.0
    first, last = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        lowest, highest = min(a[axis], b[axis]) - reach, max(a[axis], b[axis]) + reach
        first[axis] = max(0, int((lowest - low[axis]) / spacing))
        last[axis] = min(surface.shape[axis], int((highest - low[axis]) / spacing) + 2)
    bx, by, bz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length2 = bx * bx + by * by + bz * bz + 1e-9
    for i in range(first[0], last[0]):
        for j in range(first[1], last[1]):
            for k in range(first[2], last[2]):
                x, y, z = low[0] + spacing * i, low[1] + spacing * j, low[2] + spacing * k
                px, py, pz = x - a[0], y - a[1], z - a[2]
                t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / length2))
                px, py, pz = px - t * bx, py - t * by, pz - t * bz
                lumpy = 1.0 + 0.12 * noise(table, x / 9.0, y / 9.0, z / 9.0)
                d = (px * px + py * py + pz * pz) ** 0.5 - radius * lumpy
                surface[i, j, k] = min(surface[i, j, k], d)
                moved = d + 4.0 * noise(table, x / 6.0 + 13.7 * number, y / 6.0, z / 6.0)
                if moved < nearest[i, j, k]:
                    nearest[i, j, k] = moved
                    ids[i, j, k] = number


@njit(cache=True)
def fill_bowel(
    out: np.ndarray,
    surface: np.ndarray,
    ids: np.ndarray,
    start: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    kinds: np.ndarray,
    levels: np.ndarray,
    table: np.ndarray,
) -> None:
    """Write wall and contents where ``surface`` is negative."""
    for i in range(surface.shape[0]):
        for j in range(surface.shape[1]):
            for k in range(surface.shape[2]):
                d = surface[i, j, k]
                if d >= 0.5 * spacing:
                    continue
                x = origin[0] + spacing * (start[0] + i)
                y = origin[1] + spacing * (start[1] + j)
                z = origin[2] + spacing * (start[2] + k)
                slow = noise(table, x / 7.0, y / 7.0, z / 7.0 + 5.0)
                wall = 40.0 + 8.0 * slow
                kind, level = kinds[ids[i, j, k]], levels[ids[i, j, k]]
                filling = 22.0 + 8.0 * slow
                if kind == GAS:
                    # Round bubbles and levels both occur: the level is soft and uneven.
                    share = min(1.0, max(0.0, 0.5 + (y - level + 4.0 * slow) / (2.0 * spacing)))
                    filling += share * (-960.0 - filling)
                elif kind == STOOL:
                    fine = noise(table, x / 2.6, y / 2.6, z / 2.6)
                    filling = 45.0 + 30.0 * slow - 380.0 * max(0.0, fine - 0.2)
                lumen = min(1.0, max(0.0, 0.5 - (d + 2.2) / spacing))
                value = wall + lumen * (filling - wall)
                out[start[0] + i, start[1] + j, start[2] + k] = value
