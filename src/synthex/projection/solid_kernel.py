# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Numba kernels for closed surfaces: where rays cross them, who owns which part, and what they displace.

A surface is not searched ray by ray: every triangle is projected and visits the pixels under it, so that
the cost follows the shadow of the solid.
"""

import math

import numpy as np
from numba import njit

FRONT_MM = 1e-3
"""Triangles that come nearer to the source plane than this (or cross it) have no bounded shadow."""
ROW_SLACK = 1e-6
COLUMN_SLACK = 1e-3
"""Pixels by which a row's span of a triangle is widened: the exact test decides, the span only saves work."""


@njit(nogil=True, cache=True, inline="always")
def _left(number_a, xa, ya, number_b, xb, yb):
    """Whether the ray passes on the left of the line from a to b, as their neighbour across it decides too.

    Both triangles of an edge see the same products, and the edge in the order of its vertex numbers: a ray
    exactly on it belongs to one of them (Woop et al. 2013, Journal of Computer Graphics Techniques 2(1):65).
    """
    if number_a < number_b:
        return xa * yb - xb * ya > 0.0
    return not xb * ya - xa * yb > 0.0


@njit(nogil=True, cache=True, inline="always")
def _widen(xa, ya, xb, yb, y, low, high):
    """Extend the span ``low..high`` by where the edge from a to b meets the row ``y``."""
    if y < min(ya, yb) - ROW_SLACK or y > max(ya, yb) + ROW_SLACK:
        return low, high
    if abs(yb - ya) < ROW_SLACK:
        return min(low, xa, xb), max(high, xa, xb)
    fraction = min(max((y - ya) / (yb - ya), 0.0), 1.0)
    x = xa + fraction * (xb - xa)
    return min(low, x), max(high, x)


@njit(nogil=True, cache=True)
def cross_triangles(points, faces, owners, centre, height, width, pixels, depths, codes):
    """Note every crossing of a ray, ahead of the source, with a triangle; return their number.

    ``points`` (V, 3) are vertices in the camera's frame times the intrinsics: (column x depth, row x depth,
    depth). ``centre`` is where in a pixel its ray passes. What exceeds the length of ``pixels``, ``depths``
    and ``codes`` is counted but not noted. A code is twice the solid's number, plus 1 where the triangle's
    vertices wind clockwise around the ray.
    """
    count = 0
    for face in range(len(faces)):
        ia, ib, ic = faces[face, 0], faces[face, 1], faces[face, 2]
        za, zb, zc = points[ia, 2], points[ib, 2], points[ic, 2]
        if max(za, zb, zc) <= 0.0:
            continue
        bounded = min(za, zb, zc) > FRONT_MM
        row0, row1, column0, column1 = 0, height - 1, 0, width - 1
        px_a = px_b = px_c = py_a = py_b = py_c = 0.0
        if bounded:
            px_a, px_b, px_c = points[ia, 0] / za, points[ib, 0] / zb, points[ic, 0] / zc
            py_a, py_b, py_c = points[ia, 1] / za, points[ib, 1] / zb, points[ic, 1] / zc
            low = min(py_a, py_b, py_c) - ROW_SLACK - centre[1]
            high = max(py_a, py_b, py_c) + ROW_SLACK - centre[1]
            if high < 0 or low > height - 1 or max(px_a, px_b, px_c) < 0 or min(px_a, px_b, px_c) > width:
                continue
            row0 = max(row0, math.ceil(low))
            row1 = min(row1, math.floor(high))
        for row in range(row0, row1 + 1):
            y = row + centre[1]
            if bounded:
                low, high = _widen(px_a, py_a, px_b, py_b, y, np.inf, -np.inf)
                low, high = _widen(px_b, py_b, px_c, py_c, y, low, high)
                low, high = _widen(px_c, py_c, px_a, py_a, y, low, high)
                if high < 0 or low > width:
                    continue
                column0 = max(0, math.ceil(low - COLUMN_SLACK - centre[0]))
                column1 = min(width - 1, math.floor(high + COLUMN_SLACK - centre[0]))
            ya, yb, yc = points[ia, 1] - y * za, points[ib, 1] - y * zb, points[ic, 1] - y * zc
            for column in range(column0, column1 + 1):
                x = column + centre[0]
                xa, xb, xc = points[ia, 0] - x * za, points[ib, 0] - x * zb, points[ic, 0] - x * zc
                side = _left(ia, xa, ya, ib, xb, yb)
                if _left(ib, xb, yb, ic, xc, yc) != side or _left(ic, xc, yc, ia, xa, ya) != side:
                    continue
                weight_a, weight_b, weight_c = xb * yc - xc * yb, xc * ya - xa * yc, xa * yb - xb * ya
                total = weight_a + weight_b + weight_c
                # Never 0: no three sides agree on a triangle seen edge-on (see _left).
                depth = (weight_a * za + weight_b * zb + weight_c * zc) / total
                if depth <= 0.0:
                    continue
                if count < len(pixels):
                    pixels[count] = row * width + column
                    depths[count] = depth
                    codes[count] = 2 * owners[face] + (0 if side else 1)
                count += 1
    return count


