"""Procedural chest phantoms: a population of subjects with exact labels and landmarks, from no data."""

from synthex.anatomy.chest_phantom.build import LANDMARKS, STRUCTURES, build_chest
from synthex.anatomy.chest_phantom.parameters import ChestParameters, sample_chest_parameters
from synthex.anatomy.chest_phantom.source import MODEL_VERSION, ChestPhantoms

__all__ = [
    "LANDMARKS",
    "MODEL_VERSION",
    "STRUCTURES",
    "ChestParameters",
    "ChestPhantoms",
    "build_chest",
    "sample_chest_parameters",
]
