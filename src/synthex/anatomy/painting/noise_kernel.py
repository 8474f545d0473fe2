"""Noise that goes on without end: one small periodic table, read at any scale."""

import math

import numpy as np
from numba import njit
from scipy import ndimage

SIZE = 64
"""Edge of the table; its values repeat after so many steps."""


def noise_table(rng: np.random.Generator) -> np.ndarray:
    """Smooth random values of unit variance, SIZE x SIZE x SIZE, float32, that join at opposite faces."""
    field = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE, SIZE), dtype=np.float32), 0.8, mode="wrap")
    return np.clip(field / field.std(), -3.0, 3.0).astype(np.float32)


@njit(cache=True, inline="always")
def noise(table: np.ndarray, u: float, v: float, w: float) -> float:
    """The table at a point in steps, interpolated linearly."""
    fu, fv, fw = math.floor(u), math.floor(v), math.floor(w)
    u, v, w = u - fu, v - fv, w - fw
    i, j, k = int(fu) & 63, int(fv) & 63, int(fw) & 63
    l, m, n = (i + 1) & 63, (j + 1) & 63, (k + 1) & 63  # noqa: E741
    a = table[i, j, k] * (1 - w) + table[i, j, n] * w
    b = table[i, m, k] * (1 - w) + table[i, m, n] * w
    c = table[l, j, k] * (1 - w) + table[l, j, n] * w
    d = table[l, m, k] * (1 - w) + table[l, m, n] * w
    return (a * (1 - v) + b * v) * (1 - u) + (c * (1 - v) + d * v) * u


@njit(cache=True, inline="always")
def streaks(
    table: np.ndarray, x: float, y: float, z: float, ux: float, uy: float, uz: float, step: float, stretch: float
) -> float:
    """Noise drawn out along a unit vector: ``stretch`` times as long as it is wide."""
    along = (x * ux + y * uy + z * uz) * (1.0 - 1.0 / stretch)
    return noise(table, (x - along * ux) / step, (y - along * uy) / step, (z - along * uz) / step)
