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
    labels, slots, counts, first, last, u0, du, v0, dv, base, stride, count_u, count_v, stride_u, stride_v
):
    """Add the number of samples in each label to ``counts``; planes first..last, nearest voxel."""
    current = np.uint8(0)
    run = 0
    for n in range(last - first + 1):
        step = np.float32(n)
        # The +1 keeps truncation a floor for coordinates down to -1.
        ku = np.int32(u0 + step * du + np.float32(1.5)) - 1
        kv = np.int32(v0 + step * dv + np.float32(1.5)) - 1
        if 0 <= ku < count_u and 0 <= kv < count_v:
            label = labels[base + n * stride + ku * stride_u + kv * stride_v]
            if label != current:
                counts[slots[current]] += n - run
                current = label
                run = n
        else:
            counts[slots[current]] += n - run
            current = np.uint8(0)
            run = n + 1
    counts[slots[current]] += last - first + 1 - run


@njit(nogil=True, cache=True)
def project_rows(
    hu, labels, slots, shape, strides, source, index_from_pixel, world_from_pixel, max_depth, row0, row1, water, paths
):
    """Fill rows ``row0..row1`` of ``water`` (H, W) and ``paths`` (S, H, W), both float32, mm.

    ``hu`` int16 and ``labels`` uint8 are flat, read-only and share ``shape`` and ``strides`` (elements);
    ``slots`` (256,) int64 maps a label to its plane in ``paths``, or to S where it is not wanted.
    """
    width = water.shape[1]
    wanted = paths.shape[0]
    counts = np.zeros(wanted + 1, dtype=np.int64)
    for row in range(row0, row1):
        for column in range(width):
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
                    counts,
                    first,
                    last,
                    np.float32(base_u + first * slope_u),
                    np.float32(slope_u),
                    np.float32(base_v + first * slope_v),
                    np.float32(slope_v),
                    first * stride,
                    stride,
                    count_u,
                    count_v,
                    stride_u,
                    stride_v,
                )
                for slot in range(wanted):
                    paths[slot, row, column] = np.float32(counts[slot] * length)
