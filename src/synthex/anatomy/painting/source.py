"""People with shapes but without a CT, painted several times each, as subjects."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from synthex.anatomy.io.names import nearest
from synthex.anatomy.painting.body import Body
from synthex.anatomy.painting.bony_points import STRUCTURES
from synthex.anatomy.painting.fracture import VERSION as FRACTURES
from synthex.anatomy.painting.fracture import fractured
from synthex.anatomy.painting.paint import VERSION as PAINTER
from synthex.anatomy.painting.paint import paint
from synthex.anatomy.variants import SEPARATOR
from synthex.core import Affine, Anatomy, ConfigError, Volume, derive_rng


class PaintedPeople(ABC):
    """An :class:`~synthex.core.AnatomySource` of paintings; whoever derives from it knows people's shapes.

    Ids are ``<person>~00``, ``<person>~01``, …: painting n of a person is a pure function of (seed, person, n).

    Args:
        folders: Folder of each person, by id.
        paintings: How often each person is painted.
        spacing_mm: Edge of the cubic voxels.
        seed: Seed of the paintings.
        fractures: Share of paintings with a fracture of a femoral neck, of trochanters or of rami.

    Raises:
        ConfigError: A setting out of range.
    """

    version: int
    """Part of every fingerprint: to be raised when the same files would give other shapes."""

    def __init__(
        self,
        folders: dict[str, Path],
        paintings: int = 6,
        spacing_mm: float | int = 1.6,
        seed: int = 0,
        fractures: float | int = 0.0,
    ) -> None:
        if not 1 <= paintings <= 9999:
            raise ConfigError(f"paintings={paintings} must be 1 to 9999")
        if not 0.5 <= spacing_mm <= 5:
            raise ConfigError(f"spacing_mm={spacing_mm} must lie in 0.5 to 5 for people who are painted")
        if not 0 <= fractures <= 1:
            raise ConfigError(f"fractures={fractures} is a share: 0 to 1")
        self.folders = folders
        self.paintings, self.spacing_mm, self.seed = paintings, float(spacing_mm), seed
        self.fractures = float(fractures)
        self._last: tuple[str, Body] | None = None

    @abstractmethod
    def shapes(self, person: str) -> Body:
        """The shapes of one person, made anew.

        Raises:
            InputError: A file cannot be used.
        """

    @abstractmethod
    def files(self, person: str) -> list[Path]:
        """What the shapes come from."""

    def named_files(self) -> dict[str, Path]:
        """The folder of every person, for those who have to find it again."""
        return dict(self.folders)

    def subject_ids(self) -> tuple[str, ...]:
        """All paintings of all people, grouped by person."""
        return tuple(f"{person}{SEPARATOR}{number:02d}" for person in self.folders for number in range(self.paintings))

    def load(self, subject_id: str) -> Anatomy:
        """One painting of one person.

        Raises:
            ConfigError: There is no such subject.
            InputError: A file cannot be used.
        """
        body = self.body(self._person(subject_id))
        broken = derive_rng(self.seed, "fracture", subject_id)
        if broken.random() < self.fractures:
            body = fractured(body, broken)
        painted = paint(body, STRUCTURES, derive_rng(self.seed, "painting", subject_id))
        part, world_from_part = _without_air(painted.hu, body.grid.world_from_ijk)
        return Anatomy(
            subject_id=subject_id,
            ct=Volume(np.ascontiguousarray(painted.hu[part]), world_from_part),
            labels=Volume(np.ascontiguousarray(painted.labels[part]), world_from_part),
            structures=STRUCTURES,
            landmarks=body.landmarks,
            absent=body.absent,
        )

    def body(self, person: str) -> Body:
        """The shapes of one person; those of the last one asked for are kept, as paintings come in a row.

        Raises:
            InputError: A file cannot be used.
        """
        if self._last is None or self._last[0] != person:
            self._last = (person, self.shapes(person))
        return self._last[1]

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the files (path, size, time), the settings and the code's version."""
        stats = [
            (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.files(self._person(subject_id))
        ]
        facts: tuple[object, ...] = (self.version, PAINTER, subject_id, self.spacing_mm, self.seed, stats)
        facts += (FRACTURES, self.fractures) if self.fractures else ()
        return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()

    def _person(self, subject_id: str) -> str:
        person, _, number = subject_id.rpartition(SEPARATOR)
        if person not in self.folders or not number.isdigit() or int(number) >= self.paintings:
            raise ConfigError(f"no subject {subject_id!r} among the people{nearest(person, self.folders)}")
        return person


def _without_air(hu: Int16[np.ndarray, "I J K"], world_from_ijk: Affine) -> tuple[tuple[slice, ...], Affine]:
    """The voxels that hold the body with two of air around it at its sides, and where the first of them is."""
    filled = hu > -900
    part = []
    for axis in (0, 1):
        found = np.nonzero(filled.any(axis=(1 - axis, 2)))[0]
        part.append(slice(max(0, int(found[0]) - 2), int(found[-1]) + 3))
    first = np.array([part[0].start, part[1].start, 0], dtype=np.float64)
    return (*part, slice(None)), Affine.from_parts(world_from_ijk.linear, world_from_ijk.apply(first[None])[0])


def numbered(folders: list[Path], prefix: str, keep_names: bool) -> dict[str, Path]:
    """Ids ``<prefix>-01``, ``<prefix>-02``, … of folders in their order, or the folders' own names."""
    width = max(2, len(str(len(folders))))
    return {
        folder.name if keep_names else f"{prefix}-{index:0{width}d}": folder
        for index, folder in enumerate(folders, start=1)
    }
