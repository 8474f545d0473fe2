"""Numba kernels: the implicit function of a solid at points and on a grid.

A solid is a list of primitives, one row of 24 numbers each, joined in order by smooth union, smooth
difference or smooth intersection (polynomial smooth minimum, Quilez, "Smooth minimum", 2013). Values are
close to signed distances in mm, negative inside.

Row layout: ``[kind, operation, blend_mm, parameters...]``; the parameters are listed at each ``_kind``.
"""

import math

import numpy as np
from numba import njit

CAPSULE, CUP, PLATE, DRUM, HALFSPACE, ELLIPSOID, TRIANGLE = 0, 1, 2, 3, 4, 5, 6
UNION, SUBTRACT, INTERSECT = 0, 1, 2
ROW = 24
#: Values on grids are clipped to this many mm: nothing further from a surface is ever asked for.
CLIP_MM = 14.0
#: How much faster than a true distance the functions may change (flattened capsules, sloped plates).
_LIPSCHITZ = 1.35


@njit(cache=True, inline="always")
def _capsule(r: np.ndarray, x: float, y: float, z: float) -> float:
    # a(3:6) b(6:9) radius_a(9) radius_b(10) flat normal(11:14) flatness(14): tapered elliptic capsule.
    bx, by, bz = r[6] - r[3], r[7] - r[4], r[8] - r[5]
    px, py, pz = x - r[3], y - r[4], z - r[5]
    length2 = bx * bx + by * by + bz * bz
    t = 0.0
    if length2 > 1e-9:
        t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / length2))
    qx, qy, qz = px - t * bx, py - t * by, pz - t * bz
    radius = r[9] + t * (r[10] - r[9])
    square = qx * qx + qy * qy + qz * qz
    flat = r[14]
    if flat == 1.0:
        return math.sqrt(square) - radius
    along = qx * r[11] + qy * r[12] + qz * r[13]
    along2 = along * along
    k0 = math.sqrt(max(0.0, square - along2 + along2 / (flat * flat))) / radius
    k1 = math.sqrt(max(0.0, square - along2 + along2 / flat**4)) / (radius * radius)
    if k1 < 1e-9:
        return -radius * flat
    return k0 * (k0 - 1.0) / k1


@njit(cache=True, inline="always")
def _cup(r: np.ndarray, x: float, y: float, z: float) -> float:
    # centre(3:6) radius(6) opening direction(7:10) rim offset(10): ball cut by the rim's plane.
    px, py, pz = x - r[3], y - r[4], z - r[5]
    ball = math.sqrt(px * px + py * py + pz * pz) - r[6]
    cut = px * r[7] + py * r[8] + pz * r[9] - r[10]
    return _smooth_max(ball, cut, 5.0)


@njit(cache=True, inline="always")
def _drum(r: np.ndarray, x: float, y: float, z: float) -> float:
    # centre(3:6) side axis(6:9) long axis(9:12) third axis(12:15) side radius(15) third radius(16)
    # half height(17) waist(18) rounding(19) posterior concavity(20).
    px, py, pz = x - r[3], y - r[4], z - r[5]
    s = px * r[6] + py * r[7] + pz * r[8]
    h = px * r[9] + py * r[10] + pz * r[11]
    q = px * r[12] + py * r[13] + pz * r[14]
    ratio = min(1.0, abs(h) / r[17])
    shrink = 1.0 - r[18] * (1.0 - ratio * ratio)
    rs, rq = r[15] * shrink, r[16] * shrink
    # Vertebral bodies are kidney shaped: the canal's side is hollow.
    q -= r[20] * max(0.0, 1.0 - (s / rs) ** 2)
    k0 = math.sqrt((s / rs) ** 2 + (q / rq) ** 2)
    k1 = math.sqrt((s / (rs * rs)) ** 2 + (q / (rq * rq)) ** 2)
    radial = -min(rs, rq)
    if k1 > 1e-9:
        radial = k0 * (k0 - 1.0) / k1
    a, b = radial + r[19], abs(h) - r[17] + r[19]
    return min(max(a, b), 0.0) + math.hypot(max(a, 0.0), max(b, 0.0)) - r[19]


