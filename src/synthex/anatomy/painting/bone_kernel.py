"""Numba kernel that lays a bone over soft tissue: shell of local thickness, trabeculae along their directions."""

import math

import numpy as np
from numba import njit

from synthex.anatomy.painting import noise_kernel
from synthex.anatomy.painting.noise_kernel import noise, streaks
from synthex.core import follow

follow(__file__, noise_kernel)

OTHER, FEMUR, HIP, VERTEBRA, SACRUM = 0, 1, 2, 3, 4
"""Kinds of bones."""

#: Half width of the triangular voxel profile in voxels: a box's edges beat with the grid in projections.
BLUR = 1.15


@njit(cache=True, inline="always")
def _cover(f: float, width: float) -> float:
    t = min(1.0, max(-1.0, -f / width))
    return 0.5 + t - 0.5 * t * abs(t)


@njit(cache=True, inline="always")
def _smooth(t: float) -> float:
    t = min(1.0, max(0.0, t))
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, inline="always")
def _segment(x: float, y: float, z: float, a: np.ndarray, b: np.ndarray) -> float:
    # Squared distance to a segment.
    bx, by, bz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    px, py, pz = x - a[0], y - a[1], z - a[2]
    t = (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz + 1e-9)
    t = min(1.0, max(0.0, t))
    px, py, pz = px - t * bx, py - t * by, pz - t * bz
    return px * px + py * py + pz * pz


