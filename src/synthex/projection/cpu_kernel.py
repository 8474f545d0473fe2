# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Numba kernels of the projector: Joseph's method on int16 HU and uint8 labels in place.

Joseph (1982, IEEE TMI 1:192): one sample on every voxel plane across the ray's dominant index axis,
bilinear in the plane, times the ray's length between planes. Outside the grid there is air (0), so a
sample up to one voxel beyond the outermost voxel centres is a blend with air.

Every ray is computed on its own, in the same order of operations whatever the rows of a call; results
therefore do not depend on how many threads share the image. Threads are Python threads (the kernels
release the GIL): Numba's own pools do not survive a fork, and data loaders fork.
"""

import math

import numpy as np
from numba import njit

BRICK_BITS = 2
"""Edge of a brick of labels is ``2**BRICK_BITS`` voxels."""
STRIP = 8
"""Columns of pixels that are worked on together."""
ONE = float(1 << 32)


@njit(nogil=True, cache=True, inline="always")
def _clip(first, last, base, slope, low, high):
    """Shrink the plane range to where ``low <= base + slope * n <= high``."""
    if abs(slope) < 1e-9:
        if base < low or base > high:
            last = first - 1.0
        return first, last
    enter = (low - base) / slope
    leave = (high - base) / slope
    if enter > leave:
        enter, leave = leave, enter
    return max(first, enter), min(last, leave)


@njit(nogil=True, cache=True)
def _edge_sample(hu, offset, u, v, count_u, count_v, stride_u, stride_v):
    """Bilinear sample of water-relative density x 1000 where some of the four neighbours are outside."""
    iu = math.floor(u)
    iv = math.floor(v)
    fu = np.float32(u - iu)
    fv = np.float32(v - iv)
    total = np.float32(0.0)
    for du in range(2):
        for dv in range(2):
            ku = iu + du
            kv = iv + dv
            if 0 <= ku < count_u and 0 <= kv < count_v:
                weight = (fu if du else np.float32(1.0) - fu) * (fv if dv else np.float32(1.0) - fv)
                total += weight * np.float32(max(np.int32(hu[offset + ku * stride_u + kv * stride_v]) + 1000, 0))
    return total


@njit(nogil=True, cache=True, fastmath=True)
def _inner_samples(hu, first, last, u0, du, v0, dv, base, stride, stride_u, stride_v):
    """Sum of samples whose four neighbours are all inside; planes first..last, u and v >= 0."""
    total = np.float32(0.0)
    for n in range(last - first + 1):
        step = np.float32(n)
        u = u0 + step * du
        v = v0 + step * dv
        iu = np.int32(u)
        iv = np.int32(v)
        fu = u - np.float32(iu)
        fv = v - np.float32(iv)
        at = base + n * stride + iu * stride_u + iv * stride_v
        a = np.float32(max(np.int32(hu[at]), np.int32(-1000)))
        b = np.float32(max(np.int32(hu[at + stride_v]), np.int32(-1000)))
        c = np.float32(max(np.int32(hu[at + stride_u]), np.int32(-1000)))
        d = np.float32(max(np.int32(hu[at + stride_u + stride_v]), np.int32(-1000)))
        low = a + fv * (b - a)
        high = c + fv * (d - c)
        total += low + fu * (high - low) + np.float32(1000.0)
    return total


@njit(nogil=True, cache=True)
def _count_labels(
    labels,
    slots,
    bricks,
    counts,
    plane0,
    planes,
    u0,
    du,
    v0,
    dv,
    stride,
    stride_u,
    stride_v,
    brick,
    brick_u,
    brick_v,
    count_u,
    count_v,
):
    """Add the number of samples in each label to ``counts``; nearest voxel, ``planes`` from ``plane0``.

    ``bricks`` (see :func:`project_rows`) says how far it is safe to leap through background: a ray
    moves at most one voxel a plane along any axis.
    """
    # Fixed point with 32 fractional bits; the half makes the shift round to the nearest voxel.
    at_u = np.int64((u0 + 0.5) * ONE)
    at_v = np.int64((v0 + 0.5) * ONE)
    step_u = np.int64(du * ONE)
    step_v = np.int64(dv * ONE)
    current = np.uint8(0)
    run = 0
    n = 0
    while n < planes:
        ku = at_u >> 32
        kv = at_v >> 32
        if not (0 <= ku < count_u and 0 <= kv < count_v):
            counts[slots[current]] += n - run
            current = np.uint8(0)
            n += 1
            at_u += step_u
            at_v += step_v
            run = n
            continue
        plane = plane0 + n
        if current == 0:
            distance = bricks[
                (plane >> BRICK_BITS) * brick + (ku >> BRICK_BITS) * brick_u + (kv >> BRICK_BITS) * brick_v
            ]
            if distance > 0:
                leap = ((distance - 1) << BRICK_BITS) + 1
                n += leap
                at_u += leap * step_u
                at_v += leap * step_v
                continue
        label = labels[plane * stride + ku * stride_u + kv * stride_v]
        if label != current:
            counts[slots[current]] += n - run
            current = label
            run = n
        n += 1
        at_u += step_u
        at_v += step_v
    counts[slots[current]] += planes - run


@njit(nogil=True, cache=True)
def occupied_bricks(labels, shape, bricks):
    """Set ``bricks[i, j, k]`` to 1 where a brick of C-ordered flat ``labels`` holds any label but 0."""
    last = bricks.shape[2] - 1
    size = 1 << BRICK_BITS
    for i in range(shape[0]):
        for j in range(shape[1]):
            row = (i * shape[1] + j) * shape[2]
            for brick in range(last):
                any_label = np.uint8(0)
                for k in range(size):
                    any_label |= labels[row + brick * size + k]
                if any_label:
                    bricks[i >> BRICK_BITS, j >> BRICK_BITS, brick] = 1
            for k in range(last * size, shape[2]):
                if labels[row + k]:
                    bricks[i >> BRICK_BITS, j >> BRICK_BITS, last] = 1


@njit(nogil=True, cache=True)
def project_rows(
    hu,
    labels,
    slots,
    bricks,
    shape,
    strides,
    brick_strides,
    source,
    index_from_pixel,
    world_from_pixel,
    max_depth,
    row0,
    row1,
    water,
    paths,
):
    """Fill rows ``row0..row1`` of ``water`` (H, W) and ``paths`` (S, H, W), both float32, mm.

    ``hu`` int16 and ``labels`` uint8 are flat, read-only and share ``shape`` and ``strides`` (elements);
    ``slots`` (256,) int64 maps a label to its plane in ``paths``, or to S where it is not wanted; ``bricks``
    (flat uint8 with ``brick_strides``) is :func:`synthex.projection.projector.brick_distances`.
    """
    width = water.shape[1]
    wanted = paths.shape[0]
    counts = np.zeros(wanted + 1, dtype=np.int64)
    rows = row1 - row0
    strips = (width + STRIP - 1) // STRIP
    # Strip by strip, so that the cache lines of one row of rays are still near when the next row comes.
    for line in range(strips * rows):
        row = row0 + line % rows
        left = line // rows * STRIP
        for column in range(left, min(left + STRIP, width)):
            x = column + 0.5
            y = row + 0.5
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
            count_u = shape[axis_u]
            count_v = shape[axis_v]
            # Planes between source and detector, then those whose sample touches the grid.
            near = source[axis]
            far = source[axis] + max_depth * main
            outer0 = max(0.0, min(near, far))
            outer1 = min(shape[axis] - 1.0, max(near, far))
            outer0, outer1 = _clip(outer0, outer1, base_u, slope_u, -1.0 + 1e-4, count_u - 1e-4)
            outer0, outer1 = _clip(outer0, outer1, base_v, slope_v, -1.0 + 1e-4, count_v - 1e-4)
            if not outer0 <= outer1:
                water[row, column] = 0.0
                for slot in range(wanted):
                    paths[slot, row, column] = 0.0
                continue
            first = math.ceil(outer0)
            last = math.floor(outer1)
            # Planes whose four neighbours are all inside, with room for float32 rounding.
            inner0, inner1 = _clip(outer0, outer1, base_u, slope_u, 1e-3, count_u - 1.0 - 1e-3)
            inner0, inner1 = _clip(inner0, inner1, base_v, slope_v, 1e-3, count_v - 1.0 - 1e-3)
            inside = last + 1
            beyond = last + 1
            if inner0 <= inner1:
                inside = math.ceil(inner0)
                beyond = math.floor(inner1) + 1
                if beyond <= inside:
                    inside = last + 1
                    beyond = last + 1
            stride = strides[axis]
            stride_u = strides[axis_u]
            stride_v = strides[axis_v]
            total = np.float32(0.0)
            for n in range(first, inside):
                total += _edge_sample(
                    hu, n * stride, base_u + n * slope_u, base_v + n * slope_v, count_u, count_v, stride_u, stride_v
                )
            if beyond > inside:
                total += _inner_samples(
                    hu,
                    inside,
                    beyond - 1,
                    np.float32(base_u + inside * slope_u),
                    np.float32(slope_u),
                    np.float32(base_v + inside * slope_v),
                    np.float32(slope_v),
                    inside * stride,
                    stride,
                    stride_u,
                    stride_v,
                )
            for n in range(beyond, last + 1):
                total += _edge_sample(
                    hu, n * stride, base_u + n * slope_u, base_v + n * slope_v, count_u, count_v, stride_u, stride_v
                )
            w0 = world_from_pixel[0, 0] * x + world_from_pixel[0, 1] * y + world_from_pixel[0, 2]
            w1 = world_from_pixel[1, 0] * x + world_from_pixel[1, 1] * y + world_from_pixel[1, 2]
            w2 = world_from_pixel[2, 0] * x + world_from_pixel[2, 1] * y + world_from_pixel[2, 2]
            length = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) / abs(main)
            water[row, column] = np.float32(total * length * 1e-3)
            if wanted > 0:
                counts[:] = 0
                _count_labels(
                    labels,
                    slots,
                    bricks,
                    counts,
                    first,
                    last - first + 1,
                    base_u + first * slope_u,
                    slope_u,
                    base_v + first * slope_v,
                    slope_v,
                    stride,
                    stride_u,
                    stride_v,
                    brick_strides[axis],
                    brick_strides[axis_u],
                    brick_strides[axis_v],
                    count_u,
                    count_v,
                )
                for slot in range(wanted):
                    paths[slot, row, column] = np.float32(counts[slot] * length)
