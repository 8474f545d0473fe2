# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Numba kernel of the projector: Joseph's method on int16 HU and uint8 labels in place.

Joseph (1982, IEEE TMI 1:192): one sample on every voxel plane across the ray's dominant index axis,
bilinear in the plane, times the ray's length between planes. Outside the grid there is air (0), so a
sample up to one voxel beyond the outermost voxel centres is a blend with air.

Rays are worked on in packets of 16 neighbouring pixels (:mod:`synthex.projection.march_kernel`), along rows
or columns, whichever keeps them closer in memory, since random reads are what limits a projector on a CPU.
Every ray's samples are the same float32 operations in the same order whatever its packet; results therefore
do not depend on how many threads share the image. Threads are Python threads (the kernels release the
GIL): Numba's own pools do not survive a fork, and data loaders fork.
"""

import math

import numpy as np
from numba import njit

from synthex.core import follow
from synthex.projection import march_kernel, simd_kernel
from synthex.projection.march_kernel import OUTSIDE_LABEL, close_labels, march_edges, march_inner
from synthex.projection.simd_kernel import LANES, QUANTITIES

follow(__file__, march_kernel, simd_kernel)

OUTSIDE = 1e-4
"""Samples touch the grid from ``OUTSIDE`` inside one voxel beyond its outermost voxel centres."""
ROUNDING = 1e-3
"""Distance of inner samples from the border in voxels: more than the rounding of float32 positions."""


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
def _dominant(d0, d1, d2):
    """Axis of the largest component; ties go to the earlier one."""
    axis = 0
    if abs(d1) > abs(d0):
        axis = 1
    if abs(d2) > max(abs(d0), abs(d1)):
        axis = 2
    return axis


@njit(nogil=True, cache=True)
def packets_of(lanes, lines):
    """Packets of an image with ``lanes`` pixels along the packets and ``lines`` across."""
    return (lanes + LANES - 1) // LANES * lines


@njit(nogil=True, cache=True)
def aim(left, line, used, upright, index_from_pixel, world_from_pixel, direction, length, axes):
    """Directions of a packet's rays in voxels, their dominant axes and the mm between planes; the axes as bits."""
    present = 0
    for lane in range(LANES):
        axes[lane] = -1
        if lane >= used:
            continue
        x, y = (line + 0.5, left + lane + 0.5) if upright else (left + lane + 0.5, line + 0.5)
        for k in range(3):
            direction[k, lane] = index_from_pixel[k, 0] * x + index_from_pixel[k, 1] * y + index_from_pixel[k, 2]
        axes[lane] = _dominant(direction[0, lane], direction[1, lane], direction[2, lane])
        present |= 1 << axes[lane]
        w0 = world_from_pixel[0, 0] * x + world_from_pixel[0, 1] * y + world_from_pixel[0, 2]
        w1 = world_from_pixel[1, 0] * x + world_from_pixel[1, 1] * y + world_from_pixel[1, 2]
        w2 = world_from_pixel[2, 0] * x + world_from_pixel[2, 1] * y + world_from_pixel[2, 2]
        length[lane] = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) / abs(direction[axes[lane], lane])
    return present


@njit(nogil=True, cache=True)
def enter(axis, axis_p, axis_q, shape, inner_planes, source, max_depth, direction, axes, lines, spans):
    """Fill ``lines`` and ``spans`` of a packet's rays that ``axis`` dominates; the other spans are empty."""
    count_p, count_q = shape[axis_p], shape[axis_q]
    for lane in range(LANES):
        spans[0, lane] = 0
        spans[1, lane] = -1
        spans[2, lane] = 0
        spans[3, lane] = -1
        if axes[lane] != axis:
            continue
        main = direction[axis, lane]
        slope_p = direction[axis_p, lane] / main
        slope_q = direction[axis_q, lane] / main
        base_p = source[axis_p] - source[axis] * slope_p
        base_q = source[axis_q] - source[axis] * slope_q
        middle = shape[axis] // 2
        lines[0, lane] = base_p + middle * slope_p
        lines[1, lane] = slope_p
        lines[2, lane] = base_q + middle * slope_q
        lines[3, lane] = slope_q
        # Planes between source and detector, then those whose sample touches the grid.
        near = source[axis]
        far = source[axis] + max_depth * main
        first = max(0.0, min(near, far))
        last = min(shape[axis] - 1.0, max(near, far))
        first, last = _clip(first, last, base_p, slope_p, -1.0 + OUTSIDE, count_p - OUTSIDE)
        first, last = _clip(first, last, base_q, slope_q, -1.0 + OUTSIDE, count_q - OUTSIDE)
        if not first <= last:
            continue
        spans[0, lane] = math.ceil(first)
        spans[1, lane] = math.floor(last)
        # Planes whose four neighbours are all inside.
        last = min(last, inner_planes)
        first, last = _clip(first, last, base_p, slope_p, ROUNDING, count_p - 1.0 - ROUNDING)
        first, last = _clip(first, last, base_q, slope_q, ROUNDING, count_q - 1.0 - ROUNDING)
        if first <= last and math.ceil(first) <= math.floor(last):
            spans[2, lane] = math.ceil(first)
            spans[3, lane] = math.floor(last)


