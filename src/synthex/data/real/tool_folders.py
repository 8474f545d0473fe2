"""The study's surgical tool images, and whatever has their layout, as a :class:`synthex.core.Reader`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import ConfigError, Domain, InputError, Sample
from synthex.core.arrays import Image, Landmarks2
from synthex.core.documents import read_json
from synthex.data.real.files import as_image, check_mask
from synthex.data.real.hdf5 import numbers, open_h5
from synthex.data.real.pictures import decode
from synthex.data.real.subjects import case_id, subjects_of
from synthex.data.real.tool_layout import SIDECAR, CaseFiles, Part, find_parts, list_cases

NOT_ANNOTATED = -1.0
"""Coordinate that the archive gives to points nobody annotated."""

PIXEL_MM = 0.5804
"""The factor of the study's error in mm, pixels of 480 x 480 images."""

STRUCTURES, LANDMARK_NAMES = ("manipulator",), ("base", "tip")

FARTHEST = 100
"""Image sizes from the corner beyond which a landmark is damage: our choice, far beyond any tool in a room."""

_RESTORE = "restore the file"


@dataclass(frozen=True)
class _Case:
    case_id: str
    subject_id: str
    name: str
    files: CaseFiles
    stored: Mapping[str, Any]


class ToolFolders:
    """Images of a surgical tool in the study's folders: one mask, and landmarks ``ld1``, ``ld2``, ….

    A landmark at -1 is *not annotated*, one at another place outside the image is *absent*. Coordinates in the
    files are (column, row) with pixel centres at integers; half a pixel is added on reading.

    The archive does not say which specimen an image shows. Without a list of subjects the images of one fold are
    taken as one cluster, so that intervals do not count images of one specimen as independent; a specimen whose
    images lie in two folds stays in two clusters.

    Args:
        root: The archive (it holds ``real`` or ``sim``), a folder of folds, one fold, or a folder that holds
            ``proj``, ``seg`` and ``lands`` itself, for which ``fold`` and ``split`` mean nothing.
        fold: Number of a fold; ``all`` for all folds, one after the other (the study pools its five test
            folders); None for the simulated images.
        split: ``train``, ``valid`` or ``test`` (there are no simulated test images).
        subjects: CSV with the columns ``case`` (a case id, or fold, split and file) and ``subject``; None takes
            ``subjects.csv`` in ``root`` if there is one.
        structures: Name of the mask; None: what an export of ours says, else ``manipulator``.
        landmarks: Names of ``ld1``, ``ld2``, …; None: what an export of ours says, else ``base`` and ``tip``.
        pixel_mm: Pixel pitch, and
        domain: what pixels mean, where no export of ours says it. The archive's images are line integrals.

    Raises:
        InputError: A folder or file is missing, does not belong or cannot be used.
        ConfigError: An argument cannot be used.
    """

    def __init__(
        self,
        root: str | Path,
        fold: int | str | None = "all",
        split: str = "test",
        subjects: str | Path | None = None,
        structures: Sequence[str] | None = None,
        landmarks: Sequence[str] | None = None,
        pixel_mm: float | int = PIXEL_MM,
        domain: str = "log",
    ) -> None:
        if not (isinstance(pixel_mm, float | int) and math.isfinite(pixel_mm) and pixel_mm > 0):
            raise ConfigError(f"pixel_mm={pixel_mm}: give a length above 0 mm")
        self._domain = _domain(domain)
        self._pixel_mm = float(pixel_mm)
        root = Path(root).expanduser()
        self.parts = tuple(find_parts(root, fold, split))
        said = {part: _read_sidecar(part) for part in self.parts}
        self.structures = _names(structures, [s.get("structures", STRUCTURES) for s in said.values()], "structures")
        self.landmarks = _names(landmarks, [s.get("landmarks", LANDMARK_NAMES) for s in said.values()], "landmarks")
        if len(self.structures) != 1:
            raise ConfigError(f"structures={list(self.structures)}: this layout has one mask, give one name")
        cases = [case for part in self.parts for case in _cases(part, said[part])]
        named = subjects_of([(case.case_id, case.name, case.subject_id) for case in cases], root, subjects)
        self._cases = tuple(replace(case, subject_id=name) for case, name in zip(cases, named, strict=True))
        seen: dict[str, Path] = {}
        for case in self._cases:
            if case.case_id in seen:
                problem = f"is case {case.case_id}, as {seen[case.case_id]} is"
                raise InputError(case.files.image, problem, "export one of the two folders again with another seed")
            seen[case.case_id] = case.files.image

    def case_ids(self) -> tuple[str, ...]:
        """All cases, part by part, in order of their names."""
        return tuple(case.case_id for case in self._cases)

    def named_files(self) -> dict[str, Path]:
        """The image of every case."""
        return {case.case_id: case.files.image for case in self._cases}

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> Sample:
        case = self._cases[index]
        stored = case.stored
        image = _read_tiff(case.files.image)
        mask = _read_tiff(case.files.mask)
        if mask.shape != image.shape:
            problem = f"has {_size(mask)} pixels, its image {_size(image)}"
            raise InputError(case.files.mask, problem, "give both the same size")
        check_mask(case.files.mask, mask)
        points = _read_landmarks(case.files.landmarks, len(self.landmarks))
        if (np.abs(points) > FARTHEST * max(image.shape)).any():
            problem = f"has a landmark more than {FARTHEST} image sizes away"
            raise InputError(case.files.landmarks, problem, "write [column, row] in pixels, -1 where not annotated")
        # The study's scoring drops a pair where either coordinate is -1.
        annotated = (points != NOT_ANNOTATED).all(axis=1)
        points += 0.5
        height, width = image.shape
        visible = annotated & ((points >= 0) & (points <= (width, height))).all(axis=1)
        points[~visible] = np.nan
        return Sample(
            case_id=case.case_id,
            subject_id=case.subject_id,
            image=image,
            domain=_domain(stored.get("domain", self._domain)),
            masks=(mask > 0)[None],
            landmarks=points,
            visible=visible,
            annotated=annotated,
            pixel_mm=float(stored.get("pixel_mm", self._pixel_mm)),
            magnification=float(stored.get("magnification", 1.0)),
            record=stored.get("record", {}),
            masks_annotated=np.array([stored.get("mask_annotated", True)], dtype=bool),
        )


