"""Subjects from a folder of CTs, with labels and landmarks where there are any."""

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthex.anatomy.io.ct import read_ct, read_ct_grid
from synthex.anatomy.io.discovery import SubjectFiles, find_subjects
from synthex.anatomy.io.labels import LabelMap, check_labels, read_labels
from synthex.anatomy.io.landmarks import Landmarks, read_landmarks
from synthex.anatomy.io.names import HIP_GROUPS, SYNTHEX_HIP, NamesOption, choose_groups, nearest
from synthex.anatomy.landmark_names import check_landmark_names
from synthex.core import Affine, Anatomy, ConfigError, InputError, UserError, Volume

log = logging.getLogger(__name__)

VERSION = 5
"""Part of every fingerprint: raise it when the same files would give other arrays."""

SIX_BONES = frozenset(SYNTHEX_HIP)
"""The structures from which hip landmarks can be found."""

MIN_CONFIDENCE = 0.1
"""Automatically found landmarks below this count as not annotated: on the phantoms of the tests, and on a CT of
3 mm, correct points have 0.36 and more."""


@dataclass(frozen=True, eq=False)
class SubjectReading:
    """A subject with what was assumed while reading it.

    Attributes:
        anatomy: The subject.
        files: Where it came from.
        numbering: Where the structure names come from, in words; empty without labels.
        label_checks: What was found to hold about the labels' places and HU, in words.
        landmark_source: File name, ``"found automatically"`` or ``"none"``.
        confidence: For automatically found landmarks, name to confidence in [0, 1].
    """

    anatomy: Anatomy
    files: SubjectFiles
    numbering: str = ""
    label_checks: tuple[str, ...] = ()
    landmark_source: str = "none"
    confidence: Mapping[str, float] = field(default_factory=dict)