@njit(cache=True, inline="always")
def _bilinear(table: np.ndarray, u: float, v: float) -> float:
    i = min(max(int(u), 0), table.shape[0] - 2)
    j = min(max(int(v), 0), table.shape[1] - 2)
    fu, fv = min(max(u - i, 0.0), 1.0), min(max(v - j, 0.0), 1.0)
    low = table[i, j] * (1 - fv) + table[i, j + 1] * fv
    high = table[i + 1, j] * (1 - fv) + table[i + 1, j + 1] * fv
    return low * (1 - fu) + high * fu


@njit(cache=True, inline="always")
def _plate(r: np.ndarray, tables: np.ndarray, x: float, y: float, z: float) -> float:
    # origin(3:6) u axis(6:9) v axis(9:12) w axis(12:15) table origin u, v(15:17) table step(17).
    # tables: height W, half thickness T, cosine of the slope, outline distance D, on a (u, v) grid.
    px, py, pz = x - r[3], y - r[4], z - r[5]
    u = (px * r[6] + py * r[7] + pz * r[8] - r[15]) / r[17]
    v = (px * r[9] + py * r[10] + pz * r[11] - r[16]) / r[17]
    w = px * r[12] + py * r[13] + pz * r[14]
    du = max(0.0, -u, u - (tables.shape[1] - 1)) * r[17]
    dv = max(0.0, -v, v - (tables.shape[2] - 1)) * r[17]
    half = _bilinear(tables[1], u, v)
    a = _bilinear(tables[3], u, v) + math.hypot(du, dv)
    b = abs(w - _bilinear(tables[0], u, v)) * _bilinear(tables[2], u, v) - half
    rounding = 0.95 * half
    a, b = a + rounding, b + rounding
    return min(max(a, b), 0.0) + math.hypot(max(a, 0.0), max(b, 0.0)) - rounding


@njit(cache=True, inline="always")
def _ellipsoid(r: np.ndarray, x: float, y: float, z: float) -> float:
    # centre(3:6) first axis(6:9) second axis(9:12) third axis(12:15) half axes(15:18).
    px, py, pz = x - r[3], y - r[4], z - r[5]
    a = (px * r[6] + py * r[7] + pz * r[8]) / r[15]
    b = (px * r[9] + py * r[10] + pz * r[11]) / r[16]
    c = (px * r[12] + py * r[13] + pz * r[14]) / r[17]
    k0 = math.sqrt(a * a + b * b + c * c)
    k1 = math.sqrt((a / r[15]) ** 2 + (b / r[16]) ** 2 + (c / r[17]) ** 2)
    return k0 * (k0 - 1.0) / k1 if k1 > 1e-9 else -min(r[15], r[16], r[17])