@njit(nogil=True, cache=True)
def order_by_pixel(pixels, depths, codes, starts):
    """Crossings grouped by pixel and sorted by depth; fills ``starts`` (pixels + 1), returns depths and codes."""
    for n in range(len(pixels)):
        starts[pixels[n] + 1] += 1
    for n in range(1, len(starts)):
        starts[n] += starts[n - 1]
    ends = starts[:-1].copy()
    sorted_depths = np.empty_like(depths)
    sorted_codes = np.empty_like(codes)
    for n in range(len(pixels)):
        pixel = pixels[n]
        at = ends[pixel]
        ends[pixel] = at + 1
        while at > starts[pixel] and sorted_depths[at - 1] > depths[n]:
            sorted_depths[at] = sorted_depths[at - 1]
            sorted_codes[at] = sorted_codes[at - 1]
            at -= 1
        sorted_depths[at] = depths[n]
        sorted_codes[at] = codes[n]
    return sorted_depths, sorted_codes


@njit(nogil=True, cache=True)
def share_rays(starts, depths, codes, around_source, world_from_pixel, max_depth, width, paths, hit, spans, near, far):
    """Give every part of a ray to the last solid that it lies in; return the number of rays and of spans.

    Fills ``paths`` (N, H * W) in mm, ``hit`` with the pixels whose rays meet a solid before the detector,
    ``spans`` with where their depth ranges begin in ``near`` and ``far``: disjoint, touching ones joined.
    """
    solids = len(around_source)
    winding = np.empty(solids, dtype=np.int64)
    rays = 0
    count = 0
    for pixel in range(len(starts) - 1):
        if starts[pixel] == starts[pixel + 1]:
            continue
        x = pixel % width + 0.5
        y = pixel // width + 0.5
        square = 0.0
        for axis in range(3):
            w = world_from_pixel[axis, 0] * x + world_from_pixel[axis, 1] * y + world_from_pixel[axis, 2]
            square += w * w
        length = math.sqrt(square)
        owner = -1
        for solid in range(solids):
            winding[solid] = around_source[solid]
            if winding[solid] != 0:
                owner = solid
        first = count
        before = 0.0
        for n in range(starts[pixel], starts[pixel + 1]):
            depth = min(depths[n], max_depth)
            if owner >= 0 and depth > before:
                paths[owner, pixel] += np.float32((depth - before) * length)
                if count > first and far[count - 1] == before:
                    far[count - 1] = depth
                else:
                    near[count] = before
                    far[count] = depth
                    count += 1
            before = depth
            if depth >= max_depth:
                break
            solid = codes[n] >> 1
            winding[solid] += 1 if codes[n] & 1 else -1
            if winding[solid] != 0:
                owner = max(owner, solid)
            elif solid == owner:
                while owner >= 0 and winding[owner] == 0:
                    owner -= 1
        if count > first:
            hit[rays] = pixel
            spans[rays] = first
            rays += 1
    spans[rays] = count
    return rays, count


@njit(nogil=True, cache=True)
def _above_air(hu, offset, u, v, count_u, count_v, stride_u, stride_v):
    """Bilinear sample of HU + 1000 (at least 0 in every voxel), 0 outside the grid."""
    if not (-1.0 < u < count_u and -1.0 < v < count_v):
        return 0.0
    iu = math.floor(u)
    iv = math.floor(v)
    total = 0.0
    for du in range(2):
        for dv in range(2):
            ku = iu + du
            kv = iv + dv
            if 0 <= ku < count_u and 0 <= kv < count_v:
                weight = (1.0 - abs(u - ku)) * (1.0 - abs(v - kv))
                total += weight * max(np.int64(hu[offset + ku * stride_u + kv * stride_v]) + 1000, 0)
    return total


