"""The chest phantoms as a source of anatomies."""

import hashlib
import json
from dataclasses import asdict

from synthex.anatomy.chest_phantom.build import build_chest
from synthex.anatomy.chest_phantom.parameters import ChestParameters, sample_chest_parameters
from synthex.core import Anatomy, ConfigError, derive_rng

#: Raise it whenever the same parameters would give other voxels or landmarks: it keys caches.
MODEL_VERSION = 1


class ChestPhantoms:
    """A population of procedural chests; subject i is a pure function of ``seed`` and i.

    Args:
        count: Subjects.
        seed: Of the population.
        spacing_mm: Voxel size.
        first: Index of the first subject, so that two sources can share a seed and no subject.

    Raises:
        ConfigError: A count or index below its bound, or a voxel size out of range.
    """

    def __init__(self, count: int = 32, seed: int = 0, spacing_mm: float | int = 2.0, first: int = 0) -> None:
        if count < 1 or first < 0:
            raise ConfigError(f"phantoms need count >= 1 and first >= 0, got count={count}, first={first}")
        if not 0.5 <= spacing_mm <= 10.0:
            raise ConfigError(f"phantoms need spacing_mm from 0.5 to 10, got {spacing_mm}")
        self.count, self.seed, self.spacing_mm, self.first = count, seed, float(spacing_mm), first

    def subject_ids(self) -> tuple[str, ...]:
        """``chest-000000`` and so on, by absolute index."""
        return tuple(f"chest-{index:06d}" for index in range(self.first, self.first + self.count))

    def parameters(self, subject_id: str) -> ChestParameters:
        """What the subject is like."""
        return sample_chest_parameters(derive_rng(self.seed, "chest", self._index(subject_id)))

    def load(self, subject_id: str) -> Anatomy:
        """Build the subject."""
        index = self._index(subject_id)
        texture = derive_rng(self.seed, "chest", index, "texture")
        return build_chest(self.parameters(subject_id), self.spacing_mm, texture, subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the model's version, the parameters, the texture's seed and the voxel size."""
        facts = (MODEL_VERSION, self.seed, subject_id, self.spacing_mm, asdict(self.parameters(subject_id)))
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def _index(self, subject_id: str) -> int:
        name, _, number = subject_id.partition("-")
        index = int(number) if name == "chest" and number.isdecimal() else -1
        if subject_id != f"chest-{index:06d}" or not self.first <= index < self.first + self.count:
            last = self.first + self.count - 1
            raise ConfigError(f"unknown phantom {subject_id!r}; choose from chest-{self.first:06d} to chest-{last:06d}")
        return index
