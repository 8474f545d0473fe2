"""A folder of radiographs as DICOM files or pictures, with a CSV of landmarks or a COCO file."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, Domain, InputError, Sample
from synthex.core.arrays import Image
from synthex.data.real.coco import ImageLabels, read_coco, segmentation_mask
from synthex.data.real.dicom import DicomError, patient_key, read_dicom
from synthex.data.real.files import DAMAGE, PICTURES, known_domain, plausible_pitch, read_image
from synthex.data.real.subjects import read_rows

DICOM = (".dcm", ".dicom", ".ima")
CLUTTER = ("thumbs.db", "desktop.ini", "dicomdir")

PIXEL_MM = 0.2
"""Nominal pitch of files that do not say one: a flat detector's order of size. Our choice."""

_CSV = "give the columns image, landmark, column and row"
_FOLDER = "give a folder of DICOM files or pictures, and a CSV of landmarks or a COCO file"


class PlainFolder:
    """Radiographs with whatever was annotated: files below a folder, one image a file, at any depth.

    - A **CSV** has the columns ``image`` (path below ``root``, with ``/``), ``landmark``, ``column``, ``row`` and, if
      known, ``subject``, ``width`` and ``height`` (they are held against the image). A line without column and row
      says that the landmark is not in the image; a landmark without a line is not annotated.
    - A **COCO file** has masks (polygons or run lengths, united by category) and keypoints; keypoints of visibility 0
      are not annotated.

    Coordinates count from the outer corner of the first pixel, so its centre is at (0.5, 0.5); ``first_centre=0`` is
    for files whose pixel centres are integers. Points outside the image are absent.

    **Privacy.** No tag of a patient and no name of a file reaches an id, a record or an error: cases are named by the
    digest of their file's name, subjects are numbered, and errors say the how-manieth file is at fault. DICOM
    files of one patient id share a subject; else the CSV says who is who; else all images are one subject, so
    that intervals do not count them as independent.

    **Domain.** Of DICOM files see :func:`synthex.data.real.dicom.read_dicom`; pictures are taken as ``log`` (shown
    with bone bright, up to a monotone curve) unless ``domain`` says otherwise.

    **Licence.** Yours: this reads your own files.

    Args:
        root: The folder.
        annotations: CSV or COCO JSON, below ``root`` or a path of its own.
        structures: Names of the masks, of those in the COCO file; None: all of them.
        landmarks: Names of the points, of those in the file; None: all, in the order of their first mention.
        domain: ``log`` or ``intensity`` for all files; None: as each file says.
        pixel_mm: Pitch of files that do not say theirs.
        first_centre: Coordinate of the first pixel's centre in the annotations, 0.5 or 0.

    Raises:
        InputError: A file is missing or cannot be used.
        ConfigError: An argument cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        annotations: str | Path,
        structures: Sequence[str] | None = None,
        landmarks: Sequence[str] | None = None,
        domain: str | None = None,
        pixel_mm: float | int = PIXEL_MM,
        first_centre: float | int = 0.5,
    ) -> None:
        if first_centre not in (0, 0.5):
            raise ConfigError(f"first_centre={first_centre}: choose 0.5 or 0")
        self._domain: Domain | None = None if domain is None else known_domain(domain)
        self._pixel_mm = plausible_pitch(pixel_mm)
        self._shift = 0.5 - float(first_centre)
        self._root = Path(root).expanduser()
        if not self._root.is_dir():
            raise InputError(self._root, "there is no such folder", _FOLDER)
        path = Path(annotations).expanduser()
        path = path if path.is_absolute() or not (self._root / path).exists() else self._root / path
        self._annotations = path
        self._files = _images(self._root, path)
        if not self._files:
            raise InputError(self._root, "holds no DICOM file and no picture", _FOLDER)
        labels, kinds, points = (read_coco if path.suffix.lower() == ".json" else _read_csv)(path)
        self.structures = _chosen(structures, kinds, "structures")
        self.landmarks = _chosen(landmarks, points, "landmarks")
        names = [file.relative_to(self._root).as_posix() for file in self._files]
        lost = sorted(set(labels) - set(names))
        if lost:
            problem = f"labels {len(lost)} of {len(labels)} images that the folder does not hold"
            raise InputError(path, problem, "name images by their path below real.root")
        self._labels = [labels.get(name, ImageLabels()) for name in names]
        self._case_ids = tuple(f"case-{hashlib.sha256(name.encode()).hexdigest()[:12]}" for name in names)
        self._subjects = self._numbered()

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the order of their files' names."""
        return self._case_ids

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        image, domain, pixel_mm, magnification = self._pixels(index)
        labels = self._labels[index]
        height, width = image.shape
        if labels.size not in (None, (height, width)):
            raise self._problem(index, f"has {height} x {width} pixels, not those that {self._annotations.name} says")
        masks = np.zeros((len(self.structures), height, width), dtype=bool)
        for channel, name in enumerate(self.structures):
            for area in labels.areas.get(name, []):
                try:
                    masks[channel] |= segmentation_mask(area, (height, width))
                except DAMAGE:
                    raise self._problem(index, f"has a damaged segmentation in {self._annotations.name}") from None
        points = np.full((len(self.landmarks), 2), np.nan)
        for row, name in enumerate(self.landmarks):
            place = labels.points.get(name)
            points[row] = np.nan if place is None else np.array(place) + self._shift
        visible = np.all((points >= 0) & (points <= (width, height)), axis=1)
        points[~visible] = np.nan
        return Sample(
            case_id=self._case_ids[index],
            subject_id=self._subjects[index],
            image=image,
            domain=domain,
            masks=masks,
            landmarks=points,
            visible=visible,
            annotated=np.array([name in labels.points for name in self.landmarks], dtype=bool),
            pixel_mm=pixel_mm,
            magnification=magnification,
        )

    def _pixels(self, index: int) -> tuple[Image, Domain, float, float]:
        path = self._files[index]
        try:
            if path.suffix.lower() in DICOM:
                found = read_dicom(path, self._domain)
                pitch = self._pixel_mm if found.pixel_mm is None else found.pixel_mm
                return found.image, found.domain, pitch, found.magnification
            return read_image(path), self._domain or "log", self._pixel_mm, 1.0
        except DicomError as error:
            raise self._problem(index, str(error)) from None
        except InputError as error:
            # What the library says, in parentheses, may hold the path.
            raise self._problem(index, f"{error.problem.partition(' (')[0]}; {error.remedy}") from None

    def _problem(self, index: int, problem: str) -> InputError:
        """An error that says which file without its name."""
        what, _, remedy = problem.partition("; ")
        where = f"file {index + 1} of {len(self._files)} in the order of their paths ({self._case_ids[index]}) {what}"
        return InputError(self._root, where, remedy or "correct the file or its annotation")

    def _numbered(self) -> tuple[str, ...]:
        """Subjects as numbers, in the order of their first image; what tells them apart is forgotten."""
        keys: list[str | None] = []
        for index, (path, labels) in enumerate(zip(self._files, self._labels, strict=True)):
            key = labels.subject or None
            if key is None and path.suffix.lower() in DICOM:
                try:
                    key = patient_key(path)
                except DicomError as error:
                    raise self._problem(index, str(error)) from None
            keys.append(key)
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), 1)}
        return tuple(f"subject-{numbers[key]:04d}" for key in keys)


