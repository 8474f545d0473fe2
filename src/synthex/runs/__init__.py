"""Runs as objects: a trained model that is loaded, asked and passed on, without a command line."""

from synthex.runs.answer import Answer, FoundLandmark
from synthex.runs.model import Model, load, mirror_averaged, with_prior
from synthex.runs.package import write_package, zoo_models

__all__ = ["Answer", "FoundLandmark", "Model", "load", "mirror_averaged", "with_prior", "write_package", "zoo_models"]
