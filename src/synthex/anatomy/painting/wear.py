"""Worn hip joints: narrowed space, sclerosis and osteophytes; and the gap that a sound joint keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthex.anatomy.hip_geometry import HipJoint
from synthex.anatomy.painting.body import Body, Bone
from synthex.anatomy.painting.noise_kernel import SIZE
from synthex.anatomy.voxel_grid import Grid

_WORN_SHARE = 0.25
"""Of hips; radiographic osteoarthritis in elderly adults is about that common."""


@dataclass(frozen=True)
class Wear:
    """State of one hip joint.

    Attributes:
        gap_mm: Least distance of socket and head: 3 to 5 mm where sound (Lequesne et al. 2004, Ann Rheum Dis 63:1145),
            but labels may draw cartilage as bone, so that less is left.
        closed_mm: How far the worn roof has come down at most.
        osteophytes_mm: Height of bony spurs at the socket's rim and around the head.
        sclerosis_hu: Gain of trabecular bone under the worn surfaces.
    """

    gap_mm: float
    closed_mm: float = 0.0
    osteophytes_mm: float = 0.0
    sclerosis_hu: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Wear":
        """Sound or worn."""
        gap, share, severity = float(rng.uniform(1.2, 3.2)), rng.random(), float(rng.uniform(0.2, 1.0))
        spurs = float(rng.uniform(0, 5))
        if share > _WORN_SHARE:
            return cls(gap)
        return cls(gap * (1 - severity), 4.0 * severity, spurs * severity, 550.0 * severity)


def worn_bones(body: Body, wear: Mapping[str, Wear], table: np.ndarray) -> dict[str, Bone]:
    """The bones, those of the hip joints with new surfaces."""
    bones = dict(body.bones)
    for side, joint in body.joints.items():
        hip = next((name for name, b in bones.items() if b.kind == "hip" and b.side == side), None)
        femur = next((name for name, b in bones.items() if b.kind == "femur" and b.side == side), None)
        if femur is None:
            continue
        if wear[side].osteophytes_mm > 0:
            bones[femur] = _collar(bones[femur], joint, wear[side], body.grid, table)
        if hip is not None:
            bones[hip] = _socket(bones[hip], bones[femur], joint, wear[side], body.grid, table)
    return bones


def _collar(femur: Bone, joint: HipJoint, wear: Wear, grid: Grid, table: np.ndarray) -> Bone:
    """Spurs around the head where the neck begins."""
    x, y, z = grid.axes(femur.box)
    along = (
        (x - joint.head[0]) * joint.neck[0] + (y - joint.head[1]) * joint.neck[1] + (z - joint.head[2]) * joint.neck[2]
    )
    ring = np.exp(-(((along / joint.radius_mm - 0.62) / 0.22) ** 2))
    spurs = wear.osteophytes_mm * ring * np.clip(0.4 + 0.7 * _bumps(table, x, y, z), 0, 1.5)
    return replace(femur, distance=(femur.distance - spurs).astype(np.float32))


def _socket(hip: Bone, femur: Bone, joint: HipJoint, wear: Wear, grid: Grid, table: np.ndarray) -> Bone:
    """The hip bone with its roof brought down, spurs on its rim, and the gap to the head kept open."""
    common = hip.box.intersect(femur.box)
    if common is None:
        return hip
    distance = hip.distance.copy()
    part, ball = distance[common.within(hip.box)], femur.distance[common.within(femur.box)]
    if wear.closed_mm > 0:
        x, y, z = grid.axes(common)
        x, y, z = x - joint.head[0], y - joint.head[1], z - joint.head[2]
        radius = np.sqrt(x * x + y * y + z * z) + 1e-6
        outward = 1.0 if joint.side == "right" else -1.0
        roof = np.clip(((z + 0.3 * outward * x) / radius - 0.3) / 0.3, 0, 1)
        # Only the surface that faces the head comes down: the bone's outside is farther away.
        roof *= np.clip((joint.radius_mm + 11 - radius) / 5, 0, 1)
        np.minimum(part, np.maximum(part - wear.closed_mm * roof, wear.gap_mm - ball), out=part)
        rim = np.exp(-(((radius - joint.radius_mm - 5) / 5) ** 2)) * np.clip(outward * x / radius + 0.1, 0, 1)
        bumps = np.clip(0.4 + 0.7 * _bumps(table, *grid.axes(common)), 0, 1.5)
        part -= wear.osteophytes_mm * rim * bumps
    np.maximum(part, wear.gap_mm - ball, out=part)
    return replace(hip, distance=distance)


def _bumps(table: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Noise of some 6 mm, to the nearest step; the surfaces it moves are smoothed by their voxels."""
    i, j, k = (np.floor(axis / 3.0).astype(int) % SIZE for axis in (x, y, z))
    return table[i, j, k]
