"""A folder of radiographs as DICOM files or pictures, with a CSV of landmarks or a COCO file."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, InputError, Sample
from synthex.core.documents import whole_number
from synthex.data.real.coco import ImageLabels, read_coco, segmentation_mask
from synthex.data.real.dicom import Meaning, patient_key
from synthex.data.real.files import plausible_pitch
from synthex.data.real.pictures import DAMAGE
from synthex.data.real.radiographs import (
    MEANINGS,
    RadiographFile,
    known_meaning,
    radiograph_count,
    radiograph_files,
    read_radiographs,
)
from synthex.data.real.subjects import case_id, read_rows
from synthex.dicom import is_dicom

PIXEL_MM = 0.2
"""Nominal pitch of files that do not say one: a flat detector's order of size. Our choice."""

_ANNOTATIONS = ("annotations.csv", "annotations.json")
_CSV = "give the columns image, landmark, column and row"
_LABELS = "name images by their path below real.root, one of several frames as path#1, path#2 and so on"
_FOLDER = "give a folder of DICOM files or pictures, and a CSV of landmarks or a COCO file"


class PlainFolder:
    """Radiographs with whatever was annotated: DICOM files, pictures and arrays below a folder, at any depth.

    Each frame of a DICOM file, page of a TIFF or entry of a 3-D array is a case of its own, which annotations name
    ``path#1``, ``path#2`` and so on.

    - A **CSV** has the columns ``image`` (path below ``root``, with ``/``), ``landmark``, ``column``, ``row`` and, if
      known, ``subject``, ``domain`` (see below), ``width`` and ``height`` (they are held against the image). A line
      without column and row says that the landmark is not in the image; a landmark without a line is not annotated.
    - A **COCO file** has masks (polygons or run lengths, united by category) and keypoints; keypoints of visibility 0
      are not annotated. A listed image without an annotation of a category does not show it.

    Any part may be annotated: images that the file does not list are unlabelled, and names that are asked for and that
    it does not have are not annotated. Without a file nothing is, and radiographs can still be predicted.

    Coordinates count from the outer corner of the first pixel, so its centre is at (0.5, 0.5); ``first_centre=0`` is
    for files whose pixel centres are integers. Points outside the image are absent.

    **Privacy.** No tag of a patient reaches an id, a record or an error, and no name of a file an id or a record:
    cases are named by the digest of their file's name, and subjects are numbered. Errors name the file at fault.
    DICOM files of one patient id share a subject; else the CSV says who is who; else all images are one subject,
    so that intervals do not count them as independent.

    **Domain.** Of DICOM files see :func:`synthex.data.real.dicom.read_dicom`; pictures are taken as ``log`` (shown
    with bone bright, up to a monotone curve). Where that is wrong (bone dark whatever a file's tags say), the CSV's
    column ``domain`` says so for an image, and ``domain`` for all: ``log``, ``intensity`` (linear, bone dark) or
    ``inverted`` (a picture shown with bone dark).

    **Licence.** Yours: this reads your own files.

    Args:
        root: The folder.
        annotations: CSV or COCO JSON, below ``root`` or a path of its own. None: ``annotations.csv`` or
            ``annotations.json`` in ``root``; where there is neither, nothing is annotated.
        structures: Names of the masks; None: all of the COCO file.
        landmarks: Names of the points; None: all of the file, in the order of their first mention.
        domain: ``log``, ``intensity`` or ``inverted`` for all files; None: as the CSV or each file says.
        pixel_mm: Pitch of files that do not say theirs.
        first_centre: Coordinate of the first pixel's centre in the annotations, 0.5 or 0.

    Raises:
        InputError: A file is missing or cannot be used.
        ConfigError: An argument cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        annotations: str | Path | None = None,
        structures: Sequence[str] | None = None,
        landmarks: Sequence[str] | None = None,
        domain: str | None = None,
        pixel_mm: float | int = PIXEL_MM,
        first_centre: float | int = 0.5,
    ) -> None:
        if first_centre not in (0, 0.5):
            raise ConfigError(f"first_centre={first_centre}: choose 0.5 or 0")
        self._meaning = known_meaning(domain)
        self._pixel_mm = plausible_pitch(pixel_mm)
        self._shift = 0.5 - float(first_centre)
        self._root = Path(root).expanduser()
        if not self._root.is_dir():
            raise InputError(self._root, "there is no such folder", _FOLDER)
        if annotations is None:
            annotations = next((name for name in _ANNOTATIONS if (self._root / name).is_file()), None)
        path = self._root if annotations is None else Path(annotations).expanduser()
        path = path if path.is_absolute() or not (self._root / path).exists() else self._root / path
        self._annotations = path
        self._cases = _cases(self._root, path)
        labels: dict[str, ImageLabels] = {}
        kinds: tuple[str, ...] = ()
        points: tuple[str, ...] = ()
        if annotations is not None:
            labels, kinds, points = read_annotations(path)
        self._kinds = frozenset(kinds)
        self.structures = _chosen(structures, kinds, points, "structures")
        self.landmarks = _chosen(landmarks, points, kinds, "landmarks")
        self._require_known(labels)
        self._labels = [labels.get(case.name, ImageLabels()) for case in self._cases]
        self._case_ids = tuple(case_id("", case.name, counted=None) for case in self._cases)
        self._subjects = self._numbered()

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the order of their files' names."""
        return self._case_ids

    def __len__(self) -> int:
        return len(self._cases)

    def named_files(self) -> dict[str, Path]:
        """The file of every case, for those who have to find it again."""
        return {name: case.path for name, case in zip(self._case_ids, self._cases, strict=True)}

    def __getitem__(self, index: int) -> Sample:
        case, labels = self._cases[index], self._labels[index]
        found = case.read(self._meaning or labels.meaning)
        height, width = found.image.shape
        if labels.size not in (None, (height, width)):
            raise case.problem(f"has {height} x {width} pixels, not those that {self._annotations.name} says")
        masks = np.zeros((len(self.structures), height, width), dtype=bool)
        for channel, name in enumerate(self.structures):
            for area in labels.areas.get(name, []):
                try:
                    masks[channel] |= segmentation_mask(area, (height, width))
                except DAMAGE:
                    raise case.problem(f"has a damaged segmentation in {self._annotations.name}") from None
        points = np.full((len(self.landmarks), 2), np.nan)
        for row, name in enumerate(self.landmarks):
            place = labels.points.get(name)
            points[row] = np.nan if place is None else np.array(place) + self._shift
        visible = np.all((points >= 0) & (points <= (width, height)), axis=1)
        points[~visible] = np.nan
        return Sample(
            case_id=self._case_ids[index],
            subject_id=self._subjects[index],
            image=found.image,
            domain=found.domain,
            masks=masks,
            landmarks=points,
            visible=visible,
            annotated=np.array([name in labels.points for name in self.landmarks], dtype=bool),
            pixel_mm=self._pixel_mm if found.pixel_mm is None else found.pixel_mm,
            magnification=found.magnification,
            masks_annotated=np.array([self._is_known(name, labels) for name in self.structures], dtype=bool),
        )

    def _is_known(self, name: str, labels: ImageLabels) -> bool:
        """Whether a structure's mask in an image is said: by a segmentation, or by its being absent."""
        return name in self._kinds and labels.listed and (name in labels.areas or name not in labels.unknown)

    def _require_known(self, labels: Mapping[str, ImageLabels]) -> None:
        lost = sorted(set(labels) - {case.name for case in self._cases})
        frames = [case for case in self._cases if case.frames > 1 and case.frame == 0 and case.path_name in lost]
        if frames:
            what = f"labels a file of {frames[0].frames} frames without saying which"
            raise InputError(self._annotations, f"{what} ({frames[0].path})", _LABELS)
        if lost:
            problem = f"labels {len(lost)} of {len(labels)} images that the folder does not hold"
            raise InputError(self._annotations, problem, _LABELS)

    def _numbered(self) -> tuple[str, ...]:
        """Subjects as numbers, in the order of their first image; what tells them apart is forgotten."""
        keys: list[str | None] = []
        known: dict[Path, str | None] = {}
        for case, labels in zip(self._cases, self._labels, strict=True):
            key = labels.subject or None
            if key is None and is_dicom(case.path):
                if case.path not in known:
                    known[case.path] = patient_key(case.path)
                key = known[case.path]
            keys.append(key)
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), 1)}
        return tuple(f"subject-{numbers[key]:04d}" for key in keys)


