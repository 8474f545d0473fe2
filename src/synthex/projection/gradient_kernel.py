# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Numba kernels of the projector's derivatives: by the rays (and so by the camera), and by the voxels.

A ray's integral is ``length * sum_n f(n, p_n, q_n)`` over the planes n across its dominant axis, with
``p_n = s_p + (n - s_a) d_p / d_a``, ``length = |w| / |d_a|``, source s and direction d in voxels and w in mm. Four
sums beside that of the samples, of the bilinear blend's slopes along p and q and of these times n, therefore give
the derivatives by s and by d, and through them by every parameter of the camera. The choice of the dominant axis and
of the planes is piecewise constant, as in the PyTorch twin (:mod:`synthex.projection.reference`).
"""

import math

import numpy as np
from numba import njit

from synthex.core import follow
from synthex.projection import cpu_kernel, march_kernel, simd_kernel
from synthex.projection.cpu_kernel import aim, enter, packets_of
from synthex.projection.march_kernel import AHEAD, AIR, CLAMPS, voxel
from synthex.projection.simd_kernel import (
    LANES,
    clamp_halves,
    gather_words,
    high_halves,
    load_floats,
    load_ints,
    low_halves,
    prefetch,
    spread_float,
    spread_int,
    store_floats,
    to_floats,
    to_ints,
    where,
)

follow(__file__, cpu_kernel, march_kernel, simd_kernel)

SUMS = 5
"""Sums of a ray: samples, slopes along p and along q, and both times the plane's number (from the middle)."""


@njit(nogil=True, cache=True)
def _march_edges(hu, lines, spans, middle, stride, side_counts, side_strides, sums):
    """Add what lies outside each ray's span of inner planes."""
    count_p, count_q = side_counts
    stride_p, stride_q = side_strides
    for lane in range(LANES):
        first, last = spans[0, lane], spans[1, lane]
        inner, beyond = spans[2, lane], spans[3, lane] + 1
        if inner >= beyond:
            inner = beyond = last + 1
        for part in range(2):
            start, stop = (first, inner) if part == 0 else (beyond, last + 1)
            for n in range(start, stop):
                step = np.float32(n - middle)
                p = lines[0, lane] + step * lines[1, lane]
                q = lines[2, lane] + step * lines[3, lane]
                ip, iq = math.floor(p), math.floor(q)
                fp, fq = p - np.float32(ip), q - np.float32(iq)
                plane = n * stride
                a = voxel(hu, plane, ip, iq, count_p, count_q, stride_p, stride_q)
                b = voxel(hu, plane, ip + 1, iq, count_p, count_q, stride_p, stride_q)
                c = voxel(hu, plane, ip, iq + 1, count_p, count_q, stride_p, stride_q)
                d = voxel(hu, plane, ip + 1, iq + 1, count_p, count_q, stride_p, stride_q)
                low = a + fp * (b - a)
                slope_q = c + fp * (d - c) - low
                slope_p = (b - a) + fq * ((d - c) - (b - a))
                sums[0, lane] += (low + fq * slope_q) - np.float32(AIR)
                sums[1, lane] += slope_p
                sums[2, lane] += slope_q
                sums[3, lane] += step * slope_p
                sums[4, lane] += step * slope_q


