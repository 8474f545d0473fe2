# ruff: noqa: ANN001, ANN201
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Marching a packet of 16 rays through the voxel planes, one plane at a time for all of them.

A packet is described by two arrays that :mod:`synthex.projection.cpu_kernel` fills:

- ``lines`` float32 (4, 16): position at plane ``middle`` and slope per plane along the side axes p and q.
- ``spans`` int32 (4, 16): first and last plane of each ray whose sample touches the grid, then first and
  last plane whose four neighbours are all inside. An empty span leaves a lane out.

p is the side axis with the smaller stride in memory. Where that is 1 (``paired``), two neighbours along p
come with one 4-byte read.
"""

import math

import numpy as np
from numba import njit

from synthex.projection.simd_kernel import (
    LANES,
    QUANTITIES,
    add_rows,
    bits,
    byte_of,
    clamp_halves,
    gather_words,
    high_halves,
    load_floats,
    load_ints,
    load_sums,
    low_halves,
    prefetch,
    smaller,
    spread_float,
    spread_int,
    store_floats,
    store_ints,
    store_sums,
    to_floats,
    to_ints,
    where,
)

AIR = -1000
CLAMPS = (AIR & 0xFFFF) | (AIR << 16)
"""Air in both halves of a word."""
AHEAD = 8
"""Planes that voxels are asked for before they are needed; 4 to 16 were equally good on the CPUs tried."""
OUTSIDE_LABEL = 256
"""What stands for the label of samples outside the grid, which have none, not even 0."""


@njit(nogil=True, cache=True)
def voxel(hu, plane, p, q, count_p, count_q, stride_p, stride_q):
    """One voxel's HU, air where it is less or outside."""
    if 0 <= p < count_p and 0 <= q < count_q:
        return np.float32(max(np.int32(hu[plane + p * stride_p + q * stride_q]), np.int32(AIR)))
    return np.float32(AIR)


@njit(nogil=True, cache=True)
def march_edges(
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
    paths,
):
    """Add the samples of each ray ``before`` (or else after) its span of inner planes; see :func:`march_inner`."""
    count_p, count_q = side_counts
    stride_p, stride_q = side_strides
    rows = len(table) // QUANTITIES
    half = np.float32(0.5)
    for lane in range(LANES):
        first, last = spans[0, lane], spans[1, lane]
        inner, beyond = spans[2, lane], spans[3, lane] + 1
        if inner >= beyond:
            inner = beyond = last + 1
        start, stop = (first, inner) if before else (beyond, last + 1)
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
            high = c + fp * (d - c)
            sample = (low + fq * (high - low)) - np.float32(AIR)
            totals[lane] += sample
            if rows:
                at = min(np.int64(sample + half), rows - 1) * QUANTITIES
                for m in range(QUANTITIES):
                    sums[lane * QUANTITIES + m] += table[at + m]
            if len(paths) > 1:
                kp = ip + 1 if fp >= half else ip
                kq = iq + 1 if fq >= half else iq
                label = np.int32(OUTSIDE_LABEL)
                if 0 <= kp < count_p and 0 <= kq < count_q:
                    label = np.int32(labels[plane + kp * stride_p + kq * stride_q])
                if label != current[lane]:
                    paths[slots[current[lane]], lane] += n - since[lane]
                    since[lane] = n
                    current[lane] = label