def _images(root: Path, annotations: Path) -> list[Path]:
    """Every picture and DICOM file below a folder, by path; other files are passed over."""
    endings = (*DICOM, *PICTURES)
    found = (path for path in root.rglob("*") if path.suffix.lower() in endings and path != annotations)
    return sorted(p for p in found if p.is_file() and not p.name.startswith(".") and p.name.lower() not in CLUTTER)


def _chosen(given: Sequence[str] | None, known: tuple[str, ...], setting: str) -> tuple[str, ...]:
    if given is None:
        return known
    unknown = [name for name in given if name not in known]
    if unknown or len(set(given)) != len(given):
        raise ConfigError(f"{setting}={list(given)}: the annotations have {', '.join(known) or 'none'}")
    return tuple(given)


def _read_csv(path: Path) -> tuple[dict[str, ImageLabels], tuple[str, ...], tuple[str, ...]]:
    """Labels by image, and the names of structures (none) and landmarks."""
    labels: dict[str, ImageLabels] = {}
    names: dict[str, None] = {}
    for number, row in enumerate(read_rows(path, _CSV), 2):
        image, name, subject = row.get("image", ""), row.get("landmark", ""), row.get("subject", "")
        if not image or not name or "column" not in row or "row" not in row:
            raise InputError(path, f"line {number} has no image or no landmark", _CSV)
        place = _place(row["column"], row["row"], path, number)
        size = _size(row, path, number)
        entry = labels.setdefault(image, ImageLabels(subject=subject, size=size))
        if name in entry.points or (entry.subject, entry.size) != (subject, size):
            what = "the landmark" if name in entry.points else "another subject or size"
            raise InputError(path, f"line {number} gives its image {what} for the second time", "keep one of the lines")
        entry.points[name] = place
        names[name] = None
    return labels, (), tuple(names)


def _size(row: Mapping[str, str], path: Path, number: int) -> tuple[int, int] | None:
    words = (row.get("height", ""), row.get("width", ""))
    if words == ("", ""):
        return None
    if not all(word.isdecimal() for word in words):
        raise InputError(path, f"line {number} has a width or height that is no number", "give pixels, or neither")
    return int(words[0]), int(words[1])


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