@dataclass(frozen=True)
class _Case:
    """One radiograph of a file.

    Attributes:
        path: The file.
        path_name: Its path below the root, with ``/``.
        frame: From 0.
        frames: Of the file.
    """

    path: Path
    path_name: str
    frame: int
    frames: int

    @property
    def name(self) -> str:
        """What annotations call it."""
        return self.path_name if self.frames == 1 else f"{self.path_name}#{self.frame + 1}"

    def read(self, meaning: Meaning | None) -> RadiographFile:
        return next(read_radiographs(self.path, meaning, self.frame))

    def problem(self, problem: str) -> InputError:
        frame = f"frame {self.frame + 1} " if self.frames > 1 else ""
        return InputError(self.path, f"{frame}{problem}", "correct the file or its annotation")


def _cases(root: Path, annotations: Path) -> list[_Case]:
    """Every radiograph below a folder, by path and frame."""
    cases = []
    for path in radiograph_files(root):
        if path != annotations:
            name, frames = path.relative_to(root).as_posix(), radiograph_count(path)
            cases += [_Case(path, name, frame, frames) for frame in range(frames)]
    return cases


def _chosen(
    given: Sequence[str] | None, known: tuple[str, ...], others: tuple[str, ...], setting: str
) -> tuple[str, ...]:
    """The names asked for; those that the annotations lack are not annotated, unless they are a slip of the pen."""
    if given is None:
        return known
    if len(set(given)) != len(given):
        raise ConfigError(f"{setting}={list(given)} names something twice")
    if known and given and not set(given).intersection(known):
        raise ConfigError(f"{setting}={list(given)}: the annotations have {', '.join(known)}")
    for name in given:
        close = difflib.get_close_matches(name, [one for one in known if one not in given], n=1, cutoff=0.8)
        if name not in known and close:
            raise ConfigError(f"{setting}: the annotations have no {name!r} (did you mean {close[0]}?)")
        if name not in known and name in others:
            raise ConfigError(f"{setting}: {name!r} is none of the annotations' {setting}")
    return tuple(given)