@njit(cache=True)
def paint_bone(
    out: np.ndarray,
    labels: np.ndarray,
    distance: np.ndarray,
    shell: np.ndarray,
    other: np.ndarray,
    start: np.ndarray,
    origin: np.ndarray,
    spacing: float,
    label: int,
    kind: int,
    cortex_mm: float,
    cortical_hu: float,
    spongy_hu: float,
    marrow_hu: float,
    coarseness: float,
    shaft_mm: float,
    sclerosis: float,
    points: np.ndarray,
    radius: float,
    table: np.ndarray,
) -> None:
    """Lay one bone over ``out`` and write its label, in place.

    Args:
        out: HU.
        labels: Ids; written where the voxel's centre is bone and ``label`` is not 0.
        distance: Signed distance to the bone's surface over a block, mm.
        shell: The same to the surface that has a shell: without the faces of a break.
        other: Distance to the nearest other bone over the block, mm.
        start: First voxel of the block.
        origin: World position of voxel (0, 0, 0), mm.
        spacing: Voxel size, mm.
        label: Id.
        kind: One of the kinds above; femurs and hips need ``points``.
        cortex_mm: Thickness of the shell where nothing thickens it.
        cortical_hu: Of compact bone.
        spongy_hu: Of trabecular bone.
        marrow_hu: Inside a femur's shaft.
        coarseness: Relative contrast of the trabeculae.
        shaft_mm: Thickness that the shell gains down a femur's shaft.
        sclerosis: Trabecular bone gained under the worn part of the hip joint, HU.
        points: 5 x 3. Femur: head's centre, base of the neck, unit vectors down the shaft and lateral, unused.
            Hip: head's centre, a point and the unit normal of the pelvic inlet's plane, unit vector lateral, a point
            of the sacroiliac joint.
        radius: Of the femoral head, mm; 0 where it is not known.
        table: Of the noise.
    """
    width = BLUR * spacing
    head, second, third, fourth, fifth = points[0], points[1], points[2], points[3], points[4]
    calcar, dome, tensile_low, tensile_high = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    u1, u2 = np.array((0.0, 0.0, 1.0)), np.array((0.0, 0.0, 1.0))
    if kind == FEMUR and radius > 0.0:
        down, lateral = third, fourth
        # Principal compressive group: from the calcar to the head's dome; principal tensile group: from the
        # lateral cortex through the upper neck to the head (Singh et al. 1970, J Bone Joint Surg Am 52:457).
        calcar = second - 0.55 * radius * lateral + 0.1 * radius * down
        dome = head - 0.85 * radius * down
        tensile_low = second + 0.55 * radius * lateral + 0.2 * radius * down
        tensile_high = head - 0.25 * radius * down + 0.2 * radius * lateral
        u1 = (dome - calcar) / np.linalg.norm(dome - calcar)
        u2 = (tensile_high - tensile_low) / np.linalg.norm(tensile_high - tensile_low)
    elif kind == HIP and radius > 0.0:
        u1 = (head - fifth) / (np.linalg.norm(head - fifth) + 1e-9)
    for i in range(distance.shape[0]):
        x = origin[0] + spacing * (start[0] + i)
        for j in range(distance.shape[1]):
            y = origin[1] + spacing * (start[1] + j)
            for k in range(distance.shape[2]):
                f = distance[i, j, k]
                if f >= width:
                    continue
                g = shell[i, j, k]
                z = origin[2] + spacing * (start[2] + k)
                slow = noise(table, x / 8.0, y / 8.0 + 17.0, z / 8.0)
                thickness, density, hollow, group = cortex_mm, 1.0, 0.0, 0.0
                vx, vy, vz = u1[0], u1[1], u1[2]
                rx, ry, rz = x - head[0], y - head[1], z - head[2]
                r = math.sqrt(rx * rx + ry * ry + rz * rz) + 1e-9
                worn = 0.0
                if kind == FEMUR and radius > 0.0:
                    along = (x - second[0]) * third[0] + (y - second[1]) * third[1] + (z - second[2]) * third[2]
                    hollow = _smooth((along - 5.0) / 60.0)
                    thickness += shaft_mm * _smooth((along + 10.0) / 85.0)
                    thickness += 2.2 * math.exp(-_segment(x, y, z, calcar, calcar + 25.0 * third) / 80.0)
                    compressive = math.exp(-_segment(x, y, z, calcar, dome) / 90.0)
                    tensile = math.exp(-_segment(x, y, z, tensile_low, tensile_high) / 60.0)
                    ball = _smooth((radius - r) / 6.0 + 0.5)
                    density = 0.45 + max(0.75 * compressive, 0.45 * tensile, 0.55 * ball)
                    group = max(compressive, tensile)
                    if tensile > compressive:
                        vx, vy, vz = u2[0], u2[1], u2[2]
                    worn = -(rx * third[0] + ry * third[1] + rz * third[2]) / r
                elif kind == HIP and radius > 0.0:
                    up = rz / r
                    cup = (r - radius - 2.0) / 4.5
                    roof = math.exp(-cup * cup) * _smooth((up - 0.35) / 0.4)
                    socket = math.exp(-cup * cup)
                    brim = abs((x - second[0]) * third[0] + (y - second[1]) * third[1] + (z - second[2]) * third[2])
                    inward = _smooth((-(rx * fourth[0] + ry * fourth[1]) - 8.0) / 10.0)
                    thickness += 2.4 * roof + 0.5 * socket + 1.6 * inward * math.exp(-brim * brim / 36.0)
                    away = (r - radius) / 55.0
                    density = 0.6 + 0.5 * math.exp(-away * away) + 0.7 * roof
                    worn = up
                elif kind in (VERTEBRA, SACRUM):
                    vx, vy, vz = 0.0, 0.0, 1.0
                    up = shell[i, j, min(k + 1, shell.shape[2] - 1)] - shell[i, j, max(k - 1, 0)]
                    thickness += 0.8 * _smooth((abs(up) / (2.0 * spacing) - 0.6) / 0.3)
                thickness *= 1.0 + 0.22 * slow
                depth = max(0.0, -g - thickness)
                near = math.exp(-max(0.0, other[i, j, k] - 2.0) / 4.0)
                thickness += 0.6 * near
                # Bone is densest below a joint's surface, and below the shell.
                density *= 1.0 + 0.6 * near * math.exp(-depth / 4.0) + 0.3 * math.exp(-depth / 3.0)
                grain = streaks(table, x, y, z, vx, vy, vz, 1.5, 5.0)
                speck = noise(table, x / 1.1 + 31.0, y / 1.1, z / 1.1)
                density *= max(0.05, 1.0 + 0.25 * slow + coarseness * (grain * (0.6 + 0.6 * group) + 0.35 * speck))
                spongy = spongy_hu * density
                if sclerosis > 0.0 and r < radius + 18.0:
                    spongy += sclerosis * _smooth((worn - 0.35) / 0.4) * math.exp(-depth / 6.0) * near
                inside = spongy * (1.0 - hollow) + marrow_hu * hollow
                compact = cortical_hu * (0.9 + 0.1 * min(1.0, thickness / 3.0) + 0.3 * hollow + 0.05 * slow)
                whole = _cover(f, width)
                core = min(whole, _cover(g + thickness, width))
                a, b, c = start[0] + i, start[1] + j, start[2] + k
                out[a, b, c] = out[a, b, c] * (1.0 - whole) + compact * (whole - core) + inside * core
                if f < 0.0 and label > 0:
                    labels[a, b, c] = label
