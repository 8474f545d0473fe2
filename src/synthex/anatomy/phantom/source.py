"""The phantom population as a source of anatomies."""

import numpy as np

from synthex.anatomy.phantom.build import build_pelvis
from synthex.anatomy.phantom.parameters import PelvisParameters, sample_pelvis_parameters
from synthex.anatomy.population import Population
from synthex.core import Anatomy

#: Raise it whenever the same parameters would give other voxels or landmarks: it keys caches.
MODEL_VERSION = 5


class PelvisPhantoms(Population[PelvisParameters]):
    """A population of procedural pelvises; arguments as there. Ids are ``phantom-0000`` and so on."""

    name, digits = "phantom", 4

    def sample(self, rng: np.random.Generator) -> PelvisParameters:
        """Parameters of a subject."""
        return sample_pelvis_parameters(rng)

    def build(self, parameters: PelvisParameters, texture: np.random.Generator, subject_id: str) -> Anatomy:
        """The subject."""
        return build_pelvis(parameters, self.spacing_mm, texture, subject_id)

    def version(self) -> int:
        """:data:`MODEL_VERSION`."""
        return MODEL_VERSION
