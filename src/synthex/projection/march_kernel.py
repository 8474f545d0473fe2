# ruff: noqa: ANN001, ANN201, ANN202
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
    below_unsigned,
    bits,
    byte_of,
    clamp_halves,
    gather_words,
    high_halves,
    load_floats,
    load_ints,
    load_sums,
    low_halves,
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
OUTSIDE_LABEL = 256
"""What stands for the label of samples outside the grid, which have none, not even 0."""


@njit(nogil=True, cache=True)
def _voxel(hu, plane, p, q, count_p, count_q, stride_p, stride_q):
    """One voxel's HU, air where it is less or outside."""
    if 0 <= p < count_p and 0 <= q < count_q:
        return np.float32(max(np.int32(hu[plane + p * stride_p + q * stride_q]), np.int32(AIR)))
    return np.float32(AIR)


@njit(nogil=True, cache=True)
def _edge_sample(hu, plane, p, q, count_p, count_q, stride_p, stride_q):
    """What :func:`_samples` gives in a lane, where some neighbours may be outside."""
    ip = int(math.floor(p))
    iq = int(math.floor(q))
    fp = p - np.float32(ip)
    fq = q - np.float32(iq)
    a = _voxel(hu, plane, ip, iq, count_p, count_q, stride_p, stride_q)
    b = _voxel(hu, plane, ip + 1, iq, count_p, count_q, stride_p, stride_q)
    c = _voxel(hu, plane, ip, iq + 1, count_p, count_q, stride_p, stride_q)
    d = _voxel(hu, plane, ip + 1, iq + 1, count_p, count_q, stride_p, stride_q)
    low = a + fp * (b - a)
    high = c + fp * (d - c)
    return (low + fq * (high - low)) - np.float32(AIR)


@njit(nogil=True, cache=True)
def march_edges(hu, lines, spans, middle, before, stride, counts, side_strides, totals, table, rows, sums):
    """Add the samples of each ray ``before`` (or else after) its span of inner planes."""
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
            sample = _edge_sample(hu, n * stride, p, q, counts[0], counts[1], side_strides[0], side_strides[1])
            totals[lane] += sample
            if rows:
                at = min(np.int64(sample + np.float32(0.5)), rows - 1) * QUANTITIES
                for m in range(QUANTITIES):
                    sums[lane * QUANTITIES + m] += table[at + m]


@njit(nogil=True, cache=True)
def _samples(hu, plane, p, q, stride_p, stride_q, side_p, side_q, clamps, air, chosen, paired):
    """Bilinear samples of HU above air (0 to 33767) where all neighbours are inside."""
    ip = to_ints(p)
    iq = to_ints(q)
    fp = p - to_floats(ip)
    fq = q - to_floats(iq)
    if paired:
        at = ip + iq * side_q
        near = clamp_halves(gather_words(hu, plane, at, chosen), clamps)
        far = clamp_halves(gather_words(hu, plane + stride_q, at, chosen), clamps)
        a, b, c, d = low_halves(near), high_halves(near), low_halves(far), high_halves(far)
    else:
        at = ip * side_p + iq * side_q
        a = low_halves(clamp_halves(gather_words(hu, plane, at, chosen), clamps))
        b = low_halves(clamp_halves(gather_words(hu, plane + stride_p, at, chosen), clamps))
        c = low_halves(clamp_halves(gather_words(hu, plane + stride_q, at, chosen), clamps))
        d = low_halves(clamp_halves(gather_words(hu, plane + stride_p + stride_q, at, chosen), clamps))
    low = a + fp * (b - a)
    high = c + fp * (d - c)
    return (low + fq * (high - low)) - air


