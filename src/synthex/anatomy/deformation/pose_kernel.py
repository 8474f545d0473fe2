"""Numba kernel: resample a subject whose thigh is turned about the femoral head's centre."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def turn_thigh(
    hu: np.ndarray,
    labels: np.ndarray,
    share: np.ndarray,
    stride: float,
    femur: int,
    filling_hu: int,
    world_from_ijk: np.ndarray,
    ijk_from_world: np.ndarray,
    centre: np.ndarray,
    turn: np.ndarray,
    out_hu: np.ndarray,
    out_labels: np.ndarray,
) -> None:
    """Fill ``out_hu`` (linear) and ``out_labels`` (nearest) where anything moves; elsewhere they keep what they have.

    A place takes ``share`` (on every ``stride``-th voxel, linear in between) of the turn ``turn`` (rotation vector,
    rad) about ``centre``. Bone that stays is never moved, the femur is moved whole; what would be a copy of bone is
    ``filling_hu``. Positions outside the grid take the border's value.
    """
    ni, nj, nk = hu.shape
    angle = math.sqrt(turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2)
    ax, ay, az = turn[0] / angle, turn[1] / angle, turn[2] / angle
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                here = labels[i, j, k]
                if here != 0 and here != femur:
                    continue
                w = _linear(share, i / stride, j / stride, k / stride)
                if w <= 0.0:
                    continue
                # From the centre, mm.
                x = (
                    world_from_ijk[0, 0] * i
                    + world_from_ijk[0, 1] * j
                    + world_from_ijk[0, 2] * k
                    + world_from_ijk[0, 3]
                )
                y = (
                    world_from_ijk[1, 0] * i
                    + world_from_ijk[1, 1] * j
                    + world_from_ijk[1, 2] * k
                    + world_from_ijk[1, 3]
                )
                z = (
                    world_from_ijk[2, 0] * i
                    + world_from_ijk[2, 1] * j
                    + world_from_ijk[2, 2] * k
                    + world_from_ijk[2, 3]
                )
                x -= centre[0]
                y -= centre[1]
                z -= centre[2]
                u, v, t = _source(x, y, z, ax, ay, az, angle, centre, ijk_from_world)
                whole = _nearest(labels, u, v, t)
                if whole != femur:
                    u, v, t = _source(x, y, z, ax, ay, az, angle * min(w, 1.0), centre, ijk_from_world)
                found = _nearest(labels, u, v, t)
                if whole != femur and found != 0:
                    out_hu[i, j, k] = filling_hu
                    out_labels[i, j, k] = 0
                    continue
                out_labels[i, j, k] = found
                out_hu[i, j, k] = np.int16(math.floor(_linear(hu, u, v, t) + 0.5))


@njit(cache=True, nogil=True, inline="always")
def _source(
    x: float, y: float, z: float, ax: float, ay: float, az: float, angle: float, centre: np.ndarray, m: np.ndarray
) -> tuple[float, float, float]:
    """Voxel position before the turn: Rodrigues' formula backwards."""
    c, s = math.cos(angle), -math.sin(angle)
    along = (ax * x + ay * y + az * z) * (1.0 - c)
    px = x * c + (ay * z - az * y) * s + ax * along + centre[0]
    py = y * c + (az * x - ax * z) * s + ay * along + centre[1]
    pz = z * c + (ax * y - ay * x) * s + az * along + centre[2]
    return (
        m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3],
        m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3],
        m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3],
    )


@njit(cache=True, nogil=True, inline="always")
def _nearest(values: np.ndarray, u: float, v: float, t: float) -> int:
    i = min(max(math.floor(u + 0.5), 0), values.shape[0] - 1)
    j = min(max(math.floor(v + 0.5), 0), values.shape[1] - 1)
    k = min(max(math.floor(t + 0.5), 0), values.shape[2] - 1)
    return int(values[i, j, k])


@njit(cache=True, nogil=True, inline="always")
def _linear(values: np.ndarray, u: float, v: float, t: float) -> float:
    u = min(max(u, 0.0), values.shape[0] - 1.0)
    v = min(max(v, 0.0), values.shape[1] - 1.0)
    t = min(max(t, 0.0), values.shape[2] - 1.0)
    i, j, k = min(int(u), values.shape[0] - 2), min(int(v), values.shape[1] - 2), min(int(t), values.shape[2] - 2)
    fu, fv, ft = u - i, v - j, t - k
    low = (values[i, j, k] * (1 - ft) + values[i, j, k + 1] * ft) * (1 - fv) + (
        values[i, j + 1, k] * (1 - ft) + values[i, j + 1, k + 1] * ft
    ) * fv
    high = (values[i + 1, j, k] * (1 - ft) + values[i + 1, j, k + 1] * ft) * (1 - fv) + (
        values[i + 1, j + 1, k] * (1 - ft) + values[i + 1, j + 1, k + 1] * ft
    ) * fv
    return low * (1 - fu) + high * fu
