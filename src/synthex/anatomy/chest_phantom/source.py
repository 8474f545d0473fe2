"""The chest phantoms as a source of anatomies."""

import numpy as np

from synthex.anatomy.chest_phantom.build import build_chest
from synthex.anatomy.chest_phantom.parameters import ChestParameters, sample_chest_parameters
from synthex.anatomy.population import Population
from synthex.core import Anatomy

#: Raise it whenever the same parameters would give other voxels or landmarks: it keys caches.
MODEL_VERSION = 1


class ChestPhantoms(Population[ChestParameters]):
    """A population of procedural chests; arguments as there. Ids are ``chest-000000`` and so on."""

    name, digits = "chest", 6

    def sample(self, rng: np.random.Generator) -> ChestParameters:
        """Parameters of a subject."""
        return sample_chest_parameters(rng)

    def build(self, parameters: ChestParameters, texture: np.random.Generator, subject_id: str) -> Anatomy:
        """The subject."""
        return build_chest(parameters, self.spacing_mm, texture, subject_id)

    def version(self) -> int:
        """:data:`MODEL_VERSION`."""
        return MODEL_VERSION
