"""Numba kernels that soft tissue and bone share: slow noise fields and outlines of sections."""

import math

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def _noise(table: np.ndarray, channel: int, x: float, y: float, z: float, origin: np.ndarray, step: float) -> float:
    u = min(max((x - origin[0]) / step, 0.0), table.shape[1] - 1.001)
    v = min(max((y - origin[1]) / step, 0.0), table.shape[2] - 1.001)
    w = min(max((z - origin[2]) / step, 0.0), table.shape[3] - 1.001)
    i, j, k = int(u), int(v), int(w)
    u, v, w = u - i, v - j, w - k
    t = table[channel]
    a = t[i, j, k] * (1 - w) + t[i, j, k + 1] * w
    b = t[i, j + 1, k] * (1 - w) + t[i, j + 1, k + 1] * w
    c = t[i + 1, j, k] * (1 - w) + t[i + 1, j, k + 1] * w
    d = t[i + 1, j + 1, k] * (1 - w) + t[i + 1, j + 1, k + 1] * w
    return (a * (1 - v) + b * v) * (1 - u) + (c * (1 - v) + d * v) * u


@njit(cache=True, inline="always")
def _fine_noise(
    table: np.ndarray, channel: int, x: float, y: float, z: float, origin: np.ndarray, step: float
) -> float:
    # The same field three times finer, wrapped.
    fine = step / 3.0
    u = (x - origin[0]) % (fine * (table.shape[1] - 2))
    v = (y - origin[1]) % (fine * (table.shape[2] - 2))
    w = (z - origin[2]) % (fine * (table.shape[3] - 2))
    return _noise(table, channel, 3.0 * u + origin[0], 3.0 * v + origin[1], 3.0 * w + origin[2], origin, step)


@njit(cache=True, inline="always")
def _ellipse(x: float, y: float, rx: float, ry: float) -> float:
    k0 = math.sqrt((x / rx) ** 2 + (y / ry) ** 2)
    k1 = math.sqrt((x / (rx * rx)) ** 2 + (y / (ry * ry)) ** 2)
    return k0 * (k0 - 1.0) / k1 if k1 > 1e-9 else -min(rx, ry)


@njit(cache=True, inline="always")
def _squircle(x: float, y: float, rx: float, ry: float) -> float:
    # Superellipse of exponent 2.5: flatter flanks and back than an ellipse.
    u, v = abs(x / rx), abs(y / ry)
    k = (u * u * math.sqrt(u) + v * v * math.sqrt(v)) ** 0.4
    return (k - 1.0) * math.hypot(x, y) / max(k, 1e-3) if k > 0.3 else -0.7 * min(rx, ry)