@njit(nogil=True, cache=True)
def _march_inner(hu, lines, spans, middle, start, stop, stride, side_strides, sums):
    """Add each ray's inner planes, ``start`` to ``stop - 1`` over the packet; see ``march_kernel.march_inner``."""
    line, span, total = lines.reshape(-1), spans.reshape(-1), sums.reshape(-1)
    stride_p, stride_q = side_strides
    paired = stride_p == 1
    p0, slope_p = load_floats(line, 0), load_floats(line, LANES)
    q0, slope_q = load_floats(line, 2 * LANES), load_floats(line, 3 * LANES)
    inner, last = load_ints(span, 2 * LANES), load_ints(span, 3 * LANES)
    side_p, side_q = spread_int(np.int32(stride_p)), spread_int(np.int32(stride_q))
    air, clamps = spread_float(np.float32(AIR)), spread_int(np.int32(CLAMPS))
    zero = spread_float(np.float32(0))
    sample = load_floats(total, 0)
    along_p, along_q = load_floats(total, LANES), load_floats(total, 2 * LANES)
    turned_p, turned_q = load_floats(total, 3 * LANES), load_floats(total, 4 * LANES)
    one, next_plane = spread_float(np.float32(1)), spread_int(np.int32(1))
    step, plane = spread_float(np.float32(start - middle)), spread_int(np.int32(start))
    ahead = np.float32(start + AHEAD - middle)
    offset = start * stride
    for _ in range(start, stop):
        for lane in (0, LANES - 1):
            kp = np.int64(line[lane] + ahead * line[LANES + lane])
            kq = np.int64(line[2 * LANES + lane] + ahead * line[3 * LANES + lane])
            place = offset + AHEAD * stride + kp * stride_p + kq * stride_q
            prefetch(hu, place)
            prefetch(hu, place + stride_q)
        ahead += np.float32(1)
        chosen = (plane >= inner) & (last >= plane)
        p = p0 + step * slope_p
        q = q0 + step * slope_q
        ip = to_ints(p)
        iq = to_ints(q)
        fp = p - to_floats(ip)
        fq = q - to_floats(iq)
        if paired:
            at = ip + iq * side_q
            near = clamp_halves(gather_words(hu, offset, at, chosen), clamps)
            far = clamp_halves(gather_words(hu, offset + stride_q, at, chosen), clamps)
            a, b, c, d = low_halves(near), high_halves(near), low_halves(far), high_halves(far)
        else:
            at = ip * side_p + iq * side_q
            a = low_halves(clamp_halves(gather_words(hu, offset, at, chosen), clamps))
            b = low_halves(clamp_halves(gather_words(hu, offset + stride_p, at, chosen), clamps))
            c = low_halves(clamp_halves(gather_words(hu, offset + stride_q, at, chosen), clamps))
            d = low_halves(clamp_halves(gather_words(hu, offset + stride_p + stride_q, at, chosen), clamps))
        near_p, far_p = b - a, d - c
        low = a + fp * near_p
        by_q = where(chosen, (c + fp * far_p) - low, zero)
        by_p = where(chosen, near_p + fq * (far_p - near_p), zero)
        sample = sample + where(chosen, (low + fq * by_q) - air, zero)
        along_p = along_p + by_p
        along_q = along_q + by_q
        turned_p = turned_p + step * by_p
        turned_q = turned_q + step * by_q
        offset += stride
        step = step + one
        plane = plane + next_plane
    store_floats(total, 0, sample)
    store_floats(total, LANES, along_p)
    store_floats(total, 2 * LANES, along_q)
    store_floats(total, 3 * LANES, turned_p)
    store_floats(total, 4 * LANES, turned_q)


