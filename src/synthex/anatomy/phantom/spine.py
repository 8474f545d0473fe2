"""Sacrum with coccyx, and the lumbar vertebrae L3 to L5, in the pelvis frame.

Dimensions: sacrum 100 to 110 mm high and 105 to 118 mm wide, S1 endplate 50 by 32 mm, anterior foramina 10 to
15 mm wide (Standring, Gray's Anatomy, 41st ed., ch. 43); lumbar bodies 45 to 51 by 33 to 35 mm, 26 to 28 mm
high, discs 9 to 12 mm, pedicles 9 to 16 mm, transverse processes spanning 80 to 97 mm (Panjabi et al.,
Spine 1992; Zhou et al., Eur Spine J 2000).
"""

import numpy as np
from scipy.spatial.transform import Rotation

from synthex.anatomy.implicit import kernel
from synthex.anatomy.implicit.solids import Solid, SolidBuilder, Warp
from synthex.anatomy.phantom.hip import TEMPLATE_HIP_MM
from synthex.anatomy.phantom.parameters import PelvisParameters
from synthex.anatomy.phantom.shape import displacement
from synthex.core.arrays import Points3

_JOINT = np.array((0.0, -42.0, 85.0))
# Centres of the sacral bodies S1 to S5, half widths, depths and heights.
_BODIES = np.array(((0, -24, 97), (0, -45, 79), (0, -63, 61), (0, -76, 43), (0, -81, 27)), dtype=np.float64)
_WIDTHS = (24.0, 18.5, 15.5, 13.5, 11.5)
_DEPTHS = (16.0, 12.5, 9.5, 7.5, 6.0)
_HALF_HEIGHTS = (13.0, 12.8, 11.5, 10.0, 8.0)
_COCCYX = ((0, -82, 15), (0, -80, 7), (0, -76, -1), (0, -70, -8))


def _warp(p: PelvisParameters) -> Warp:
    scale = np.array((p.size, p.size * p.depth, p.size * p.height))
    shift = p.hip_half_distance_mm / p.size - TEMPLATE_HIP_MM
    turn = Rotation.from_euler("x", p.sacral_slope_deg, degrees=True).as_matrix()
    # Between the ilia the sacrum follows them: the mean of both sides at the midline, each side's own on its side.
    ilia = [displacement(modes, ()) for modes in (p.modes_left, p.modes_right)]

    def warp(points: Points3) -> Points3:
        out = (points - _JOINT) @ turn.T + _JOINT
        folded = np.column_stack((np.abs(points[:, 0]), points[:, 1:]))
        right = 0.5 + 0.5 * np.clip(points[:, :1] / 25.0, -1.0, 1.0)
        shift_here = (1.0 - right) * ilia[0](folded) + right * ilia[1](folded)
        shift_here[:, 0] *= np.clip(points[:, 0] / 25.0, -1.0, 1.0)
        out += shift_here
        # The wings of the sacrum fill the space between the ilia, as far as the hip bones move out there.
        out[:, 0] += shift * points[:, 0] / TEMPLATE_HIP_MM
        return out * scale

    return warp


def _tangents() -> np.ndarray:
    """Unit directions down the sacrum at its five bodies."""
    tangent = np.gradient(_BODIES, axis=0)
    return tangent / np.linalg.norm(tangent, axis=1, keepdims=True)


def build_sacrum(p: PelvisParameters) -> Solid:
    """Sacrum and coccyx (one structure, as TotalSegmentator's ``sacrum``)."""
    bone = SolidBuilder(_warp(p), p.size)
    tangents = _tangents()
    for centre, tangent, width, depth, half in zip(_BODIES, tangents, _WIDTHS, _DEPTHS, _HALF_HEIGHTS, strict=True):
        bone.drum(tuple(centre), (1, 0, 0), tuple(-tangent), (width, depth), half, waist=0.1, rounding=3, blend=5)
    front = np.cross((1.0, 0.0, 0.0), -tangents)  # backwards
    front = -front if front[0, 1] < 0 else front
    for side in (-1.0, 1.0):
        # Alae and lateral mass, tapering to the fifth segment.
        bone.capsule((side * 24, -30, 97), (side * 44, -42, 93), 12, 13, flat=0.95, normal=(0, 0.5, 0.87), blend=8)
        bone.chain(
            [
                (side * 43, -46, 92),
                (side * 40, -58, 76),
                (side * 31, -71, 58),
                (side * 23, -80, 42),
                (side * 14, -84, 28),
            ],
            [14, 12.5, 9, 6.5, 5],
            flat=0.85,
            normal=(0.35 * side, 0.9, 0.3),
            blend=6,
        )
        for n in range(4):
            # Bars between the foramina.
            across = _BODIES[n + 1] if n else _BODIES[0]
            bone.capsule(tuple(across), (side * (38 - 7 * n), across[1] - 4, across[2] - 2), 7 - n, blend=5)
        # Superior articular process.
        bone.capsule((side * 19, -48, 104), (side * 23, -46, 120), 7, 5.5, blend=5)
        bone.capsule((side * 30, -45, 96), (side * 19, -50, 102), 8, 7, blend=5)
    # Posterior wall of the canal and median crest.
    back = _BODIES - front * np.array(((26.0,), (22.0,), (17.0,), (12.0,), (8.0,)))
    bone.chain([tuple(point) for point in back], [6, 6, 5.5, 5, 4.5], flat=1.0, blend=5)
    for side in (-1.0, 1.0):
        lamina = [
            (point[0] + side * w, point[1] + 3, point[2]) for point, w in zip(back, (22, 18, 15, 12, 8), strict=True)
        ]
        for n in range(4):
            bone.capsule(tuple(back[n]), lamina[n], 5.0, blend=5)
        bone.chain(lamina, [6, 5.5, 5, 4.5, 4], blend=5)
    bone.chain([tuple(back[0] - 5 * front[0]), tuple(back[2] - 4 * front[2])], [4.5, 4.0], blend=4)
    bone.chain(_COCCYX, [6.5, 5.5, 4.5, 3.2], flat=0.65, normal=(0, 1, 0.1), blend=3)
    # Sacral canal and four pairs of foramina.
    canal = _BODIES - front * np.array(((20.5,), (16.5,), (12.5,), (8.5,), (5.5,)))
    for n in range(3):
        bone.capsule(
            tuple(canal[n]), tuple(canal[n + 1]), 7.5 - 1.5 * n, 6.0 - 1.5 * n, blend=2, operation=kernel.SUBTRACT
        )
    bone.capsule(tuple(canal[0]), tuple(canal[0] + (0, 4, 22)), 7.5, 8.5, blend=2, operation=kernel.SUBTRACT)
    for n in range(4):
        middle = 0.5 * (_BODIES[n] + _BODIES[n + 1])
        normal = front[n]
        x, radius = (26.0, 22.5, 19.0, 15.5)[n], (6.2, 5.6, 4.8, 4.0)[n]
        for side in (-1.0, 1.0):
            offset = np.array((side * x, 0.0, 0.0))
            a, b = middle + offset * 1.12 + 26 * normal, middle + offset * 0.92 - 22 * normal
            bone.capsule(tuple(a), tuple(b), radius * 1.3, radius * 0.75, blend=3, operation=kernel.SUBTRACT)
    return bone.build()


