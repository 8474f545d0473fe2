"""Line integrals through volumes: a fast CPU kernel and its plain PyTorch twin."""

from synthex.projection.gradient import RayDerivatives, back_project, project_with_derivatives
from synthex.projection.hu_table import FIRST_HU, HuTable
from synthex.projection.projector import Backend, Projection, default_threads, project

__all__ = [
    "FIRST_HU",
    "Backend",
    "HuTable",
    "Projection",
    "RayDerivatives",
    "back_project",
    "default_threads",
    "project",
    "project_with_derivatives",
]