def _domain(name: str) -> Domain:
    if name == "log":
        return "log"
    if name == "intensity":
        return "intensity"
    raise ConfigError(f"domain={name}: choose log (bone bright) or intensity (bone dark)")


def _names(given: Sequence[str] | None, said: Sequence[Sequence[str]], kind: str) -> tuple[str, ...]:
    if given is not None:
        # Texts are sequences too, of letters; and configs hand over lists of their own type.
        if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(n, str) for n in given):
            raise ConfigError(f"{kind}={given}: give a list of names")
        return tuple(given)
    if any(tuple(names) != tuple(said[0]) for names in said):
        raise ConfigError(f"the folders have different {kind}: {' and '.join(', '.join(names) for names in said[:2])}")
    return tuple(said[0])


def _read_sidecar(part: Part) -> dict[str, Any]:
    """What an export says about its cases; empty for the study's own folders."""
    path = part.folder / SIDECAR
    if not path.exists():
        return {}
    remedy = "write the folder again with `synthex simulate`"
    document: dict[str, Any] = read_json(path, remedy)
    try:
        for key in ("structures", "landmarks"):
            if not all(isinstance(name, str) for name in document[key]):
                raise ValueError(f"{key} are not names")
        for name, case in document["cases"].items():
            if not (isinstance(case["case_id"], str) and isinstance(case["subject_id"], str)):
                raise ValueError(f"case {name} has no ids")
            if case["domain"] not in ("log", "intensity") or not float(case["pixel_mm"]) > 0:
                raise ValueError(f"case {name} has no domain or pixel pitch")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        problem = f"cannot be read ({' '.join(str(error).split()) or type(error).__name__})"
        raise InputError(path, problem, remedy) from error
    return document


def _cases(part: Part, said: Mapping[str, Any]) -> list[_Case]:
    """The cases of a folder; ids are an export's own, else the file's name behind the fold and split."""
    found = list_cases(part.folder)
    told: Mapping[str, Any] = said.get("cases", {})
    lost = sorted(set(told) - {files.name for files in found})
    if lost:
        raise InputError(part.folder, f"has lost case {lost[0]}, which {SIDECAR} lists", "restore its files")
    cases = []
    for files in found:
        stored = told.get(files.name)
        if stored is None and told:
            raise InputError(files.image, f"is not listed in {SIDECAR}", "move the case's three files away")
        name = f"{part.prefix}-{files.name}" if part.prefix else files.name
        stored = stored or {}
        case = stored.get("case_id", case_id(part.prefix, files.name))
        cases.append(_Case(case, stored.get("subject_id", part.subject), name, files, stored))
    return cases


def _read_tiff(path: Path) -> Image:
    """One grey channel as float32; masks may be of one bit."""
    return as_image(path, decode(path), kinds="biuf")


def _read_landmarks(path: Path, count: int) -> Landmarks2:
    """L x 2 (column, row) as they are in the file."""
    points = np.zeros((count, 2))
    with open_h5(path, _RESTORE) as file:
        for index in range(count):
            key = f"ld{index + 1}"
            values = numbers(file, key, None, path, f"it needs ld1 to ld{count}, each [column, row]")
            if values.shape != (2,):
                raise InputError(
                    path, f"{key} is not two finite numbers", "write [column, row], -1 where not annotated"
                )
            points[index] = values
    return points


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}"