def sacral_endplate(p: PelvisParameters) -> tuple[np.ndarray, np.ndarray]:
    """Centre of the S1 endplate (pelvis frame, mm) and its upward unit normal."""
    warp, tangent = _warp(p), _tangents()[0]
    top = warp((_BODIES[0] - _HALF_HEIGHTS[0] * tangent)[None])[0]
    up = top - warp(_BODIES[:1])[0]
    return top, up / np.linalg.norm(up)


def build_lumbar(p: PelvisParameters) -> tuple[Solid, ...]:
    """L5, L4 and L3, stacked from the S1 endplate along the lumbar curve."""
    position, up = sacral_endplate(p)
    solids = []
    shapes = (  # half width, half depth, half height, disc below, transverse process reach
        (25.5, 17.2, 13.6, 10.0, 44.0),
        (25.0, 17.3, 13.8, 11.0, 43.0),
        (24.0, 17.0, 13.9, 10.5, 46.0),
    )
    for level, (width, depth, half, disc, reach) in enumerate(shapes):
        wedge = (9.0 if level == 0 else 0.0) + p.lordosis_deg
        turn = Rotation.from_euler("x", wedge, degrees=True) * Rotation.from_euler("y", p.scoliosis_deg, degrees=True)
        up = turn.apply(up)
        centre = position + up * (disc + half) * p.size
        position = centre + up * half * p.size
        side = np.cross(np.array((0.0, 1.0, 0.0)), up)
        side = side / np.linalg.norm(side)
        frame = np.stack((side, np.cross(up, side), up), axis=1)
        solids.append(_vertebra(p.size, centre, frame, width, depth, half, reach))
    return tuple(solids)


def _vertebra(
    size: float, centre: np.ndarray, frame: np.ndarray, width: float, depth: float, half: float, reach: float
) -> Solid:
    """One lumbar vertebra; ``frame`` columns are its side, front and up axes."""

    def at(x: float, y: float, z: float) -> tuple[float, ...]:
        return tuple((centre + frame @ np.array((x, y, z)) * size).tolist())

    side, front, up = frame.T
    bone = SolidBuilder(None, size)
    bone.drum(tuple(centre), side, up, (width, depth), half, waist=0.11, rounding=2.0, hollow=3.0, blend=3)
    bone.endplates(tuple(centre), up, half, 1.05 * width, cortex=1.1)
    bone.accent([at(-0.5 * width, 1, 0), at(0.5 * width, 1, 0)], 20.0, cortex=0.5)
    for s in (-1.0, 1.0):
        bone.capsule(at(s * 16, -12, 5), at(s * 17, -26, 5), 7.5, 6.5, flat=0.75, normal=side, blend=4)
        bone.capsule(at(s * 18, -24, 4), at(s * reach, -30, 6), 6.0, 3.2, flat=0.65, normal=front, blend=4)
        # Superior and inferior articular processes with the isthmus between.
        bone.capsule(at(s * 18, -28, 4), at(s * 19.5, -33, 16), 6.5, 5.0, blend=4)
        bone.capsule(at(s * 17.5, -30, 2), at(s * 13, -40, -16), 6.0, 5.5, blend=4)
        bone.capsule(at(s * 14, -37, -4), at(0, -45, -5), 6.0, 5.5, flat=0.65, normal=front, blend=4)
    bone.chain([at(0, -46, -4), at(0, -70, -9)], [9.5, 9.5], flat=0.42, normal=side, blend=4)
    return bone.build()
