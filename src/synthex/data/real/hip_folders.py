"""Hip radiographs in the folders of the study's larger simulated set, as a :class:`synthex.core.Reader`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, InputError, Sample
from synthex.data.real.files import (
    H5,
    files_of,
    known_domain,
    paired,
    plausible_pitch,
    read_image,
    read_labels,
)
from synthex.data.real.hdf5 import numbers, open_h5
from synthex.data.real.hip_names import DETECTOR_MM, LANDMARKS, STRUCTURES, STUDY, downsampling_of, names_or, points_in
from synthex.data.real.pictures import PNG, TIFF
from synthex.data.real.subjects import case_id, subjects_of

FOLDERS = {"train": "train_data", "valid": "valid_data"}


class HipFolders:
    """Hip radiographs in the folders of the study's larger simulated set (facts 4.2).

    ``train_data`` and ``valid_data``, each with ``proj/00000.tiff``, ``seg/00000.png`` (labels 0 to 6) and
    ``lands/00000.h5``, whose ``dim1`` and ``dim2`` are the columns and rows of all landmarks (pixel centres at
    integers), in the order of the hip task. Nothing says whose an image is: without a list of subjects, those of a
    folder are one cluster. Pictures are square, so that a transposed one cannot be told from another.

    Args:
        root: Folder of ``train_data`` and ``valid_data``, or one with ``proj``, ``seg`` and ``lands``.
        split: ``train`` or ``valid``.
        subjects: CSV with the columns ``case`` and ``subject``; None takes ``subjects.csv`` in ``root``.
        structures: Names of the label values 1, 2, …; None: those of the hip task.
        landmarks: Names of the points in the files, in their order; None: those of the hip task.
        pixel_mm: Pixel pitch at the detector; None: from the size of each image and the 0.194 mm of the detector.
        domain: What pixels mean: the files are line integrals, bone bright.

    Raises:
        InputError: A file is missing, does not belong or cannot be used.
        ConfigError: An argument cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "valid",
        subjects: str | Path | None = None,
        structures: Sequence[str] | None = None,
        landmarks: Sequence[str] | None = None,
        pixel_mm: float | int | None = None,
        domain: str = "log",
    ) -> None:
        if split not in FOLDERS:
            raise ConfigError(f"split={split}: choose one of {', '.join(FOLDERS)}")
        self._domain = known_domain(domain)
        self._pixel_mm = None if pixel_mm is None else plausible_pitch(pixel_mm)
        self.structures = names_or(structures, STRUCTURES, "structures")
        self.landmarks = names_or(landmarks, LANDMARKS, "landmarks")
        root = Path(root).expanduser()
        if not root.is_dir():
            raise InputError(root, "there is no such folder", STUDY)
        own = (root / "proj").is_dir()
        folder = root if own else root / FOLDERS[split]
        self._images = files_of(folder / "proj", TIFF, STUDY)
        self._labels = files_of(folder / "seg", PNG, STUDY)
        self._points = files_of(folder / "lands", H5, STUDY)
        if not self._images:
            raise InputError(folder / "proj", "holds no TIFF image", STUDY)
        paired(self._images, self._labels, "label image (seg)")
        paired(self._images, self._points, "landmark file (lands)")
        self._names = tuple(self._images)
        prefix, subject = ("", "images") if own else (split, split)
        self._case_ids = tuple(case_id(prefix, name) for name in self._names)
        told = (f"{prefix}-{name}" if prefix else name for name in self._names)
        self._subjects = subjects_of(
            [(*both, subject) for both in zip(self._case_ids, told, strict=True)], root, subjects
        )

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in order of their names."""
        return self._case_ids

    def named_files(self) -> dict[str, Path]:
        """The image of every case."""
        return {case: self._images[name] for case, name in zip(self._case_ids, self._names, strict=True)}

    def __len__(self) -> int:
        return len(self._case_ids)

    def __getitem__(self, index: int) -> Sample:
        name = self._names[index]
        image = read_image(self._images[name])
        shape = (image.shape[0], image.shape[1])
        labels = read_labels(self._labels[name], shape, len(self.structures))
        path, count = self._points[name], len(self.landmarks)
        with open_h5(path, STUDY) as file:
            columns, rows = (numbers(file, key, None, path, STUDY) for key in ("dim1", "dim2"))
        if columns.shape != (count,) or rows.shape != (count,):
            problem = f"has {len(columns)} columns and {len(rows)} rows, not {count} of each"
            raise InputError(path, problem, "give real.landmarks=[...] with the names of its points")
        points, visible = points_in(np.stack((columns, rows), axis=1) + 0.5, shape, path, "it")
        pitch = self._pixel_mm if self._pixel_mm is not None else DETECTOR_MM * downsampling_of(max(shape))
        return Sample(
            case_id=self._case_ids[index],
            subject_id=self._subjects[index],
            image=image,
            domain=self._domain,
            masks=labels[None] == np.arange(1, len(self.structures) + 1)[:, None, None],
            landmarks=points,
            visible=visible,
            annotated=np.ones(count, dtype=bool),
            pixel_mm=pitch,
        )