@njit(nogil=True, cache=True)
def differentiate_packets(
    hu,
    shape,
    strides,
    source,
    index_from_pixel,
    world_from_pixel,
    max_depth,
    upright,
    packet0,
    packet1,
    water,
    by_source,
    by_direction,
):
    """Fill packets of ``water`` (H, W) in mm and of its derivatives by the ray, in voxels.

    ``by_source`` and ``by_direction`` (3, H, W) are the derivatives by the source and by the direction per mm of
    depth, both in voxel indices, of the sum of samples times its length **with the mm of the ray held**: the caller
    adds what a change of the world's length does. See ``cpu_kernel.project_packets`` for the rest.
    """
    height, width = water.shape
    lanes = height if upright else width
    blocks = (lanes + LANES - 1) // LANES
    direction = np.empty((3, LANES))
    length = np.empty(LANES)
    axes = np.empty(LANES, dtype=np.int64)
    lines = np.zeros((4, LANES), dtype=np.float32)
    spans = np.empty((4, LANES), dtype=np.int32)
    sums = np.empty((SUMS, LANES), dtype=np.float32)
    for packet in range(packet0, packet1):
        line, left = packet // blocks, packet % blocks * LANES
        used = min(LANES, lanes - left)
        present = aim(left, line, used, upright, index_from_pixel, world_from_pixel, direction, length, axes)
        for axis in range(3):
            if not (present >> axis) & 1:
                continue
            axis_p = 1 if axis == 0 else 0
            axis_q = 1 if axis == 2 else 2
            if strides[axis_q] < strides[axis_p]:
                axis_p, axis_q = axis_q, axis_p
            side_counts = (shape[axis_p], shape[axis_q])
            side_strides = (strides[axis_p], strides[axis_q])
            middle = shape[axis] // 2
            inner_planes = shape[axis] - 1 if side_strides[0] == 1 else shape[axis] - 2
            enter(axis, axis_p, axis_q, shape, inner_planes, source, max_depth, direction, axes, lines, spans)
            start, stop = shape[axis], 0
            for lane in range(LANES):
                if spans[2, lane] <= spans[3, lane]:
                    start = min(start, spans[2, lane])
                    stop = max(stop, spans[3, lane] + 1)
            sums[:] = 0
            _march_edges(hu, lines, spans, middle, strides[axis], side_counts, side_strides, sums)
            _march_inner(hu, lines, spans, middle, start, stop, strides[axis], side_strides, sums)
            for lane in range(used):
                if axes[lane] != axis:
                    continue
                row, column = (left + lane, line) if upright else (line, left + lane)
                scale = length[lane] * 1e-3
                main = direction[axis, lane]
                slope_p, slope_q = direction[axis_p, lane] / main, direction[axis_q, lane] / main
                grad_p, grad_q = scale * sums[1, lane], scale * sums[2, lane]
                # Planes counted from the source.
                turn_p = (scale * sums[3, lane] + (middle - source[axis]) * grad_p) / main
                turn_q = (scale * sums[4, lane] + (middle - source[axis]) * grad_q) / main
                value = scale * sums[0, lane]
                water[row, column] = np.float32(value)
                by_source[axis_p, row, column] = np.float32(grad_p)
                by_source[axis_q, row, column] = np.float32(grad_q)
                by_source[axis, row, column] = np.float32(-slope_p * grad_p - slope_q * grad_q)
                by_direction[axis_p, row, column] = np.float32(turn_p)
                by_direction[axis_q, row, column] = np.float32(turn_q)
                by_direction[axis, row, column] = np.float32(-slope_p * turn_p - slope_q * turn_q - value / main)


@njit(nogil=True, cache=True)
def _share(out, plane, p, q, count_p, count_q, stride_p, stride_q, share):
    if 0 <= p < count_p and 0 <= q < count_q:
        out[plane + p * stride_p + q * stride_q] += share


@njit(nogil=True, cache=True)
def forget_air(hu, out, low, high):
    """Set ``out`` to 0 where the HU are clamped to air."""
    for at in range(low, high):
        if hu[at] <= AIR:
            out[at] = 0


