"""Numba kernels: winding numbers along z, and distances to triangles in a narrow band."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _edge(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Edge function, computed in one order for both triangles of an edge: their signs are exactly opposite."""
    if (ax, ay) < (bx, by):
        return (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    return -((ax - bx) * (y - by) - (ay - by) * (x - bx))


@njit(cache=True, nogil=True)
def add_crossings(vertices: np.ndarray, faces: np.ndarray, winding: np.ndarray) -> None:
    """Add each face's crossings to ``winding`` (int16, I x J x K+1).

    ``vertices`` are in voxel indices. A crossing at height z adds its sign at the first voxel k >= z; the
    running sum along k is the winding number. Columns are at integers; the caller shifts vertices so that
    none lies on a column.
    """
    ni, nj, nk = winding.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        for i in range(max(0, int(np.ceil(min(ax, bx, cx)))), min(ni - 1, int(np.floor(max(ax, bx, cx)))) + 1):
            for j in range(max(0, int(np.ceil(min(ay, by, cy)))), min(nj - 1, int(np.floor(max(ay, by, cy)))) + 1):
                ea = _edge(i, j, bx, by, cx, cy)
                eb = _edge(i, j, cx, cy, ax, ay)
                ec = _edge(i, j, ax, ay, bx, by)
                up = ea > 0 and eb > 0 and ec > 0
                down = ea < 0 and eb < 0 and ec < 0
                if up or down:
                    z = (ea * az + eb * bz + ec * cz) / (ea + eb + ec)
                    k = min(max(int(np.ceil(z)), 0), nk - 1)
                    # A face seen from above has its outside above: going up, one leaves the solid there.
                    winding[i, j, k] += -1 if up else 1


@njit(cache=True, nogil=True)
def _distance2(px: float, py: float, pz: float, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Squared distance of a point to a triangle (Ericson 2005, Real-Time Collision Detection, 5.1.5)."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = px - a[0], py - a[1], pz - a[2]
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    if d1 <= 0 and d2 <= 0:
        v, w = 0.0, 0.0
    else:
        bpx, bpy, bpz = px - b[0], py - b[1], pz - b[2]
        d3 = abx * bpx + aby * bpy + abz * bpz
        d4 = acx * bpx + acy * bpy + acz * bpz
        cpx, cpy, cpz = px - c[0], py - c[1], pz - c[2]
        d5 = abx * cpx + aby * cpy + abz * cpz
        d6 = acx * cpx + acy * cpy + acz * cpz
        vc = d1 * d4 - d3 * d2
        vb = d5 * d2 - d1 * d6
        va = d3 * d6 - d5 * d4
        if d3 >= 0 and d4 <= d3:
            v, w = 1.0, 0.0
        elif d6 >= 0 and d5 <= d6:
            v, w = 0.0, 1.0
        elif vc <= 0 and d1 >= 0 and d3 <= 0:
            v, w = d1 / (d1 - d3), 0.0
        elif vb <= 0 and d2 >= 0 and d6 <= 0:
            v, w = 0.0, d2 / (d2 - d6)
        elif va <= 0 and d4 - d3 >= 0 and d5 - d6 >= 0:
            w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
            v = 1.0 - w
        else:
            total = va + vb + vc
            v, w = vb / total, vc / total
    dx = apx - abx * v - acx * w
    dy = apy - aby * v - acy * w
    dz = apz - abz * v - acz * w
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True)
def lower_distances(vertices: np.ndarray, faces: np.ndarray, spacing: float, band: float, squared: np.ndarray) -> None:
    """Lower ``squared`` (float32, mm², I x J x K) to the squared distance to the nearest face within ``band`` mm.

    ``vertices`` are in mm from the centre of voxel (0, 0, 0); the grid's edge is ``spacing``.
    """
    ni, nj, nk = squared.shape
    for f in range(faces.shape[0]):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        low = np.empty(3, np.int64)
        high = np.empty(3, np.int64)
        for axis in range(3):
            low[axis] = max(0, int(np.ceil((min(a[axis], b[axis], c[axis]) - band) / spacing)))
            high[axis] = int(np.floor((max(a[axis], b[axis], c[axis]) + band) / spacing))
        # The plane alone excludes most of the bounding box of a large slanted face.
        nx = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        ny = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        nz = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        size = np.sqrt(nx * nx + ny * ny + nz * nz)
        if size < 1e-12:
            continue
        for i in range(low[0], min(high[0], ni - 1) + 1):
            for j in range(low[1], min(high[1], nj - 1) + 1):
                for k in range(low[2], min(high[2], nk - 1) + 1):
                    x, y, z = i * spacing, j * spacing, k * spacing
                    plane = ((x - a[0]) * nx + (y - a[1]) * ny + (z - a[2]) * nz) / size
                    if plane * plane >= squared[i, j, k]:
                        continue
                    value = _distance2(x, y, z, a, b, c)
                    if value < squared[i, j, k]:
                        squared[i, j, k] = value
