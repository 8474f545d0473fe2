"""A folder of label maps as subjects."""

import hashlib
from pathlib import Path

import numpy as np

from synthex.anatomy.io.grid import to_ras
from synthex.anatomy.io.images import read_raw, volume_stem, volume_suffix
from synthex.anatomy.io.labels import read_label_map
from synthex.anatomy.io.names import nearest
from synthex.anatomy.label_maps.prepare import STRUCTURES, prepare_body
from synthex.anatomy.painting import Body, paint
from synthex.anatomy.painting.fracture import VERSION as FRACTURES
from synthex.anatomy.painting.fracture import fractured
from synthex.anatomy.painting.paint import VERSION as PAINTER
from synthex.anatomy.variants import SEPARATOR
from synthex.core import Anatomy, ConfigError, InputError, Volume, derive_rng

VERSION = 1
"""Part of every fingerprint: raise it when the same files would give other shapes."""

_NAMES = ("labels.yaml", "labels.yml", "labels.json")


class LabelMapFolder:
    """Label maps of people, each painted several times (an :class:`~synthex.core.AnatomySource`).

    A person is a folder with ``labels.nii.gz`` (or another volume format) and, where there is one, ``body.nii.gz``:
    everything under the skin; without it a body is grown. Names of ids come from ``labels.yaml`` or ``labels.json``
    in the folder, else from ``NAME_ids.json`` beside the folders whose names begin with NAME, else the numbering is
    recognised. Bones, muscles and organs are known by their names
    (:func:`synthex.anatomy.label_maps.tissues.meaning`); one label may hold both hips, or both femurs.

    Ids are ``map-01~00``, ``map-01~01``, …: painting n of a person is a pure function of (seed, person, n).

    Args:
        root: One person's folder, or a folder of such folders.
        paintings: How often each person is painted.
        spacing_mm: Edge of the cubic voxels.
        seed: Seed of the paintings.
        fractures: Share of paintings with a fracture of a femoral neck, of trochanters or of rami.
        keep_names: Use folder names as ids instead of numbers; they often identify the patient.

    Raises:
        ConfigError: A setting out of range.
        InputError: ``root`` is not a folder, or holds no label maps.
    """

    def __init__(
        self,
        root: str | Path,
        paintings: int = 6,
        spacing_mm: float = 1.6,
        seed: int = 0,
        fractures: float | int = 0.0,
        keep_names: bool = False,
    ) -> None:
        if not 1 <= paintings <= 9999:
            raise ConfigError(f"paintings={paintings} must be 1 to 9999")
        if not 0.5 <= spacing_mm <= 5:
            raise ConfigError(f"spacing_mm={spacing_mm} must lie in 0.5 to 5 for label maps")
        if not 0 <= fractures <= 1:
            raise ConfigError(f"fractures={fractures} is a share: 0 to 1")
        self.fractures = float(fractures)
        self.paintings, self.spacing_mm, self.seed = paintings, float(spacing_mm), seed
        folders = _person_folders(Path(root))
        width = max(2, len(str(len(folders))))
        self._folders = {
            folder.name if keep_names else f"map-{index:0{width}d}": folder
            for index, folder in enumerate(folders, start=1)
        }
        self._last: tuple[str, Body] | None = None

    def subject_ids(self) -> tuple[str, ...]:
        """All paintings of all people, grouped by person."""
        return tuple(f"{person}{SEPARATOR}{number:02d}" for person in self._folders for number in range(self.paintings))

    def load(self, subject_id: str) -> Anatomy:
        """One painting of one person.

        Raises:
            ConfigError: There is no such subject.
            InputError: A file cannot be used.
        """
        person = self._person(subject_id)
        body = self.body(person)
        broken = derive_rng(self.seed, "fracture", subject_id)
        if broken.random() < self.fractures:
            body = fractured(body, broken)
        painted = paint(body, STRUCTURES, derive_rng(self.seed, "painting", subject_id))
        return Anatomy(
            subject_id=subject_id,
            ct=Volume(painted.hu, body.grid.world_from_ijk),
            labels=Volume(painted.labels, body.grid.world_from_ijk),
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
            self._last = (person, self._prepared(self._folders[person]))
        return self._last[1]

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the files (path, size, time), the settings and the code's version."""
        folder = self._folders[self._person(subject_id)]
        files = [path for path in (_labels_file(folder), _body_file(folder), _names_file(folder)) if path is not None]
        stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        facts: tuple[object, ...] = (VERSION, PAINTER, subject_id, self.spacing_mm, self.seed, stats)
        facts += (FRACTURES, self.fractures) if self.fractures else ()
        return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()

    def _person(self, subject_id: str) -> str:
        person, _, number = subject_id.rpartition(SEPARATOR)
        if person not in self._folders or not number.isdigit() or int(number) >= self.paintings:
            raise ConfigError(f"no subject {subject_id!r} among the label maps{nearest(person, self._folders)}")
        return person

    def _prepared(self, folder: Path) -> Body:
        path = _labels_file(folder)
        assert path is not None  # a person's folder has one
        labels, numbering = read_label_map(path, _names_file(folder))
        body, body_path = None, _body_file(folder)
        if body_path is not None:
            mask = read_raw(body_path)
            assert mask.data is not None  # read in full
            turned, affine = to_ras(mask.data, mask.world_from_ijk)
            if not Volume(turned, affine).same_grid(labels):
                raise InputError(body_path, f"is on another grid than {path.name}", "resample it onto that grid")
            body = np.ascontiguousarray(turned > 0)
        return prepare_body(path, labels.data, numbering.ids, labels.world_from_ijk, body, self.spacing_mm)


def _person_folders(root: Path) -> list[Path]:
    remedy = "give a folder with labels.nii.gz, or a folder of such folders"
    if not root.is_dir():
        raise InputError(root, "is not a folder", remedy)
    if _labels_file(root) is not None:
        return [root.resolve()]
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and _labels_file(path) is not None]
    if not folders:
        raise InputError(root, "holds no label maps", remedy)
    return folders


def _volume(folder: Path, stem: str) -> Path | None:
    files = [path for path in sorted(folder.iterdir()) if volume_suffix(path) and volume_stem(path).lower() == stem]
    if len(files) > 1:
        raise InputError(folder, f"holds {files[0].name} and {files[1].name}", "keep one of the two")
    return files[0] if files else None


def _labels_file(folder: Path) -> Path | None:
    return _volume(folder, "labels")


def _body_file(folder: Path) -> Path | None:
    return _volume(folder, "body")


def _names_file(folder: Path) -> Path | None:
    own = [folder / name for name in _NAMES if (folder / name).is_file()]
    shared = sorted(path for path in folder.parent.glob("*_ids.json") if folder.name.startswith(path.stem[:-4]))
    return own[0] if own else shared[-1] if shared else None
