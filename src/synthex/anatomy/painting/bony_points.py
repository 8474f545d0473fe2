"""Landmarks and hip joints of bones that are to be painted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from synthex.anatomy.hip_geometry import SIDES, HipJoint, find_joint
from synthex.anatomy.hip_landmarks import find_hip_landmarks
from synthex.anatomy.io.names import SYNTHEX_HIP
from synthex.anatomy.painting.body import Bone
from synthex.anatomy.voxel_grid import Grid
from synthex.core import Affine, InputError, UserError, Volume
from synthex.core.arrays import Point3

STRUCTURES: Mapping[str, int] = {name: ids[0] for name, ids in SYNTHEX_HIP.items()}
"""Structures of painted subjects and their ids."""

MIN_CONFIDENCE = 0.1
"""Landmarks found with less count as not annotated."""


def find_landmarks(path: Path, bones: Mapping[str, Bone], grid: Grid) -> tuple[dict[str, Point3], frozenset[str]]:
    """The hip landmarks of bones (RAS mm), and those known to lie outside.

    Args:
        path: Where the bones come from, for the message.
        bones: By name.
        grid: Theirs.

    Raises:
        InputError: There is neither a hip bone nor a femur.
    """
    labels = np.zeros(grid.shape, np.uint8)
    for bone in bones.values():
        if bone.structure in STRUCTURES:
            labels[bone.box.slices][bone.distance < 0] = STRUCTURES[bone.structure]
    try:
        found = find_hip_landmarks(Volume(labels, grid.world_from_ijk), STRUCTURES)
    except UserError as error:
        raise InputError(path, str(error), "check the names of its bones") from error
    sure = {name: at for name, at in found.positions.items() if found.confidence[name] >= MIN_CONFIDENCE}
    return sure, found.absent - found.unsure


def find_joints(bones: Mapping[str, Bone], landmarks: Mapping[str, Point3], grid: Grid) -> dict[str, HipJoint]:
    """The hip joints whose femur is there and whose head centre is known, by side."""
    joints = {}
    for side, key in SIDES.items():
        femur, head = bones.get(f"femur_{side}"), landmarks.get(f"FH-{key}")
        if femur is None or head is None:
            continue
        origin = grid.origin_mm + grid.spacing_mm * np.array(femur.box.start)
        affine = Affine.from_parts(np.eye(3) * grid.spacing_mm, origin)
        joint = find_joint(side, femur.distance < 0, affine, head)
        if joint is not None:
            joints[side] = joint
    return joints