@njit(cache=True, inline="always")
def _triangle(r: np.ndarray, x: float, y: float, z: float) -> float:
    # a(3:6) b(6:9) c(9:12) half thickness(12): distance to the triangle (Ericson, Real-Time Collision
    # Detection, 2005, sec. 5.1.5) less the half thickness.
    abx, aby, abz = r[6] - r[3], r[7] - r[4], r[8] - r[5]
    acx, acy, acz = r[9] - r[3], r[10] - r[4], r[11] - r[5]
    apx, apy, apz = x - r[3], y - r[4], z - r[5]
    d1, d2 = abx * apx + aby * apy + abz * apz, acx * apx + acy * apy + acz * apz
    bpx, bpy, bpz = x - r[6], y - r[7], z - r[8]
    d3, d4 = abx * bpx + aby * bpy + abz * bpz, acx * bpx + acy * bpy + acz * bpz
    cpx, cpy, cpz = x - r[9], y - r[10], z - r[11]
    d5, d6 = abx * cpx + aby * cpy + abz * cpz, acx * cpx + acy * cpy + acz * cpz
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0.0 and d2 <= 0.0:
        v, w = 0.0, 0.0
    elif d3 >= 0.0 and d4 <= d3:
        v, w = 1.0, 0.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v, w = d1 / (d1 - d3), 0.0
    elif d6 >= 0.0 and d5 <= d6:
        v, w = 0.0, 1.0
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        v, w = 0.0, d2 / (d2 - d6)
    elif va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        v = 1.0 - w
    else:
        v, w = vb / (va + vb + vc), vc / (va + vb + vc)
    qx, qy, qz = apx - v * abx - w * acx, apy - v * aby - w * acy, apz - v * abz - w * acz
    return math.sqrt(qx * qx + qy * qy + qz * qz) - r[12]


@njit(cache=True, inline="always")
def _smooth_min(a: float, b: float, k: float) -> float:
    h = max(k - abs(a - b), 0.0)
    return min(a, b) - (h * h / (4.0 * k) if k > 0.0 else 0.0)


@njit(cache=True, inline="always")
def _smooth_max(a: float, b: float, k: float) -> float:
    h = max(k - abs(a - b), 0.0)
    return max(a, b) + (h * h / (4.0 * k) if k > 0.0 else 0.0)


@njit(cache=True)
def _primitive(r: np.ndarray, tables: np.ndarray, x: float, y: float, z: float) -> float:
    kind = r[0]
    if kind == CAPSULE:
        return _capsule(r, x, y, z)
    if kind == CUP:
        return _cup(r, x, y, z)
    if kind == PLATE:
        return _plate(r, tables, x, y, z)
    if kind == DRUM:
        return _drum(r, x, y, z)
    if kind == ELLIPSOID:
        return _ellipsoid(r, x, y, z)
    if kind == TRIANGLE:
        return _triangle(r, x, y, z)
    # HALFSPACE: point(3:6) outward normal(6:9).
    return (x - r[3]) * r[6] + (y - r[4]) * r[7] + (z - r[5]) * r[8]


@njit(cache=True, inline="always")
def _join(value: float, d: float, operation: float, k: float) -> float:
    if operation == UNION:
        return _smooth_min(value, d, k)
    if operation == SUBTRACT:
        return _smooth_max(value, -d, k)
    return _smooth_max(value, d, k)


@njit(cache=True)
def evaluate(
    points: np.ndarray, linear: np.ndarray, offset: np.ndarray, rows: np.ndarray, tables: np.ndarray
) -> np.ndarray:
    """Values at N x 3 world points; ``linear @ p + offset`` maps the world to the solid's frame."""
    out = np.empty(points.shape[0], np.float64)
    for n in range(points.shape[0]):
        p = points[n]
        x = linear[0, 0] * p[0] + linear[0, 1] * p[1] + linear[0, 2] * p[2] + offset[0]
        y = linear[1, 0] * p[0] + linear[1, 1] * p[1] + linear[1, 2] * p[2] + offset[1]
        z = linear[2, 0] * p[0] + linear[2, 1] * p[1] + linear[2, 2] * p[2] + offset[2]
        value = 1e6
        for i in range(rows.shape[0]):
            d = _primitive(rows[i], tables, x, y, z)
            value = _join(value, d, rows[i, 1], rows[i, 2])
        out[n] = value
    return out


