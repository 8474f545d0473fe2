"""Procedural pelvis phantoms: a population of subjects with exact labels and landmarks, from no data."""

from synthex.anatomy.phantom.build import STRUCTURES, build_pelvis
from synthex.anatomy.phantom.landmarks import LANDMARKS
from synthex.anatomy.phantom.parameters import FemurParameters, PelvisParameters, sample_pelvis_parameters
from synthex.anatomy.phantom.source import MODEL_VERSION, PelvisPhantoms

__all__ = [
    "LANDMARKS",
    "MODEL_VERSION",
    "STRUCTURES",
    "FemurParameters",
    "PelvisParameters",
    "PelvisPhantoms",
    "build_pelvis",
    "sample_pelvis_parameters",
]
