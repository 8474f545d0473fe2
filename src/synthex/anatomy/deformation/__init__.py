"""Random smooth invertible deformations: one subject becomes a population."""

from synthex.anatomy.deformation.field import Deformation
from synthex.anatomy.deformation.pose import ThighPose, pose_femurs, sample_poses
from synthex.anatomy.deformation.sampling import ShapeVariation, sample_deformation
from synthex.anatomy.deformation.warp import deform, shift_into_grid

__all__ = [
    "Deformation",
    "ShapeVariation",
    "ThighPose",
    "deform",
    "pose_femurs",
    "sample_deformation",
    "sample_poses",
    "shift_into_grid",
]
