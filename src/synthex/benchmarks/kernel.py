# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""The two loops that the benchmark measures by: a plain Joseph projector, and a dense reference.

Neither is used to make images. The plain loop is what a competent programmer writes in an afternoon, and the
unit in which speed is reported; the dense one is slow, double precision, and the unit of accuracy.
"""

import math

import numpy as np
from numba import njit, prange


@njit(inline="always")
def _ray(column, row, axis, axis_u, axis_v, source, index_from_pixel, world_from_pixel, max_depth):
    """What does not change along a ray: planes first..beyond-1, u = u0 + plane * du, the same of v, mm a plane."""
    x = column + 0.5
    y = row + 0.5
    main = index_from_pixel[axis, 0] * x + index_from_pixel[axis, 1] * y + index_from_pixel[axis, 2]
    side_u = index_from_pixel[axis_u, 0] * x + index_from_pixel[axis_u, 1] * y + index_from_pixel[axis_u, 2]
    side_v = index_from_pixel[axis_v, 0] * x + index_from_pixel[axis_v, 1] * y + index_from_pixel[axis_v, 2]
    squared = 0.0
    for n in range(3):
        part = world_from_pixel[n, 0] * x + world_from_pixel[n, 1] * y + world_from_pixel[n, 2]
        squared += part * part
    far = source[axis] + max_depth * main
    first = math.ceil(min(source[axis], far))
    beyond = math.floor(max(source[axis], far)) + 1
    u0 = np.float32(source[axis_u] - source[axis] * side_u / main)
    v0 = np.float32(source[axis_v] - source[axis] * side_v / main)
    mm = np.float32(math.sqrt(squared) / abs(main))
    return first, beyond, u0, np.float32(side_u / main), v0, np.float32(side_v / main), mm


@njit(parallel=True, nogil=True, cache=True)
def plain_joseph(density, axis, source, index_from_pixel, world_from_pixel, max_depth, image):
    """Joseph's method (1982, IEEE TMI 1:192), one ray at a time, threads over rows.

    Flat C-ordered float32 storage, float32 coordinates, everything that does not change along the ray computed
    before it, truncation for floor (a third faster); no clipping of the ray to the volume, no blocking, no skipping.

    Args:
        density: (K, J, I) float32, C order, with a margin of air of one voxel, so that no sample needs half of its
            neighbours.
        axis: Axis of i, j, k that rays step along, the same for the whole view.
        source: (3,) X-ray source in voxel indices i, j, k of ``density``.
        index_from_pixel: 3 x 3; voxels per mm of depth for (column, row, 1).
        world_from_pixel: 3 x 3; the same in mm.
        max_depth: Depth of the detector, mm.
        image: (H, W) float32, filled.
    """
    shape = (density.shape[2], density.shape[1], density.shape[0])
    strides = (1, density.shape[2], density.shape[1] * density.shape[2])
    voxels = density.reshape(-1)
    axis_u = 1 if axis == 0 else 0
    axis_v = 1 if axis == 2 else 2
    last_u = shape[axis_u] - 1
    last_v = shape[axis_v] - 1
    stride = strides[axis]
    stride_u = strides[axis_u]
    stride_v = strides[axis_v]
    for row in prange(image.shape[0]):
        for column in range(image.shape[1]):
            first, beyond, u0, du, v0, dv, mm = _ray(
                column, row, axis, axis_u, axis_v, source, index_from_pixel, world_from_pixel, max_depth
            )
            total = np.float32(0.0)
            for plane in range(max(first, 0), min(beyond, shape[axis])):
                u = u0 + np.float32(plane) * du
                v = v0 + np.float32(plane) * dv
                iu = np.int32(u)
                iv = np.int32(v)
                if u >= 0 and v >= 0 and iu < last_u and iv < last_v:
                    fu = u - np.float32(iu)
                    fv = v - np.float32(iv)
                    at = plane * stride + iu * stride_u + iv * stride_v
                    a = voxels[at]
                    b = voxels[at + stride_u]
                    c = voxels[at + stride_v]
                    d = voxels[at + stride_u + stride_v]
                    low = a + fu * (b - a)
                    high = c + fu * (d - c)
                    total += low + fv * (high - low)
            image[row, column] = total * mm


@njit(parallel=True, nogil=True, cache=True)
def dense_trilinear(hu, source, index_from_pixel, world_from_pixel, max_depth, step_mm, rows, image):
    """Integral of the trilinear interpolant of density along the rays of some rows, in double precision.

    Midpoint rule with steps of at most ``step_mm`` over the part of the ray within one voxel of the grid; density
    is max(HU + 1000, 0) / 1000 and 0 outside the grid.

    Args:
        hu: (I, J, K) int16.
        source: (3,) X-ray source in voxel indices.
        index_from_pixel: As in :func:`plain_joseph`.
        world_from_pixel: As in :func:`plain_joseph`.
        max_depth: As in :func:`plain_joseph`.
        step_mm: Longest step along the ray.
        rows: (R,) rows of the image that are wanted.
        image: (R, W) float64, filled.
    """
    count_i, count_j, count_k = hu.shape
    shape = np.array((count_i, count_j, count_k))
    for number in prange(len(rows)):
        y = rows[number] + 0.5
        direction = np.empty(3)
        corner = np.empty(3, np.int64)
        fraction = np.empty(3)
        for column in range(image.shape[1]):
            x = column + 0.5
            squared = 0.0
            enter = 0.0
            leave = max_depth
            for n in range(3):
                part = world_from_pixel[n, 0] * x + world_from_pixel[n, 1] * y + world_from_pixel[n, 2]
                squared += part * part
                direction[n] = index_from_pixel[n, 0] * x + index_from_pixel[n, 1] * y + index_from_pixel[n, 2]
                if abs(direction[n]) < 1e-12:
                    if source[n] <= -1.0 or source[n] >= shape[n]:
                        leave = -1.0
                    continue
                one = (-1.0 - source[n]) / direction[n]
                other = (shape[n] - source[n]) / direction[n]
                enter = max(enter, min(one, other))
                leave = min(leave, max(one, other))
            image[number, column] = 0.0
            if leave <= enter:
                continue
            length = math.sqrt(squared)
            steps = math.ceil((leave - enter) * length / step_mm)
            depth_step = (leave - enter) / steps
            total = 0.0
            for step in range(steps):
                depth = enter + (step + 0.5) * depth_step
                for n in range(3):
                    at = source[n] + depth * direction[n]
                    corner[n] = math.floor(at)
                    fraction[n] = at - corner[n]
                for neighbour in range(8):
                    i = corner[0] + (neighbour & 1)
                    j = corner[1] + ((neighbour >> 1) & 1)
                    k = corner[2] + (neighbour >> 2)
                    if 0 <= i < count_i and 0 <= j < count_j and 0 <= k < count_k:
                        weight = fraction[0] if neighbour & 1 else 1.0 - fraction[0]
                        weight *= fraction[1] if (neighbour >> 1) & 1 else 1.0 - fraction[1]
                        weight *= fraction[2] if neighbour >> 2 else 1.0 - fraction[2]
                        total += weight * max(float(hu[i, j, k]) + 1000.0, 0.0)
            image[number, column] = total * depth_step * length * 1e-3
