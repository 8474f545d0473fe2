"""A population from few subjects: every subject in several shapes."""

import hashlib
import re
from dataclasses import replace

import numpy as np

from synthex.anatomy.deformation import (
    ShapeVariation,
    deform,
    pose_femurs,
    sample_deformation,
    sample_poses,
    shift_into_grid,
)
from synthex.core import Anatomy, AnatomySource, ConfigError, Volume, derive_rng
from synthex.core.arrays import Points3

SEPARATOR = "~"
_VERSION = 1


def base_subject(subject_id: str) -> str:
    """The person of whom ``subject_id`` is a painting or variant; splits are by this, or they would leak."""
    return re.sub(rf"(?:{SEPARATOR}\d+)+$", "", subject_id)


class VariedAnatomies:
    """Each subject of a source in several shapes (an :class:`~synthex.core.AnatomySource`).

    Ids are ``<subject>~00``, ``<subject>~01``, …; a variant depends on the seed and its own id alone.

    Args:
        source: Where the subjects come from.
        variants: Shapes of each subject, the original included.
        settings: How far they vary.
        seed: Seed of the population.
        keep_original: ``~00`` is the subject as it is; otherwise it is a random shape like the others.

    Raises:
        ConfigError: ``variants`` is not in 1 to 9999.
    """

    def __init__(
        self,
        source: AnatomySource,
        variants: int = 8,
        settings: ShapeVariation | None = None,
        seed: int = 0,
        keep_original: bool = True,
    ) -> None:
        if not 1 <= variants <= 9999:
            raise ConfigError(f"variants={variants} must be 1 to 9999")
        self.source = source
        self.variants = variants
        self.settings = settings or ShapeVariation()
        self.seed = seed
        self.keep_original = keep_original

    def subject_ids(self) -> tuple[str, ...]:
        """All variants of all subjects, grouped by subject."""
        return tuple(
            f"{base}{SEPARATOR}{number:02d}" for base in self.source.subject_ids() for number in range(self.variants)
        )

    def load(self, subject_id: str) -> Anatomy:
        """One variant, at the resolution of the source.

        Raises:
            KeyError: The id is not one of :meth:`subject_ids`.
        """
        base, number = self._parse(subject_id)
        anatomy = self.source.load(base)
        if not (self.keep_original and number == 0):
            rng = derive_rng(self.seed, "variant", subject_id)
            # A stream of its own, so that posing changes no shape.
            anatomy = pose_femurs(anatomy, sample_poses(derive_rng(self.seed, "pose", subject_id), self.settings))
            deformation = sample_deformation(rng, self.settings, _bounds(anatomy.ct), _local_places(anatomy))
            anatomy = deform(anatomy, shift_into_grid(deformation, anatomy))
        return replace(anatomy, subject_id=subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the source's fingerprint, the settings and the seed."""
        base, number = self._parse(subject_id)
        shape = "original" if self.keep_original and number == 0 else f"{self.seed}|{self.settings!r}|{_VERSION}"
        text = f"{subject_id}|{shape}|{self.source.fingerprint(base)}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _parse(self, subject_id: str) -> tuple[str, int]:
        base, _, number = subject_id.rpartition(SEPARATOR)
        if not base or not number.isdigit() or int(number) >= self.variants:
            raise KeyError(f"{subject_id} is not one of the {self.variants} variants of a subject")
        return base, int(number)


def _local_places(anatomy: Anatomy) -> Points3 | None:
    """Landmarks, where shapes differ between people; femoral heads stay round."""
    places = [point for name, point in anatomy.landmarks.items() if not name.startswith("FH")]
    return np.array(places) if places else None


def _bounds(volume: Volume) -> np.ndarray:
    """Lower and upper world corner of a grid, mm, shape (2, 3)."""
    ends = np.array(volume.shape, dtype=np.float64) - 0.5
    corners = np.array(np.meshgrid(*[(-0.5, end) for end in ends], indexing="ij")).reshape(3, -1).T
    world = volume.world_from_ijk.apply(corners)
    return np.stack([world.min(axis=0), world.max(axis=0)])
