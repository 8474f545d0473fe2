# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Numba kernel of the projector for CUDA devices: one thread a ray, a batch of views in one launch.

The samples are those of Joseph (1982, IEEE TMI 1:192), as in :mod:`synthex.projection.cpu_kernel`: what
belongs to a ray is computed in float64, what belongs to a sample in float32, and the nearest voxels of labels in
fixed point. Every thread writes pixels of its own: nothing is atomic and results do not depend on the launch.

The kernel is compiled for each number of quantities, whose loops are unrolled so that the sums stay in
registers. Voxels are indexed with unsigned integers of 32 bits: Numba would look for negative indices
otherwise, and arithmetic in 64 bits is slow on GPUs.
"""

import functools
import math

import numpy as np
from numba import cuda

BLOCK = (16, 8)
"""Columns and rows of the pixels of one block of threads: a compact tile, whose rays share cache lines."""
ONE = float(1 << 32)
OUTSIDE = 256
"""What stands for a label outside the grid."""
VIEW_VALUES = 22
"""Numbers a view: source (3), index_from_pixel (9), world_from_pixel (9), depth of the detector (1)."""


@cuda.jit(device=True)
def _clip(first, last, base, slope, low, high):
    """Shrink the plane range to where ``low <= base + slope * n <= high``."""
    if abs(slope) < 1e-9:
        if base < low or base > high:
            last = first - 1.0
        return first, last
    enter = (low - base) / slope
    leave = (high - base) / slope
    return max(first, min(enter, leave)), min(last, max(enter, leave))


@cuda.jit(device=True)
def _edge_sample(hu, offset, u, v, count_u, count_v, stride_u, stride_v):
    """HU above air, bilinear, where some of the four neighbours are outside (air)."""
    iu = np.int32(math.floor(u))
    iv = np.int32(math.floor(v))
    fu = np.float32(u - iu)
    fv = np.float32(v - iv)
    total = np.float32(0.0)
    for du in range(2):
        for dv in range(2):
            ku = iu + du
            kv = iv + dv
            if 0 <= ku < count_u and 0 <= kv < count_v:
                weight = (fu if du else np.float32(1.0) - fu) * (fv if dv else np.float32(1.0) - fv)
                at = np.uint32(offset + ku * stride_u + kv * stride_v)
                total += weight * (np.float32(hu[at]) + np.float32(1000.0))
    return total


@cuda.jit(device=True)
def _count_labels(
    labels,
    slots,
    wanted,
    paths,
    view,
    row,
    column,
    offset,
    planes,
    u0,
    du,
    v0,
    dv,
    stride,
    stride_u,
    stride_v,
    count_u,
    count_v,
):
    """Add the number of samples in each wanted label to ``paths``: one write for every run of one label."""
    # Fixed point with 32 fractional bits; the half makes the shift round to the nearest voxel.
    at_u = np.int64((u0 + 0.5) * ONE)
    at_v = np.int64((v0 + 0.5) * ONE)
    step_u = np.int64(du * ONE)
    step_v = np.int64(dv * ONE)
    current = np.int32(OUTSIDE)
    run = 0
    for n in range(planes):
        ku = np.int32(at_u >> 32)
        kv = np.int32(at_v >> 32)
        label = np.int32(OUTSIDE)
        if 0 <= ku < count_u and 0 <= kv < count_v:
            label = np.int32(labels[np.uint32(offset + ku * stride_u + kv * stride_v)])
        if label != current:
            slot = slots[current]
            if slot < wanted:
                paths[view, slot, row, column] += np.float32(n - run)
            current = label
            run = n
        offset += stride
        at_u += step_u
        at_v += step_v
    slot = slots[current]
    if slot < wanted:
        paths[view, slot, row, column] += np.float32(planes - run)


@functools.cache
def kernel(quantities):
    """The kernel that integrates so many quantities (0 to 8) beside water.

    Its arguments: ``hu`` flat int16, none below -1000; ``labels`` flat uint8; ``slots`` (257,) int32, the plane of a
    label in ``paths`` or S where it is not wanted, as OUTSIDE never is; ``tables`` (B or 1, N, M) float32; ``views``
    (B, VIEW_VALUES) float64; int32 voxels along i, j, k, stored in C order, fewer than 2**31 in all; S as int32; and
    the results, float32: ``water`` (B, H, W), ``paths`` (B, S, H, W), all 0 before, and ``sums`` (B, M, H, W).
    Launched with one thread a pixel over (columns, rows, views).
    """
    size = max(quantities, 1)

    @cuda.jit(device=True)
    def look_up(table, view, value, totals):
        """Add the quantities of one sample: the row of the table that is nearest to ``value``, as on the CPU."""
        row = np.uint32(min(np.int32(value + np.float32(0.5)), np.int32(table.shape[1] - 1)))
        for m in range(quantities):
            totals[m] += table[view, row, m]

    @cuda.jit
    def project_views(hu, labels, slots, tables, views, count_i, count_j, count_k, wanted, water, paths, sums):
        column, row = cuda.grid(2)
        view = cuda.blockIdx.z
        if column >= water.shape[2] or row >= water.shape[1]:
            return
        x = column + 0.5
        y = row + 0.5
        d0 = views[view, 3] * x + views[view, 4] * y + views[view, 5]
        d1 = views[view, 6] * x + views[view, 7] * y + views[view, 8]
        d2 = views[view, 9] * x + views[view, 10] * y + views[view, 11]
        one = np.int32(1)
        stride_i = np.int32(count_j * count_k)
        # Across which axis the planes lie; ties go to the earlier one.
        source, source_u, source_v = views[view, 0], views[view, 1], views[view, 2]
        main, side_u, side_v = d0, d1, d2
        count, count_u, count_v = count_i, count_j, count_k
        stride, stride_u, stride_v = stride_i, count_k, one
        if abs(d1) > abs(d0) and abs(d1) >= abs(d2):
            source, source_u = views[view, 1], views[view, 0]
            main, side_u = d1, d0
            count, count_u = count_j, count_i
            stride, stride_u = count_k, stride_i
        elif abs(d2) > abs(d0) and abs(d2) > abs(d1):
            source, source_u, source_v = views[view, 2], views[view, 0], views[view, 1]
            main, side_u, side_v = d2, d0, d1
            count, count_u, count_v = count_k, count_i, count_j
            stride, stride_u, stride_v = one, stride_i, count_k
        slope_u = side_u / main
        slope_v = side_v / main
        base_u = source_u - source * slope_u
        base_v = source_v - source * slope_v
        # Planes between source and detector, then those whose sample touches the grid.
        far = source + views[view, 21] * main
        outer0 = max(0.0, min(source, far))
        outer1 = min(count - 1.0, max(source, far))
        outer0, outer1 = _clip(outer0, outer1, base_u, slope_u, -1.0 + 1e-4, count_u - 1e-4)
        outer0, outer1 = _clip(outer0, outer1, base_v, slope_v, -1.0 + 1e-4, count_v - 1e-4)
        if not outer0 <= outer1:
            water[view, row, column] = np.float32(0.0)
            for m in range(quantities):
                sums[view, m, row, column] = np.float32(0.0)
            return
        first = np.int64(math.ceil(outer0))
        last = np.int64(math.floor(outer1))
        # Planes whose four neighbours are all inside, with room for float32 rounding.
        inner0, inner1 = _clip(outer0, outer1, base_u, slope_u, 1e-3, count_u - 1.0 - 1e-3)
        inner0, inner1 = _clip(inner0, inner1, base_v, slope_v, 1e-3, count_v - 1.0 - 1e-3)
        inside = last + 1
        beyond = last + 1
        if inner0 <= inner1:
            inside = np.int64(math.ceil(inner0))
            beyond = np.int64(math.floor(inner1)) + 1
            if beyond <= inside:
                inside = last + 1
                beyond = last + 1
        table = min(view, tables.shape[0] - 1)
        totals = cuda.local.array(size, np.float32)
        for m in range(quantities):
            totals[m] = np.float32(0.0)
        total = np.float32(0.0)
        n = first
        while n <= last:
            if n == inside:
                u0 = np.float32(base_u + inside * slope_u)
                v0 = np.float32(base_v + inside * slope_v)
                step_u = np.float32(slope_u)
                step_v = np.float32(slope_v)
                offset = inside * stride
                # Counted by a range, which the compiler unrolls, and in float32 to save the slow conversion.
                k = np.float32(0.0)
                for _ in range(beyond - inside):
                    u = u0 + k * step_u
                    v = v0 + k * step_v
                    iu = np.int32(u)
                    iv = np.int32(v)
                    fu = u - np.float32(iu)
                    fv = v - np.float32(iv)
                    at = np.uint32(offset + iu * stride_u + iv * stride_v)
                    a = np.float32(hu[at])
                    b = np.float32(hu[at + np.uint32(stride_v)])
                    c = np.float32(hu[at + np.uint32(stride_u)])
                    d = np.float32(hu[at + np.uint32(stride_u + stride_v)])
                    low = a + fv * (b - a)
                    high = c + fv * (d - c)
                    value = low + fu * (high - low) + np.float32(1000.0)
                    total += value
                    # Air weighs nothing in any table.
                    if quantities > 0 and value > np.float32(0.0):
                        look_up(tables, table, value, totals)
                    offset += stride
                    k += np.float32(1.0)
                n = beyond
            else:
                u = base_u + n * slope_u
                v = base_v + n * slope_v
                value = _edge_sample(hu, n * stride, u, v, count_u, count_v, stride_u, stride_v)
                total += value
                if quantities > 0 and value > np.float32(0.0):
                    look_up(tables, table, value, totals)
                n += 1
        w0 = views[view, 12] * x + views[view, 13] * y + views[view, 14]
        w1 = views[view, 15] * x + views[view, 16] * y + views[view, 17]
        w2 = views[view, 18] * x + views[view, 19] * y + views[view, 20]
        length = math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) / abs(main)
        water[view, row, column] = np.float32(total * length * 1e-3)
        for m in range(quantities):
            sums[view, m, row, column] = np.float32(totals[m] * length)
        if wanted == 0 or last < first:
            return
        _count_labels(
            labels,
            slots,
            wanted,
            paths,
            view,
            row,
            column,
            first * stride,
            last - first + 1,
            base_u + first * slope_u,
            slope_u,
            base_v + first * slope_v,
            slope_v,
            stride,
            stride_u,
            stride_v,
            count_u,
            count_v,
        )
        for slot in range(wanted):
            paths[view, slot, row, column] = np.float32(paths[view, slot, row, column] * length)

    return project_views
