"""Posing the femurs: each turns as a rigid body about its head's centre, soft tissue follows, the pelvis stays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial.transform import Rotation

from synthex.anatomy.deformation.pose_kernel import turn_thigh
from synthex.anatomy.deformation.sampling import POSES, ShapeVariation
from synthex.core import Anatomy, Volume
from synthex.core.arrays import Point3

SIDES = {"left": "l", "right": "r"}

BLEND_MM = 60.0
"""Where femur and the bones that stay are farther apart than this together, soft tissue changes over within it."""

FILLING_HU = 45
"""Muscle, where the femur has left."""

_STRIDE = 2


@dataclass(frozen=True)
class ThighPose:
    """A turn away from how the thigh lies, degrees: first about the leg's axis, then outwards, then forward.

    Attributes:
        flexion: Forward.
        abduction: Outwards.
        rotation: Foot outwards.
    """

    flexion: float = 0.0
    abduction: float = 0.0
    rotation: float = 0.0

    def matrix(self, side: str) -> Float[np.ndarray, "3 3"]:
        """The turn in RAS axes, for ``left`` or ``right``."""
        sign = 1.0 if side == "right" else -1.0
        turn = Rotation.from_euler("z", -sign * self.rotation, degrees=True)
        outwards = Rotation.from_euler("y", -sign * self.abduction, degrees=True)
        return np.asarray((Rotation.from_euler("x", self.flexion, degrees=True) * outwards * turn).as_matrix())


def sample_poses(rng: np.random.Generator, settings: ShapeVariation) -> dict[str, ThighPose]:
    """Draw a pose for each thigh; half the time both lie alike, as they are positioned for a radiograph."""
    alike = rng.random() < 0.5
    draws = [{name: float(rng.uniform(*getattr(settings, name))) for name in POSES} for _ in SIDES]
    if alike:
        draws[1] = draws[0]
    names = (name.removeprefix("femur_").removesuffix("_degrees") for name in POSES)
    fields = dict(zip(POSES, names, strict=True))
    poses = [ThighPose(**{fields[name]: value for name, value in draw.items()}) for draw in draws]
    return dict(zip(SIDES, poses, strict=True))


def pose_femurs(anatomy: Anatomy, poses: Mapping[str, ThighPose]) -> Anatomy:
    """Turn the femurs of a subject about their heads' centres.

    Landmarks stay: those of the hip task lie on the pelvis, or at the centre of a turn.

    Args:
        anatomy: The subject, with structures ``femur_left`` and so on; a thigh without label or without the landmark
            of its head's centre stays as it lies.
        poses: Pose of ``left`` and ``right``.

    Returns:
        A subject on the same grid; a shaft that the scan cut off is continued by its last slice.
    """
    hu, labels = np.asarray(anatomy.ct.data), np.asarray(anatomy.labels.data)
    for side, pose in poses.items():
        femur = anatomy.structures.get(f"femur_{side}", 0)
        centre = anatomy.landmarks.get(f"FH-{SIDES[side]}")
        if pose == ThighPose() or centre is None or not femur or not (labels == femur).any():
            continue
        hu, labels = _turned(hu, labels, anatomy.ct, femur, np.asarray(centre), pose.matrix(side))
    if hu is anatomy.ct.data:
        return anatomy
    world = anatomy.ct.world_from_ijk
    return replace(anatomy, ct=Volume(hu, world), labels=Volume(labels, world))


def _turned(
    hu: np.ndarray, labels: np.ndarray, grid: Volume, femur: int, centre: Point3, turn: Float[np.ndarray, "3 3"]
) -> tuple[np.ndarray, np.ndarray]:
    ijk_from_world = grid.world_from_ijk.inverse()
    share = _share(labels, grid, femur, centre, turn)
    axis = Rotation.from_matrix(turn).as_rotvec()
    out_hu, out_labels = hu.copy(), labels.copy()
    turn_thigh(
        hu, labels, share, float(_STRIDE), femur, FILLING_HU, np.ascontiguousarray(grid.world_from_ijk.matrix),
        np.ascontiguousarray(ijk_from_world.matrix), np.asarray(centre, dtype=np.float64),
        np.asarray(axis, dtype=np.float64), out_hu, out_labels,
    )  # fmt: skip
    return out_hu, out_labels


def _share(
    labels: np.ndarray, grid: Volume, femur: int, centre: Point3, turn: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "A B C"]:
    """How much of the turn each place takes, on every second voxel: 1 in the turned femur, 0 in bone that stays."""
    shape = [-(-(size - 1) // _STRIDE) + 1 for size in labels.shape]
    nodes = np.stack(np.meshgrid(*(np.arange(n) * _STRIDE for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    world = grid.world_from_ijk.apply(nodes.astype(np.float64))
    before = grid.world_from_ijk.inverse().apply((world - centre) @ turn + centre)
    came_from = _at(labels, before)
    here = _at(labels, nodes.astype(np.float64))
    step = grid.spacing_mm * _STRIDE
    to_femur = ndimage.distance_transform_edt((came_from != femur).reshape(shape), sampling=step)
    to_others = ndimage.distance_transform_edt(((here == 0) | (here == femur)).reshape(shape), sampling=step)
    apart = np.clip(to_femur + to_others, 1.0, BLEND_MM)
    t = np.clip(0.5 + (to_others - to_femur) / (2 * apart), 0.0, 1.0)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _at(labels: np.ndarray, ijk: Float[np.ndarray, "N 3"]) -> np.ndarray:
    """Labels at voxel positions, nearest; beyond the last slice, the last slice's."""
    index = np.clip(np.rint(ijk), 0, np.array(labels.shape) - 1).astype(np.intp)
    return labels[tuple(index.T)]