@njit(nogil=True, cache=True)
def project_packets(
    hu,
    labels,
    slots,
    table,
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
    quantities,
    paths,
):
    """Fill packets ``packet0..packet1`` of ``water`` (H, W), ``quantities`` (M, H, W) and ``paths`` (S, H, W) in mm.

    ``hu`` int16 and ``labels`` uint8 are flat, read-only and share ``shape`` and ``strides`` (elements);
    ``slots`` (257,) int64 maps a label (256: outside) to its plane in ``paths``, or to S where it is not wanted;
    ``table`` float32 is flat with 8 columns, empty when M is 0. ``upright`` packets lie along columns of the image.
    """
    height, width = water.shape
    wanted, materials = paths.shape[0], quantities.shape[0]
    lanes = height if upright else width
    blocks = (lanes + LANES - 1) // LANES
    direction = np.empty((3, LANES))
    length = np.empty(LANES)
    axes = np.empty(LANES, dtype=np.int64)
    lines = np.zeros((4, LANES), dtype=np.float32)
    spans = np.empty((4, LANES), dtype=np.int32)
    totals = np.empty(LANES, dtype=np.float32)
    sums = np.empty(LANES * QUANTITIES, dtype=np.float32)
    current = np.empty(LANES, dtype=np.int32)
    since = np.empty(LANES, dtype=np.int64)
    counts = np.empty((wanted + 1, LANES), dtype=np.int64)
    changes = np.empty((max(shape) if wanted else 0, 2), dtype=np.int64)
    labels_after = np.empty(len(changes) * LANES, dtype=np.int32)
    # Along the packets first: the rays of one line of pixels lie in a slab of voxels that stays in the cache.
    for packet in range(packet0, packet1):
        line, left = packet // blocks, packet % blocks * LANES
        used = min(LANES, lanes - left)
        present = aim(left, line, used, upright, index_from_pixel, world_from_pixel, direction, length, axes)
        totals[:] = 0
        sums[:] = 0
        counts[:] = 0
        for axis in range(3):
            if not (present >> axis) & 1:
                continue
            axis_p = 1 if axis == 0 else 0
            axis_q = 1 if axis == 2 else 2
            if strides[axis_q] < strides[axis_p]:
                axis_p, axis_q = axis_q, axis_p
            side_counts = (shape[axis_p], shape[axis_q])
            side_strides = (strides[axis_p], strides[axis_q])
            stride = strides[axis]
            middle = shape[axis] // 2
            # Words of two voxels along the main axis would reach over the end from the last plane.
            inner_planes = shape[axis] - 1 if side_strides[0] == 1 else shape[axis] - 2
            enter(axis, axis_p, axis_q, shape, inner_planes, source, max_depth, direction, axes, lines, spans)
            start, stop = shape[axis], 0
            for lane in range(LANES):
                current[lane] = OUTSIDE_LABEL
                since[lane] = spans[0, lane]
                if spans[2, lane] <= spans[3, lane]:
                    start = min(start, spans[2, lane])
                    stop = max(stop, spans[3, lane] + 1)
            for before in (True, False):
                march_edges(
                    hu,
                    labels,
                    table,
                    lines,
                    spans,
                    middle,
                    before,
                    stride,
                    side_counts,
                    side_strides,
                    totals,
                    sums,
                    slots,
                    current,
                    since,
                    counts,
                )
                if before:
                    march_inner(
                        hu,
                        labels,
                        table,
                        lines,
                        spans,
                        middle,
                        start,
                        stop,
                        stride,
                        side_strides,
                        totals,
                        sums,
                        slots,
                        current,
                        since,
                        counts,
                        changes,
                        labels_after,
                    )
            if wanted:
                close_labels(spans, slots, current, since, counts)
        for lane in range(used):
            row, column = (left + lane, line) if upright else (line, left + lane)
            water[row, column] = np.float32(totals[lane] * length[lane] * 1e-3)
            for m in range(materials):
                quantities[m, row, column] = np.float32(sums[lane * QUANTITIES + m] * length[lane])
            for slot in range(wanted):
                paths[slot, row, column] = np.float32(counts[slot, lane] * length[lane])