@njit(nogil=True, cache=True)
def march_inner(hu, lines, spans, middle, start, stop, stride, stride_p, stride_q, paired, totals, table, rows, sums):
    """Add the samples of each ray's inner planes, ``start`` to ``stop - 1`` over the packet."""
    line = lines.reshape(-1)
    span = spans.reshape(-1)
    p0, slope_p = load_floats(line, 0), load_floats(line, LANES)
    q0, slope_q = load_floats(line, 2 * LANES), load_floats(line, 3 * LANES)
    inner, beyond = load_ints(span, 2 * LANES), load_ints(span, 3 * LANES)
    side_p, side_q = spread_int(np.int32(stride_p)), spread_int(np.int32(stride_q))
    clamps = spread_int(np.int32(CLAMPS))
    air = spread_float(np.float32(AIR))
    total = load_floats(totals, 0)
    if rows:
        half = spread_float(np.float32(0.5))
        top = spread_int(np.int32(rows - 1))
        weights = load_sums(sums, 0)
        for n in range(start, stop):
            step = spread_float(np.float32(n - middle))
            plane = spread_int(np.int32(n))
            chosen = (plane >= inner) & (beyond >= plane)
            sample = _samples(
                hu,
                n * stride,
                p0 + step * slope_p,
                q0 + step * slope_q,
                stride_p,
                stride_q,
                side_p,
                side_q,
                clamps,
                air,
                chosen,
                paired,
            )
            sample = where(chosen, sample, spread_float(np.float32(0)))
            total = total + sample
            weights = add_rows(weights, table, smaller(to_ints(sample + half), top))
        store_sums(sums, 0, weights)
    else:
        for n in range(start, stop):
            step = spread_float(np.float32(n - middle))
            plane = spread_int(np.int32(n))
            chosen = (plane >= inner) & (beyond >= plane)
            sample = _samples(
                hu,
                n * stride,
                p0 + step * slope_p,
                q0 + step * slope_q,
                stride_p,
                stride_q,
                side_p,
                side_q,
                clamps,
                air,
                chosen,
                paired,
            )
            total = total + where(chosen, sample, spread_float(np.float32(0)))
    store_floats(totals, 0, total)


@njit(nogil=True, cache=True)
def march_labels(labels, lines, spans, middle, start, stop, stride, counts, stride_p, stride_q, slots, paths):
    """Count each ray's samples per label (nearest voxel) in ``paths`` int64 (slots, 16)."""
    line = lines.reshape(-1)
    span = spans.reshape(-1)
    p0, slope_p = load_floats(line, 0), load_floats(line, LANES)
    q0, slope_q = load_floats(line, 2 * LANES), load_floats(line, 3 * LANES)
    first, last = load_ints(span, 0), load_ints(span, LANES)
    side_p, side_q = spread_int(np.int32(stride_p)), spread_int(np.int32(stride_q))
    count_p, count_q = spread_int(np.int32(counts[0])), spread_int(np.int32(counts[1]))
    # Half up to the nearest voxel; one more so that truncation is a floor for what is just outside.
    shift = spread_float(np.float32(1.5))
    one = spread_int(np.int32(1))
    outside = spread_int(np.int32(OUTSIDE_LABEL))
    current = outside
    now = np.empty(LANES, dtype=np.int32)
    was = np.full(LANES, OUTSIDE_LABEL, dtype=np.int32)
    since = np.empty(LANES, dtype=np.int64)
    for lane in range(LANES):
        since[lane] = spans[0, lane]
    size = len(labels)
    for n in range(start, stop):
        step = spread_float(np.float32(n - middle))
        plane = spread_int(np.int32(n))
        kp = to_ints((p0 + step * slope_p) + shift) - one
        kq = to_ints((q0 + step * slope_q) + shift) - one
        chosen = (plane >= first) & (last >= plane) & below_unsigned(kp, count_p) & below_unsigned(kq, count_q)
        at = kp * side_p + kq * side_q
        # Words, of which the last ones would reach over the end.
        word = smaller(at, spread_int(np.int32(size - 4 - n * stride)))
        label = byte_of(gather_words(labels, n * stride, word, chosen), at - word)
        label = where(chosen, label, outside)
        changed = bits(label != current)
        if changed:
            store_ints(now, 0, label)
            for lane in range(LANES):
                if (changed >> lane) & 1:
                    paths[slots[was[lane]], lane] += n - since[lane]
                    since[lane] = n
                    was[lane] = now[lane]
            current = label
    for lane in range(LANES):
        end = max(np.int64(spans[1, lane]) + 1, since[lane])
        paths[slots[was[lane]], lane] += end - since[lane]