@njit(cache=True)
def rasterise(
    origin: np.ndarray,
    spacing: float,
    shape: tuple[int, int, int],
    linear: np.ndarray,
    offset: np.ndarray,
    rows: np.ndarray,
    tables: np.ndarray,
) -> np.ndarray:
    """Values on a world-aligned grid, clipped to +-CLIP_MM, float32; far blocks are never evaluated.

    A block of about 8 mm is skipped when its centre is so far from the surface that no voxel of it can
    be within the clip; inside it only the primitives that can matter are evaluated.
    """
    out = np.empty(shape, np.float32)
    step = max(1, int(8.0 / spacing))
    count = rows.shape[0]
    active = np.empty(count, np.int64)
    centre = np.empty(count, np.float64)
    half = 0.5 * step * spacing * math.sqrt(3.0) * _LIPSCHITZ
    for bi in range(0, shape[0], step):
        for bj in range(0, shape[1], step):
            for bk in range(0, shape[2], step):
                wx = origin[0] + spacing * (bi + 0.5 * (step - 1))
                wy = origin[1] + spacing * (bj + 0.5 * (step - 1))
                wz = origin[2] + spacing * (bk + 0.5 * (step - 1))
                x = linear[0, 0] * wx + linear[0, 1] * wy + linear[0, 2] * wz + offset[0]
                y = linear[1, 0] * wx + linear[1, 1] * wy + linear[1, 2] * wz + offset[1]
                z = linear[2, 0] * wx + linear[2, 1] * wy + linear[2, 2] * wz + offset[2]
                value = 1e6
                union = 1e6
                for i in range(count):
                    centre[i] = _primitive(rows[i], tables, x, y, z)
                    value = _join(value, centre[i], rows[i, 1], rows[i, 2])
                    if rows[i, 1] == UNION:
                        union = min(union, centre[i])
                ei, ej, ek = min(bi + step, shape[0]), min(bj + step, shape[1]), min(bk + step, shape[2])
                if value > CLIP_MM * 0.4 + half or value < -CLIP_MM - half:
                    out[bi:ei, bj:ej, bk:ek] = CLIP_MM if value > 0 else -CLIP_MM
                    continue
                used = 0
                for i in range(count):
                    reach = 2.0 * half + rows[i, 2] + 2.0
                    if rows[i, 1] == UNION:
                        keep = centre[i] < union + reach
                    elif rows[i, 1] == SUBTRACT:
                        keep = -centre[i] > value - reach
                    else:
                        keep = True
                    if keep:
                        active[used] = i
                        used += 1
                for i in range(bi, ei):
                    for j in range(bj, ej):
                        for k in range(bk, ek):
                            wx, wy = origin[0] + spacing * i, origin[1] + spacing * j
                            wz = origin[2] + spacing * k
                            x = linear[0, 0] * wx + linear[0, 1] * wy + linear[0, 2] * wz + offset[0]
                            y = linear[1, 0] * wx + linear[1, 1] * wy + linear[1, 2] * wz + offset[1]
                            z = linear[2, 0] * wx + linear[2, 1] * wy + linear[2, 2] * wz + offset[2]
                            value = 1e6
                            for n in range(used):
                                row = rows[active[n]]
                                value = _join(value, _primitive(row, tables, x, y, z), row[1], row[2])
                            out[i, j, k] = min(max(value, -CLIP_MM), CLIP_MM)
    return out


@njit(cache=True)
def polygon_distance(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Signed distance of N x 2 points to a closed polygon (M x 2), negative inside, mm."""
    out = np.empty(points.shape[0])
    count = polygon.shape[0]
    for n in range(points.shape[0]):
        x, y = points[n, 0], points[n, 1]
        best = 1e30
        inside = False
        for i in range(count):
            ax, ay = polygon[i, 0], polygon[i, 1]
            bx, by = polygon[(i + 1) % count, 0], polygon[(i + 1) % count, 1]
            ex, ey = bx - ax, by - ay
            t = min(1.0, max(0.0, ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey + 1e-12)))
            dx, dy = x - ax - t * ex, y - ay - t * ey
            best = min(best, dx * dx + dy * dy)
            if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * ex:
                inside = not inside
        out[n] = -math.sqrt(best) if inside else math.sqrt(best)
    return out