@njit(nogil=True, cache=True)
def back_project_planes(
    shape, strides, source, index_from_pixel, world_from_pixel, max_depth, upright, axis, low, high, weights, out
):
    """Add ``weights`` (H, W) times samples' shares of voxels, mm per HU, on planes ``low..high - 1`` across ``axis``.

    Rays that ``axis`` dominates only: threads that own planes never meet, and the order of the sums does not depend
    on their number. ``out`` float32 is flat, as the voxels are.
    """
    height, width = weights.shape
    lanes = height if upright else width
    blocks = (lanes + LANES - 1) // LANES
    axis_p = 1 if axis == 0 else 0
    axis_q = 1 if axis == 2 else 2
    if strides[axis_q] < strides[axis_p]:
        axis_p, axis_q = axis_q, axis_p
    count_p, count_q = shape[axis_p], shape[axis_q]
    stride, stride_p, stride_q = strides[axis], strides[axis_p], strides[axis_q]
    direction = np.empty((3, LANES))
    length = np.empty(LANES)
    axes = np.empty(LANES, dtype=np.int64)
    lines = np.zeros((4, LANES), dtype=np.float32)
    spans = np.empty((4, LANES), dtype=np.int32)
    share = np.empty(LANES, dtype=np.float32)
    middle = shape[axis] // 2
    at = np.empty(LANES, dtype=np.int32)
    parts = np.empty((4, LANES), dtype=np.float32)
    one, next_p, next_q = np.float32(1), np.uint64(stride_p), np.uint64(stride_q)
    side_p, side_q = np.int32(stride_p), np.int32(stride_q)
    for packet in range(packets_of(lanes, width if upright else height)):
        line, left = packet // blocks, packet % blocks * LANES
        used = min(LANES, lanes - left)
        present = aim(left, line, used, upright, index_from_pixel, world_from_pixel, direction, length, axes)
        if not (present >> axis) & 1:
            continue
        enter(axis, axis_p, axis_q, shape, shape[axis], source, max_depth, direction, axes, lines, spans)
        start, stop = high, low
        share[:] = 0
        for lane in range(used):
            row, column = (left + lane, line) if upright else (line, left + lane)
            share[lane] = weights[row, column] * length[lane] * 1e-3
            if share[lane] != 0 and spans[0, lane] <= spans[1, lane]:
                start = min(start, max(low, spans[0, lane]))
                stop = max(stop, min(high, spans[1, lane] + 1))
        whole, beyond = low, high
        for lane in range(used):
            whole, beyond = max(whole, spans[2, lane]), min(beyond, spans[3, lane] + 1)
        # Plane by plane, so that neighbouring rays find the voxels in the cache.
        for n in range(start, stop):
            plane = n * stride
            step = np.float32(n - middle)
            if whole <= n < beyond:
                for lane in range(LANES):
                    p = lines[0, lane] + step * lines[1, lane]
                    q = lines[2, lane] + step * lines[3, lane]
                    ip, iq = np.int32(p), np.int32(q)
                    fp, fq = p - np.float32(ip), q - np.float32(iq)
                    far = share[lane] * fq
                    near = share[lane] - far
                    at[lane] = ip * side_p + iq * side_q
                    parts[0, lane] = near - near * fp
                    parts[1, lane] = near * fp
                    parts[2, lane] = far - far * fp
                    parts[3, lane] = far * fp
                for lane in range(used):
                    # Unsigned: signed indices would be tested for counting from the end.
                    place = np.uint64(plane + at[lane])
                    out[place] += parts[0, lane]
                    out[place + next_p] += parts[1, lane]
                    out[place + next_q] += parts[2, lane]
                    out[place + next_q + next_p] += parts[3, lane]
                continue
            for lane in range(used):
                if spans[0, lane] <= n <= spans[1, lane]:
                    p = lines[0, lane] + step * lines[1, lane]
                    q = lines[2, lane] + step * lines[3, lane]
                    ip, iq = math.floor(p), math.floor(q)
                    fp, fq = p - np.float32(ip), q - np.float32(iq)
                    near, far = share[lane] * (one - fq), share[lane] * fq
                    _share(out, plane, ip, iq, count_p, count_q, stride_p, stride_q, near * (one - fp))
                    _share(out, plane, ip + 1, iq, count_p, count_q, stride_p, stride_q, near * fp)
                    _share(out, plane, ip, iq + 1, count_p, count_q, stride_p, stride_q, far * (one - fp))
                    _share(out, plane, ip + 1, iq + 1, count_p, count_q, stride_p, stride_q, far * fp)