@njit(nogil=True, cache=True)
def integrate_spans(
    hu,
    shape,
    strides,
    source,
    index_from_pixel,
    world_from_pixel,
    max_depth,
    width,
    table,
    blend,
    hit,
    spans,
    near,
    far,
    ray0,
    ray1,
    sums,
):
    """Fill ``sums[:, ray0:ray1]`` with the integrals over the spans of each ray.

    Row 0 is the water path, row 1 + m quantity m of ``table`` (N, M): blended between its rows, or else the nearest
    row's. The sample of a plane counts by the part
    of its slab (half a plane to either side) that the span covers; a span from the source or to the
    detector takes in the rest of the slab there, so that spans that make up a ray add up to all of it.
    """
    quantities = table.shape[1]
    last_row = table.shape[0] - 1
    for ray in range(ray0, ray1):
        x = hit[ray] % width + 0.5
        y = hit[ray] // width + 0.5
        d0 = index_from_pixel[0, 0] * x + index_from_pixel[0, 1] * y + index_from_pixel[0, 2]
        d1 = index_from_pixel[1, 0] * x + index_from_pixel[1, 1] * y + index_from_pixel[1, 2]
        d2 = index_from_pixel[2, 0] * x + index_from_pixel[2, 1] * y + index_from_pixel[2, 2]
        axis, axis_u, axis_v = 0, 1, 2
        main, side_u, side_v = d0, d1, d2
        if abs(d1) > abs(d0) and abs(d1) >= abs(d2):
            axis, axis_u, axis_v = 1, 0, 2
            main, side_u, side_v = d1, d0, d2
        elif abs(d2) > abs(d0) and abs(d2) > abs(d1):
            axis, axis_u, axis_v = 2, 0, 1
            main, side_u, side_v = d2, d0, d1
        slope_u = side_u / main
        slope_v = side_v / main
        base_u = source[axis_u] - source[axis] * slope_u
        base_v = source[axis_v] - source[axis] * slope_v
        end = source[axis] + max_depth * main
        first = math.ceil(max(0.0, min(source[axis], end)))
        last = math.floor(min(shape[axis] - 1.0, max(source[axis], end)))
        for row in range(1 + quantities):
            sums[row, ray] = 0.0
        for span in range(spans[ray], spans[ray + 1]):
            enter = source[axis] + near[span] * main
            leave = source[axis] + far[span] * main
            # A whole slab more covers what the end planes' slabs have beyond the ends of the ray.
            if near[span] <= 0.0:
                enter -= math.copysign(1.0, main)
            if far[span] >= max_depth:
                leave += math.copysign(1.0, main)
            low = min(enter, leave)
            high = max(enter, leave)
            for n in range(max(first, math.ceil(low - 0.5)), min(last, math.floor(high + 0.5)) + 1):
                weight = min(high, n + 0.5) - max(low, n - 0.5)
                if weight <= 0.0:
                    continue
                value = _above_air(
                    hu,
                    n * strides[axis],
                    base_u + n * slope_u,
                    base_v + n * slope_v,
                    shape[axis_u],
                    shape[axis_v],
                    strides[axis_u],
                    strides[axis_v],
                )
                if value == 0.0:
                    continue
                sums[0, ray] += weight * value
                if quantities:
                    # As the kernel of the whole ray does: what is taken must be what was added.
                    if blend:
                        at = min(value, float(last_row))
                        row = min(int(at), last_row - 1)
                        fraction = at - row
                    else:
                        row = min(int(np.float32(value) + np.float32(0.5)), last_row)
                        fraction = 0.0
                    for m in range(quantities):
                        here = float(table[row, m])
                        if blend:
                            here += fraction * (table[row + 1, m] - here)
                        sums[1 + m, ray] += weight * here
        square = 0.0
        for component in range(3):
            w = world_from_pixel[component, 0] * x + world_from_pixel[component, 1] * y + world_from_pixel[component, 2]
            square += w * w
        length = math.sqrt(square) / abs(main)
        sums[0, ray] *= length * 1e-3
        for m in range(quantities):
            sums[1 + m, ray] *= length
