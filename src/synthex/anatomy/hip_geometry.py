"""Axes and sizes of the hip joints of a subject, from its femurs' labels and head centres."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from synthex.core import Affine, Anatomy
from synthex.core.arrays import Point3, Points3

SIDES = {"left": "l", "right": "r"}

_NECK_ANGLE_DEG = 53.0
"""Between the neck's axis, head to base, and the shaft downwards: 180 less the neck-shaft angle of 127 degrees
(Gilligan et al. 2013, J Anat 222:1)."""

_SHAFT_FROM_MM, _SHAFT_SPAN_MM = 62.0, 15.0
"""Below the head's centre, the shaft is a tube; its axis needs so much of it."""


@dataclass(frozen=True, eq=False)
class HipJoint:
    """One hip joint.

    Attributes:
        side: ``left`` or ``right``.
        head: Centre of the femoral head, RAS mm.
        radius_mm: Of the head.
        base: Where the neck's axis meets the shaft's, RAS mm.
        down: Unit vector along the shaft, to the knee.
    """

    side: str
    head: Point3
    radius_mm: float
    base: Point3
    down: Point3

    @property
    def neck(self) -> Point3:
        """Unit vector along the neck, from the head to the shaft."""
        along: Point3 = (self.base - self.head) / np.linalg.norm(self.base - self.head)
        return along

    @property
    def lateral(self) -> Point3:
        """Unit vector across the shaft, away from the midline, in the plane of neck and shaft."""
        across = self.neck - (self.neck @ self.down) * self.down
        unit: Point3 = across / np.linalg.norm(across)
        return unit


def hip_joints(anatomy: Anatomy) -> dict[str, HipJoint]:
    """The joints whose head centre is known and whose femur is labelled, by side."""
    joints = {}
    for side, key in SIDES.items():
        number, head = anatomy.structures.get(f"femur_{side}"), anatomy.landmarks.get(f"FH-{key}")
        if number is None or head is None:
            continue
        grid = anatomy.labels.world_from_ijk
        at = grid.inverse().apply(head[None])[0]
        reach = np.abs(np.linalg.inv(grid.linear)) @ np.array((90.0, 120.0, 170.0))
        low = np.clip(np.floor(at - reach), 0, np.array(anatomy.labels.shape) - 1).astype(int)
        high = np.clip(np.ceil(at + reach), 1, anatomy.labels.shape).astype(int)
        part = anatomy.labels.data[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        world_from_part = Affine.from_parts(grid.linear, grid.apply(low[None].astype(np.float64))[0])
        joint = find_joint(side, np.asarray(part == number), world_from_part, head)
        if joint is not None:
            joints[side] = joint
    return joints


def find_joint(side: str, femur: Bool[np.ndarray, "I J K"], world_from_ijk: Affine, head: Point3) -> HipJoint | None:
    """The joint of one femur, or None where its head's centre is outside its mask.

    The shaft's axis is the line through the middles of its slices; where too little of the shaft is there, it runs
    down and 6 degrees inwards from a point 42 mm beside the head, as shafts do on average.

    Args:
        side: ``left`` or ``right``.
        femur: Mask.
        world_from_ijk: Of the mask's grid.
        head: Centre of its head, RAS mm.
    """
    at = np.rint(world_from_ijk.inverse().apply(head[None])[0]).astype(int)
    if (at < 0).any() or (at >= femur.shape).any() or not femur[tuple(at)]:
        return None
    outward = 1.0 if side == "right" else -1.0
    reach = int(np.ceil(35 / np.linalg.norm(world_from_ijk.linear, axis=0).min()))
    low = np.maximum(at - reach, 0)
    box = tuple(slice(int(a), int(b) + reach + 1) for a, b in zip(low, at, strict=True))
    bone = world_from_ijk.apply((np.argwhere(femur[box]) + low).astype(np.float64)) - head
    # The free part of the head looks up and inwards; worn heads are flat below, so the nearest surface says little.
    distance = np.linalg.norm(bone, axis=1)
    free = distance[bone @ np.array((-0.5 * outward, 0.0, 0.87)) > 0.6 * distance]
    radius = float(np.quantile(free[free < 33], 0.97)) if len(free) > 50 else 24.0
    point, down = _shaft(femur, world_from_ijk, head) or (
        head + np.array((outward * 42.0, 0.0, 0.0)),
        np.array((-outward * np.sin(np.radians(6)), 0.0, -np.cos(np.radians(6)))),
    )
    nearest = point + ((head - point) @ down) * down
    offset = float(np.linalg.norm(nearest - head))
    base = nearest + down * offset / np.tan(np.radians(_NECK_ANGLE_DEG))
    return HipJoint(side, np.asarray(head, dtype=np.float64), float(np.clip(radius, 15, 33)), base, down)


def _shaft(femur: Bool[np.ndarray, "I J K"], world_from_ijk: Affine, head: Point3) -> tuple[Point3, Point3] | None:
    """A point of the shaft's axis and its direction; None where the shaft is too short."""
    # In the grid's own slices along its most vertical axis: labels of subjects are upright to some degrees.
    axis = int(np.argmax(np.abs(world_from_ijk.linear[2] / np.linalg.norm(world_from_ijk.linear, axis=0))))
    middles = []
    for number in range(femur.shape[axis]):
        inside = np.argwhere(np.take(femur, number, axis=axis)).astype(np.float64)
        if len(inside) > 20:
            middle = np.insert(inside.mean(axis=0), axis, number)
            middles.append(world_from_ijk.apply(middle[None])[0])
    points: Points3 = np.array(middles).reshape(-1, 3)
    points = points[(points[:, 2] < head[2] - _SHAFT_FROM_MM) & (points[:, 2] > head[2] - 150)]
    if len(points) < 3 or np.ptp(points[:, 2]) < _SHAFT_SPAN_MM:
        return None
    direction = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    return points.mean(axis=0), direction if direction[2] < 0 else -direction
