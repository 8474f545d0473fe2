"""A folder of label maps as subjects."""

from pathlib import Path

import numpy as np

from synthex.anatomy.io.grid import to_ras
from synthex.anatomy.io.images import read_raw, volume_stem, volume_suffix
from synthex.anatomy.io.labels import read_label_map
from synthex.anatomy.label_maps.prepare import prepare_body
from synthex.anatomy.painting.body import Body
from synthex.anatomy.painting.source import PaintedPeople, numbered
from synthex.core import InputError, Volume

VERSION = 2
"""Part of every fingerprint: raise it when the same files would give other shapes."""

_NAMES = ("labels.yaml", "labels.yml", "labels.json")


class LabelMapFolder(PaintedPeople):
    """Label maps of people, each painted several times (an :class:`~synthex.core.AnatomySource`).

    A person is a folder with ``labels.nii.gz`` (or another volume format) and, where there is one, ``body.nii.gz``:
    everything under the skin; without it a body is grown. Names of ids come from ``labels.yaml`` or ``labels.json``
    in the folder, else from ``NAME_ids.json`` beside the folders whose names begin with NAME, else the numbering is
    recognised. Bones, muscles and organs are known by their names
    (:func:`synthex.anatomy.label_maps.tissues.meaning`); one label may hold both hips, or both femurs.

    Ids are ``map-01~00``, ``map-01~01``, ….

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

    version = VERSION

    def __init__(
        self,
        root: str | Path,
        paintings: int = 6,
        spacing_mm: float | int = 1.6,
        seed: int = 0,
        fractures: float | int = 0.0,
        keep_names: bool = False,
    ) -> None:
        folders = numbered(_person_folders(Path(root)), "map", keep_names)
        super().__init__(folders, paintings, spacing_mm, seed, fractures)

    def files(self, person: str) -> list[Path]:
        """Labels, skin and names."""
        folder = self.folders[person]
        return [path for path in (_labels_file(folder), _body_file(folder), _names_file(folder)) if path is not None]

    def shapes(self, person: str) -> Body:
        """The shapes of one person.

        Raises:
            InputError: A file cannot be used.
        """
        folder = self.folders[person]
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