def read_annotations(path: Path) -> tuple[dict[str, ImageLabels], tuple[str, ...], tuple[str, ...]]:
    """Labels by image, and the names of structures and landmarks, of a CSV of landmarks or a COCO file.

    Raises:
        InputError: It is missing or damaged.
    """
    return (read_coco if path.suffix.lower() == ".json" else _read_csv)(path)


def _read_csv(path: Path) -> tuple[dict[str, ImageLabels], tuple[str, ...], tuple[str, ...]]:
    """Labels by image, and the names of structures (none) and landmarks."""
    labels: dict[str, ImageLabels] = {}
    names: dict[str, None] = {}
    for number, row in enumerate(read_rows(path, _CSV), 2):
        image, name, subject = row.get("image", ""), row.get("landmark", ""), row.get("subject", "")
        if not image or not name.isprintable() or not name or "column" not in row or "row" not in row:
            raise InputError(path, f"line {number} has no image or no landmark", _CSV)
        place = _place(row["column"], row["row"], path, number)
        size, meaning = _size(row, path, number), _meaning(row, path, number)
        entry = labels.setdefault(image, ImageLabels(subject=subject, size=size, meaning=meaning))
        if name in entry.points or (entry.subject, entry.size, entry.meaning) != (subject, size, meaning):
            what = "the landmark" if name in entry.points else "another subject, size or domain"
            raise InputError(path, f"line {number} gives its image {what} for the second time", "keep one of the lines")
        entry.points[name] = place
        names[name] = None
    return labels, (), tuple(names)


def _meaning(row: Mapping[str, str], path: Path, number: int) -> Meaning | None:
    word = row.get("domain", "") or None
    if word not in (None, *MEANINGS):
        remedy = f"give one of {', '.join(MEANINGS)}, or nothing"
        raise InputError(path, f"line {number} has a domain that there is not", remedy)
    return known_meaning(word)


def _size(row: Mapping[str, str], path: Path, number: int) -> tuple[int, int] | None:
    words = (row.get("height", ""), row.get("width", ""))
    if words == ("", ""):
        return None
    height, width = map(whole_number, words)
    if height is None or width is None:
        raise InputError(path, f"line {number} has a width or height that is no number", "give pixels, or neither")
    return height, width


def _place(column: str, row: str, path: Path, number: int) -> tuple[float, float] | None:
    if not column and not row:
        return None
    try:
        place = float(column), float(row)
    except ValueError:
        place = math.nan, math.nan
    if not all(map(math.isfinite, place)):
        remedy = "give pixels, or leave both empty where the landmark is not in the image"
        raise InputError(path, f"line {number} has a column or row that is no number", remedy)
    return place
