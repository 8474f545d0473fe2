"""The study's hip radiographs: pairs of HDF5 files, DeepFluoro's preprocessed file, and the folders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import InputError, Sample
from synthex.core.limits import MAX_PIXELS
from synthex.data.real.files import as_image, as_labels, known_domain, plausible_pitch
from synthex.data.real.hdf5 import node, numbers, open_h5, text
from synthex.data.real.hip_names import (
    DEEPFLUORO,
    DETECTOR_MM,
    LANDMARKS,
    STRUCTURES,
    STUDY,
    check_fold,
    downsampling_of,
    left_out,
    names_or,
    points_in,
)
from synthex.data.real.pictures import DAMAGE, told

MAX_LANDMARKS = 100

WHERE = f"{STUDY}; {DEEPFLUORO}"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class _Case:
    case_id: str
    group: str
    row: int


class HipStudy:
    """Hip radiographs of cadaver specimens, or simulated ones, in the HDF5 schema of the study (facts 4.1 and 4.6).

    ``land-names/num-lands`` and ``land-names/land-00``, …; a group a specimen with ``projs`` (N x H x W), ``segs``
    (N x H x W, labels 0 to 6) and ``lands`` (N x 2 x L: column, row, pixel centres at integers). The study keeps
    ``segs`` and ``lands`` in a second file, DeepFluoro's preprocessed file has all in one. Landmarks are found by
    name; half a pixel is added on reading, and what lies outside the image is absent. Images are square,
    so that transposed ones cannot be told from others.

    Subjects are the specimens, and a fold leaves one of them out: ``fold=3`` with ``split=test`` is specimen ``03``,
    with ``split=train`` all others.

    **Licence.** The DeepFluoro data, which the study's real images are made from, is CC BY-NC 4.0: not for
    commercial use. Where to obtain it: the DOI 10.7281/T1/IFSXNV.

    Args:
        root: Folder of the two files, or the one file that holds both.
        images: Image file in ``root``, and
        labels: label file (``sim_label.h5`` for the study's simulated images).
        fold: Number of the specimen that is left out, or None.
        split: ``all`` without a fold, else ``train`` or ``test``.
        structures: Names of the label values 1, 2, …; None: those of the hip task.
        landmarks: Those wanted, in their order; None: those of the hip task.
        pixel_mm: Pixel pitch at the detector; None: from the size of the images and the 0.194 mm of the detector, which
            is not the LoopX: its pitch has to be given.
        domain: What pixels mean: the files are line integrals, bone bright.

    Raises:
        InputError: A file is missing or cannot be used.
        ConfigError: An argument cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        images: str = "real.h5",
        labels: str = "real_label.h5",
        fold: int | None = None,
        split: str = "all",
        structures: Sequence[str] | None = None,
        landmarks: Sequence[str] | None = None,
        pixel_mm: float | int | None = None,
        domain: str = "log",
    ) -> None:
        check_fold(fold, split)
        self._domain = known_domain(domain)
        self.structures = names_or(structures, STRUCTURES, "structures")
        self.landmarks = names_or(landmarks, LANDMARKS, "landmarks")
        root = Path(root).expanduser()
        if not root.exists():
            raise InputError(root, "there is no such file or folder", WHERE)
        one = root.is_file()
        self._images, self._labels = (root, root) if one else (root / images, root / labels)
        self._files: tuple[h5py.File, h5py.File] | None = None
        with open_h5(self._images, WHERE) as file, open_h5(self._labels, WHERE) as told_file:
            try:
                self._columns, count = self._find_names(file)
                groups = sorted(key for key in file if key != "land-names")
                lost = sorted(set(groups) ^ (set(told_file) - {"land-names"}))
            except DAMAGE as error:
                raise InputError(self._images, f"cannot be read ({told(error)})", WHERE) from error
            if lost:
                raise InputError(self._labels, f"{lost[0]} is in one of the two files only", WHERE)
            sizes = {group: self._size(file, told_file, group, count) for group in groups}
        if not sizes:
            raise InputError(self._images, "holds no specimen", WHERE)
        shapes = {(height, width) for _, height, width in sizes.values()}
        if len(shapes) > 1:
            raise InputError(self._images, "has specimens with images of different sizes", WHERE)
        if pixel_mm is None and "loopx" in self._images.name.lower():
            problem = "is of the LoopX, whose pixel pitch is not published"
            raise InputError(self._images, problem, "give real.pixel_mm=<mm at the detector>, as you measured it")
        if pixel_mm is None:
            pixel_mm = DETECTOR_MM * downsampling_of(max(next(iter(shapes))))
        self._pixel_mm = plausible_pitch(pixel_mm)
        chosen = left_out(groups, fold, split, self._images)
        self._cases = tuple(
            _Case(f"{group}-{row:04d}", group, row) for group in chosen for row in range(sizes[group][0])
        )

    def case_ids(self) -> tuple[str, ...]:
        """All cases, specimen by specimen."""
        return tuple(case.case_id for case in self._cases)

    def __len__(self) -> int:
        return len(self._cases)

    def __getstate__(self) -> dict[str, Any]:
        # Open HDF5 files do not survive being sent to a worker; each process opens its own.
        return self.__dict__ | {"_files": None}

    def __getitem__(self, index: int) -> Sample:
        case = self._cases[index]
        if self._files is None:
            self._files = (open_h5(self._images, WHERE), open_h5(self._labels, WHERE))
        images, labels = self._files
        image = as_image(self._images, self._row(images, case, "projs", self._images), f"case {case.case_id}")
        values = self._row(labels, case, "segs", self._labels)
        shape = (image.shape[0], image.shape[1])
        exclusive = as_labels(self._labels, values, shape, len(self.structures), f"{case.group}/segs")
        stored = np.asarray(self._row(labels, case, "lands", self._labels), dtype=np.float64)[:, self._columns].T
        if not np.isfinite(stored).all():
            raise InputError(self._labels, f"case {case.case_id} has a landmark at NaN or infinity", WHERE)
        points, visible = points_in(stored + 0.5, shape, self._labels, f"case {case.case_id}")
        return Sample(
            case_id=case.case_id,
            subject_id=case.group,
            image=image,
            domain=self._domain,
            masks=exclusive[None] == np.arange(1, len(self.structures) + 1)[:, None, None],
            landmarks=points,
            visible=visible,
            annotated=np.ones(len(points), dtype=bool),
            pixel_mm=self._pixel_mm,
        )

    def _find_names(self, file: h5py.File) -> tuple[list[int], int]:
        """Where the wanted landmarks are in the file, and how many it has."""
        stored = numbers(file, "land-names/num-lands", None, self._images, WHERE)
        if stored.shape != (1,) or stored[0] != round(stored[0]) or not 0 <= stored[0] <= MAX_LANDMARKS:
            raise InputError(self._images, "land-names/num-lands is no number of landmarks", WHERE)
        count = int(stored[0])
        names = [text(file, f"land-names/land-{index:02d}", self._images, WHERE) for index in range(count)]
        if len(set(names)) != count:
            raise InputError(self._images, "names a landmark twice", WHERE)
        missing = [name for name in self.landmarks if name not in names]
        if missing:
            problem = f"has no landmark {missing[0]} (it has {', '.join(names) or 'none'})"
            raise InputError(self._images, problem, "give real.landmarks=[...]")
        return [names.index(name) for name in self.landmarks], count

    def _size(self, images: h5py.File, labels: h5py.File, group: str, count: int) -> tuple[int, int, int]:
        """Number, rows and columns of a specimen's images."""
        if not _SAFE.fullmatch(group):
            raise InputError(self._images, "has a group whose name is no specimen's", WHERE)
        pixels = node(images, f"{group}/projs", self._images, WHERE)
        segs = node(labels, f"{group}/segs", self._labels, WHERE)
        lands = node(labels, f"{group}/lands", self._labels, WHERE)
        for found, key, path in ((pixels, "projs", self._images), (segs, "segs", self._labels)):
            plain = found.dtype.kind in "iuf" and len(found.shape) == 3 and 0 not in found.shape
            if not plain or found.shape[1] * found.shape[2] > MAX_PIXELS:
                raise InputError(path, f"{group}/{key} is not a stack of grey images", WHERE)
        if segs.shape != pixels.shape:
            raise InputError(self._labels, f"{group}/segs does not fit {group}/projs", WHERE)
        if lands.shape != (len(pixels), 2, count) or lands.dtype.kind not in "iuf":
            raise InputError(self._labels, f"{group}/lands is not {len(pixels)} x 2 x {count} numbers", WHERE)
        return pixels.shape[0], pixels.shape[1], pixels.shape[2]

    @staticmethod
    def _row(file: h5py.File, case: _Case, key: str, path: Path) -> np.ndarray:
        try:
            return np.asarray(file[f"{case.group}/{key}"][case.row])
        except DAMAGE as error:
            raise InputError(path, f"case {case.case_id} cannot be read ({told(error)})", WHERE) from error