@njit(nogil=True, cache=True)
def march_inner(
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
    paths,
    changes,
    labels_after,
):
    """Add the samples of each ray's inner planes, ``start`` to ``stop - 1`` over the packet.

    Args:
        hu: Flat int16.
        labels: Flat uint8 in the same order.
        table: Flat float32, rows of 8 quantities by HU above air; may be empty.
        lines: See above.
        spans: See above.
        middle: Plane at which ``lines`` gives positions.
        start: First plane.
        stop: Plane after the last.
        stride: Elements between planes.
        side_strides: Elements between neighbours along p and q.
        totals: (16,) float32; the sum of HU above air is added.
        sums: (128,) float32; the 8 quantities of the samples, rounded to whole HU, are added for each ray.
        slots: (257,) int64, row of ``paths`` for each label.
        current: (16,) int32, each ray's label on the plane before.
        since: (16,) int64, the plane that label began at.
        paths: (slots, 16) int64; the numbers of samples (nearest voxel) in labels that ended are added. One
            row means that no labels are wanted.
        changes: Room for (planes, 2) int64.
        labels_after: Room for (planes * 16,) int32.
    """
    line = lines.reshape(-1)
    span = spans.reshape(-1)
    stride_p, stride_q = side_strides
    paired = stride_p == 1
    rows = len(table) // QUANTITIES
    wanted = len(paths) > 1
    size = len(labels)
    p0, slope_p = load_floats(line, 0), load_floats(line, LANES)
    q0, slope_q = load_floats(line, 2 * LANES), load_floats(line, 3 * LANES)
    inner, last = load_ints(span, 2 * LANES), load_ints(span, 3 * LANES)
    side_p, side_q = spread_int(np.int32(stride_p)), spread_int(np.int32(stride_q))
    air, clamps = spread_float(np.float32(AIR)), spread_int(np.int32(CLAMPS))
    zero, half, none = spread_float(np.float32(0)), spread_float(np.float32(0.5)), spread_int(np.int32(0))
    top = spread_int(np.int32(rows - 1))
    total = load_floats(totals, 0)
    weights = load_sums(sums, 0)
    label_before = load_ints(current, 0)
    noted = 0
    # Counted up, which is exact, rather than converted from ``n``: on x86 the conversion would wait for whatever
    # register it is merged into, such as the sums of the plane before.
    one, next_plane = spread_float(np.float32(1)), spread_int(np.int32(1))
    step, plane = spread_float(np.float32(start - middle)), spread_int(np.int32(start))
    ahead = np.float32(start + AHEAD - middle)
    offset = start * stride
    for n in range(start, stop):
        # The outer rays' voxels some planes ahead: the planes are too far apart for the CPU to foresee them.
        for lane in (0, LANES - 1):
            kp = np.int64(line[lane] + ahead * line[LANES + lane])
            kq = np.int64(line[2 * LANES + lane] + ahead * line[3 * LANES + lane])
            place = offset + AHEAD * stride + kp * stride_p + kq * stride_q
            prefetch(hu, place)
            prefetch(hu, place + stride_q)
            if wanted:
                prefetch(labels, place)
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
        low = a + fp * (b - a)
        high = c + fp * (d - c)
        sample = where(chosen, (low + fq * (high - low)) - air, zero)
        total = total + sample
        if rows:
            weights = add_rows(weights, table, smaller(to_ints(sample + half), top))
        if wanted:
            nearest = (at + where(fp >= half, side_p, none)) + where(fq >= half, side_q, none)
            # Words, of which the last ones would reach over the end.
            word = smaller(nearest, spread_int(np.int32(size - 4 - offset)))
            label = byte_of(gather_words(labels, offset, word, chosen), nearest - word)
            label = where(chosen, label, label_before)
            changed = bits(label != label_before)
            if changed:
                # Only noted here: the bookkeeping would take registers from the loop.
                changes[noted, 0] = n
                changes[noted, 1] = changed
                store_ints(labels_after, noted * LANES, label)
                noted += 1
                label_before = label
        offset += stride
        step = step + one
        plane = plane + next_plane
    store_floats(totals, 0, total)
    store_sums(sums, 0, weights)
    for note in range(noted):
        n, changed = changes[note, 0], changes[note, 1]
        for lane in range(LANES):
            if (changed >> lane) & 1:
                paths[slots[current[lane]], lane] += n - since[lane]
                since[lane] = n
                current[lane] = labels_after[note * LANES + lane]


@njit(nogil=True, cache=True)
def close_labels(spans, slots, current, since, paths):
    """Count the samples of the labels that the rays end in."""
    for lane in range(LANES):
        paths[slots[current[lane]], lane] += np.int64(spans[1, lane]) + 1 - since[lane]
