"""Procedural subjects as a source of anatomies."""

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import numpy as np

from synthex.core import Anatomy, ConfigError, derive_rng

P = TypeVar("P")


class Population(ABC, Generic[P]):
    """A population of procedural subjects; subject i is a pure function of ``seed`` and i.

    Args:
        count: Subjects.
        seed: Of the population.
        spacing_mm: Voxel size.
        first: Index of the first subject, so that two sources can share a seed and no subject.

    Raises:
        ConfigError: A count or index below its bound, or a voxel size out of range.
    """

    name: str
    """Of a subject, before its number; with the seed it decides the random numbers."""

    digits: int
    """Of the number in a subject's id, at least."""

    def __init__(self, count: int = 32, seed: int = 0, spacing_mm: float | int = 2.0, first: int = 0) -> None:
        if count < 1 or first < 0:
            raise ConfigError(f"phantoms need count >= 1 and first >= 0, got count={count}, first={first}")
        if not 0.5 <= spacing_mm <= 10.0:
            raise ConfigError(f"phantoms need spacing_mm from 0.5 to 10, got {spacing_mm}")
        self.count, self.seed, self.spacing_mm, self.first = count, seed, float(spacing_mm), first

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> P:
        """Parameters of a subject."""

    @abstractmethod
    def build(self, parameters: P, texture: np.random.Generator, subject_id: str) -> Anatomy:
        """The subject."""

    @abstractmethod
    def version(self) -> int:
        """Of the model: other for other voxels or landmarks of the same parameters."""

    def subject_ids(self) -> tuple[str, ...]:
        """The name and the absolute index of each."""
        return tuple(map(self._id, range(self.first, self.first + self.count)))

    def parameters(self, subject_id: str) -> P:
        """What the subject is like."""
        return self.sample(derive_rng(self.seed, self.name, self._index(subject_id)))

    def load(self, subject_id: str) -> Anatomy:
        """Build the subject."""
        texture = derive_rng(self.seed, self.name, self._index(subject_id), "texture")
        return self.build(self.parameters(subject_id), texture, subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the model's version, the parameters, the texture's seed and the voxel size."""
        parameters: Any = self.parameters(subject_id)
        facts = (self.version(), self.seed, subject_id, self.spacing_mm, asdict(parameters))
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def _id(self, index: int) -> str:
        return f"{self.name}-{index:0{self.digits}d}"

    def _index(self, subject_id: str) -> int:
        name, _, number = subject_id.partition("-")
        index = int(number) if name == self.name and number.isdecimal() else -1
        last = self.first + self.count - 1
        if not self.first <= index <= last or subject_id != self._id(index):
            raise ConfigError(f"unknown phantom {subject_id!r}; choose from {self._id(self.first)} to {self._id(last)}")
        return index