class CtFolder:
    """CTs on disk as an :class:`~synthex.core.AnatomySource`.

    What counts as a subject is written down in :mod:`synthex.anatomy.io.discovery`.

    Args:
        root: A subject's folder, a folder of subjects, a folder of CT files, or one CT file.
        structures: Grouping of structures: ``"hip"`` (the six bones; L3 to L5 become ``vertebrae``, S1
            belongs to ``sacrum``), ``"hip_l1_l5"``, ``"chest"`` (lung lobes, ribs and vertebrae merged), ``"all"``
            (names as they are), a YAML file or a mapping.
        label_names: Numbering of the label files: ``"synthex_hip"``, ``"totalsegmentator"`` (version 2),
            ``"totalsegmentator_v1"``, a YAML or JSON file, or None: the names in a segmentation, a ``labels.yaml`` or
            ``labels.json`` beside the CT, else recognised by where the ids lie (see
            :func:`~synthex.anatomy.io.recognise.recognise_numbering`).
        keep_names: Use folder or file names as subject ids. By default they are ``ct-01``, ``ct-02``, … in
            sorted order, because names of DICOM exports often identify the patient.
        find_landmarks: Find hip landmarks automatically where there is no landmark file but all six bones.
        series: Number of the series to read where a subject's DICOM files hold several, from 1; the error about
            them lists them.

    Raises:
        InputError: No CT found, or the folder is ambiguous.
        ConfigError: An unknown grouping or numbering.
    """

    def __init__(
        self,
        root: str | Path,
        structures: str | Path | Mapping[str, Any] | None = "hip",
        label_names: NamesOption = None,
        keep_names: bool = False,
        find_landmarks: bool = True,
        series: int | None = None,
    ) -> None:
        if series is not None and (isinstance(series, bool) or series < 1):
            raise ConfigError(f"series={series}: give the number of a series, from 1, or null")
        self.root = Path(root)
        self.structures, self.label_names, self.find_landmarks = structures, label_names, find_landmarks
        self.series = series
        choose_groups(structures)
        subjects = find_subjects(self.root)
        width = max(2, len(str(len(subjects))))
        self._files: dict[str, SubjectFiles] = {}
        for index, subject in enumerate(subjects, start=1):
            name = re.sub(r"[^\w\-.]+", "_", subject.name) if keep_names else f"ct-{index:0{width}d}"
            if name in self._files:
                raise InputError(subject.ct, f"two subjects are called {name!r}", "rename one, or set keep_names=false")
            self._files[name] = subject

    def subject_ids(self) -> tuple[str, ...]:
        """All subjects, in the sorted order of their folder or file names."""
        return tuple(self._files)

    def files(self, subject_id: str) -> SubjectFiles:
        """The files of one subject.

        Raises:
            ConfigError: There is no such subject.
        """
        try:
            return self._files[subject_id]
        except KeyError:
            hint = nearest(subject_id, self._files)
            raise ConfigError(f"no subject {subject_id!r} in {self.root}{hint}") from None

    def named_files(self) -> dict[str, Path]:
        """The CT of every subject, for those who have to find it again."""
        return {name: files.ct for name, files in self._files.items()}

    def load(self, subject_id: str) -> Anatomy:
        """One subject on its own grid.

        Raises:
            InputError: A file of the subject cannot be used.
        """
        return self.read(subject_id).anatomy

    def read(self, subject_id: str) -> SubjectReading:
        """One subject, with what was assumed about it.

        Raises:
            InputError: A file of the subject cannot be used.
        """
        files = self.files(subject_id)
        ct = read_ct(files.ct, self.series)
        if files.labels is None:
            empty = Volume(np.zeros(ct.shape, dtype=np.uint8), ct.world_from_ijk)
            labels = LabelMap(empty, {}, "")
        else:
            labels = read_labels(files.labels, ct, self._names(files), self.structures)
        points, source, confidence = self._landmarks(files, labels, ct)
        anatomy = Anatomy(subject_id, ct, labels.volume, labels.structures, points.positions, points.absent)
        return SubjectReading(anatomy, files, labels.numbering, labels.checks, source, confidence)

    def fingerprint(self, subject_id: str) -> str:
        """Hash of paths, sizes and times of the subject's files, the options and the code version."""
        files = self.files(subject_id)
        parts: list[Any] = [VERSION, subject_id, str(self.structures), str(self.label_names), self.find_landmarks]
        parts.append(self.series)
        yaml_files = [Path(o) for o in (self.structures, self.label_names) if isinstance(o, (str, Path))]
        for file in (*files.all_files(), *(path for path in yaml_files if path.is_file())):
            try:
                stat = file.stat()
            except OSError as error:
                raise InputError(file, "the file is gone or cannot be read", "restore it") from error
            # With the whole path: archives unpack with equal names and times, and sizes may agree by chance.
            parts.append((str(file.resolve()), stat.st_size, stat.st_mtime_ns))
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def check(self, subject_id: str | None = None) -> None:
        """Look at every subject (or one) without reading voxels, so that a bad file is known before training starts.

        Checked: permissions, headers and file sizes of CT and labels, every DICOM slice's header, equal grids,
        label names, landmark names, landmarks inside the volume. What only voxels show (NaN, values that are
        not HU) comes out when the subjects are prepared.

        Raises:
            InputError: The first bad file, and how many further subjects are bad.
        """
        errors: list[InputError] = []
        for name in self._files if subject_id is None else (subject_id,):
            files = self.files(name)
            try:
                grid = read_ct_grid(files.ct, self.series)
                for note in grid.notes:
                    log.warning("%s: %s", name, note)
                if files.labels is not None:
                    check_labels(files.labels, grid, self._names(files))
                if files.landmarks is not None:
                    self._read_landmarks(files.landmarks, grid.world_from_ijk, grid.shape)
            except InputError as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            first, more = errors[0], len(errors) - 1
            raise InputError(first.path, f"{first.problem} (and {more} more bad subjects)", first.remedy)

    def _names(self, files: SubjectFiles) -> NamesOption:
        return self.label_names if self.label_names is not None else files.label_names

    def _landmarks(
        self, files: SubjectFiles, labels: LabelMap, ct: Volume
    ) -> tuple[Landmarks, str, Mapping[str, float]]:
        if files.landmarks is not None:
            points = self._read_landmarks(files.landmarks, ct.world_from_ijk, ct.shape)
            return points, files.landmarks.name, {}
        if not self.find_landmarks or not labels.structures.keys() >= SIX_BONES:
            return Landmarks({}), "none", {}
        # Here and not above: finding needs SciPy's heavier parts, which a cached start must not pay for.
        from synthex.anatomy.hip_landmarks import find_hip_landmarks

        try:
            found = find_hip_landmarks(labels.volume, labels.structures)
        except UserError as error:
            # The finder sees voxels and cannot say which file they come from.
            raise InputError(
                files.labels or files.ct, str(error), "check the labels, or set find_landmarks=false"
            ) from error
        sure = {name: at for name, at in found.positions.items() if found.confidence[name] >= MIN_CONFIDENCE}
        return Landmarks(sure, found.absent - found.unsure), "found automatically", found.confidence

    def _read_landmarks(self, path: Path, world_from_ijk: Affine, shape: tuple[int, ...]) -> Landmarks:
        points = read_landmarks(path)
        # Another grouping than the hip's may be of another part of the body, with landmarks of its own.
        hip_only = isinstance(self.structures, str) and self.structures in HIP_GROUPS
        check_landmark_names(path, points.positions.keys() | points.absent, hip_only)
        _require_inside(path, points, world_from_ijk, shape)
        return points


def _require_inside(path: Path, points: Landmarks, world_from_ijk: Affine, shape: tuple[int, ...]) -> None:
    """Refuse landmarks outside the voxels' outer faces: they belong to another CT, or to the other frame."""
    if not points.positions:
        return
    names = sorted(points.positions)
    voxel = world_from_ijk.inverse().apply(np.stack([points.positions[name] for name in names]))
    outside = ((voxel < -0.5) | (voxel > np.array(shape) - 0.5)).any(axis=1)
    if outside.any():
        first = names[int(np.argmax(outside))]
        raise InputError(
            path,
            f"landmark {first!r} lies outside the CT ({int(outside.sum())} of {len(names)} do)",
            "check RAS against LPS and that it is the same CT, or declare it absent (in_volume 0 in a CSV)",
        )
