"""Chest radiographs with lesion and lung masks: any folder with ``images``, ``labels`` and ``index.csv``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, InputError, Sample
from synthex.core.documents import whole_number
from synthex.data.real.files import files_of, plausible_pitch, read_image, read_mask
from synthex.data.real.pictures import PICTURES
from synthex.data.real.subjects import case_id, numbered, read_rows

IMAGES, LABELS, INDEX = "images", "labels", "index.csv"
SPLITS = ("all", "train", "test")

PIXEL_MM = 0.35
"""Nominal pitch where a folder does not say one: a 35 cm wide film over 1000 columns. Our choice; no score of masks
depends on it, and nothing measured in mm may be taken from such a folder."""

LUNGS = ("lung_left", "lung_right")

WHERE = (
    "give a folder with images/ID.png, labels/ID_lesion.png (and ID_lung_left.png, ID_lung_right.png) and index.csv "
    "with the columns image_id and patient_id; such masks are published at "
    "github.com/GeneralBlockchain/covid-19-chest-xray-segmentations-dataset"
)

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COUNTED = re.compile(r"d\d{3}")
"""Ids of the project's own folder, which count from d001."""


@dataclass(frozen=True)
class _Case:
    case_id: str
    subject_id: str
    image: Path
    masks: tuple[tuple[Path, ...], ...]
    size: tuple[int | None, int | None]
    unlabelled: tuple[str, ...]


class CovidCxr:
    """Images, masks and patients of a folder in the layout of the project's COVID-19 chest radiographs.

    ``images/ID.png`` are 8-bit grey (other depths and JPEG are read too), ``labels/ID_<name>.png`` have the same size
    and the values 0 and 255. ``index.csv`` has the columns ``image_id`` and ``patient_id``, and where there are
    folds ``fold``. Columns ``width`` and ``height`` are held against the images. Where a column ``has_<name>`` says 0,
    a mask may be missing: it is then not annotated and ``record["unlabelled"]`` names its structure.

    **Domain.** The images are processed 8-bit pictures of unknown grey curve. They show bone bright, so they are given
    as ``log``, which is true up to a monotone curve only: values are grey levels, not line integrals.

    **Privacy.** Patients are numbered in the order of their ids, and images whose ids are not those of the project's
    own folder (``d001``) are named by a digest.

    **Licence.** The masks of the folder that this layout is from are CC BY 4.0 (their repository); the images keep the
    licence of where each is from, column ``licence`` of its ``index.csv``, and about half state none.

    Args:
        root: The folder.
        fold: Number of a fold (a patient's images share one), or None.
        split: ``test`` is the fold, ``train`` all others; without a fold ``all``.
        structures: Names of the masks, or a mapping from names to the masks that are united under them
            (``{lesion: [lesion], lungs: [lung_left, lung_right]}``). None takes every kind of mask that the
            folder has, ``lesion`` first. A name ``lungs`` in a list is the union of the two lungs.
        pixel_mm: Nominal pixel pitch, for these pictures do not say theirs.

    Raises:
        InputError: A file is missing, does not belong or cannot be used.
        ConfigError: An argument cannot be used.
    """

    landmarks: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        fold: int | None = None,
        split: str = "all",
        structures: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        pixel_mm: float | int = PIXEL_MM,
    ) -> None:
        if split not in SPLITS:
            raise ConfigError(f"split={split}: choose one of {', '.join(SPLITS)}")
        if (fold is None) != (split == "all"):
            raise ConfigError(f"fold={fold} and split={split}: give a fold with split=train or test, or neither")
        self._pixel_mm = plausible_pitch(pixel_mm)
        root = Path(root).expanduser()
        rows = _rows(root)
        images = files_of(root / IMAGES, PICTURES, WHERE)
        labels = files_of(root / LABELS, PICTURES, WHERE)
        kinds = _kinds(labels, rows, root)
        self._parts = _parts(structures, kinds)
        self.structures = tuple(self._parts)
        for identity in images:
            if identity not in rows:
                raise InputError(images[identity], f"is not listed in {INDEX}", "add its line, or move the image away")
        self._patients = numbered((row["patient_id"] for row in rows.values()), "patient")
        chosen = {identity: row for identity, row in rows.items() if _belongs(row, fold, split)}
        if fold is not None:
            _check_folds(rows, fold, root / INDEX)
        self._cases = tuple(self._case(root, identity, row, images, labels) for identity, row in chosen.items())

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the order of ``index.csv``."""
        return tuple(case.case_id for case in self._cases)

    def named_files(self) -> dict[str, Path]:
        """The image of every case."""
        return {case.case_id: case.image for case in self._cases}

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> Sample:
        case = self._cases[index]
        image = read_image(case.image)
        height, width = image.shape
        for said, found, name in zip(case.size, (width, height), ("width", "height"), strict=True):
            if said is not None and said != found:
                problem = f"has the {name} {found}, {INDEX} says {said}"
                raise InputError(case.image, problem, "restore the image, or correct its line")
        masks = np.zeros((len(case.masks), height, width), dtype=bool)
        for channel, paths in enumerate(case.masks):
            for path in paths:
                masks[channel] |= read_mask(path, (height, width))
        return Sample(
            case_id=case.case_id,
            subject_id=case.subject_id,
            image=image,
            domain="log",
            masks=masks,
            landmarks=np.zeros((0, 2)),
            visible=np.zeros(0, dtype=bool),
            annotated=np.zeros(0, dtype=bool),
            pixel_mm=self._pixel_mm,
            record={"unlabelled": list(case.unlabelled)} if case.unlabelled else {},
            masks_annotated=np.array([name not in case.unlabelled for name in self.structures], dtype=bool),
        )

    def _case(
        self,
        root: Path,
        identity: str,
        row: Mapping[str, str],
        images: Mapping[str, Path],
        labels: Mapping[str, Path],
    ) -> _Case:
        if identity not in images:
            raise InputError(root / INDEX, f"lists {identity}, which {IMAGES} does not hold", "restore the image")
        masks, unlabelled = [], []
        for structure, kinds in self._parts.items():
            paths = []
            for kind in kinds:
                path = labels.get(f"{identity}_{kind}")
                if path is not None:
                    paths.append(path)
                elif row.get(f"has_{kind}") == "0":
                    unlabelled.append(structure)
                else:
                    raise InputError(
                        images[identity],
                        f"has no {LABELS}/{identity}_{kind}.png",
                        f"restore it, or say has_{kind} = 0 in {INDEX}",
                    )
            masks.append(tuple(paths))
        size = (_count(row, "width", root / INDEX), _count(row, "height", root / INDEX))
        names = tuple(dict.fromkeys(unlabelled))
        patient = self._patients[row["patient_id"]]
        return _Case(case_id("", identity, _COUNTED), patient, images[identity], tuple(masks), size, names)


def _rows(root: Path) -> dict[str, dict[str, str]]:
    if not root.is_dir():
        raise InputError(root, "there is no such folder", WHERE)
    path = root / INDEX
    rows: dict[str, dict[str, str]] = {}
    for number, row in enumerate(read_rows(path, WHERE), 2):
        for column in ("image_id", "patient_id"):
            if not _SAFE.fullmatch(row.get(column, "")):
                remedy = "give letters, digits, dots, dashes and underscores"
                raise InputError(path, f"line {number} has no usable {column}", remedy)
        if row["image_id"] in rows:
            raise InputError(path, f"line {number} lists an image for the second time", "keep one line an image")
        rows[row["image_id"]] = row
    homes: dict[str, str] = {}
    for row in rows.values():
        home = row.get("fold", "")
        if homes.setdefault(row["patient_id"], home) != home:
            problem = f"has patient {row['patient_id']} in two folds"
            raise InputError(path, problem, "give all images of a patient one fold")
    return rows


def _kinds(labels: Mapping[str, Path], rows: Mapping[str, object], root: Path) -> tuple[str, ...]:
    """What follows the image's id in the names of the masks; the longest id wins, for one may begin another."""
    found = set()
    for stem, path in labels.items():
        owners = [identity for identity in rows if stem.startswith(f"{identity}_")]
        if not owners:
            raise InputError(path, f"belongs to no image of {INDEX}", "move it away, or add the image's line")
        found.add(stem[len(max(owners, key=len)) + 1 :])
    if not found:
        raise InputError(root / LABELS, "holds no mask", WHERE)
    return tuple(sorted(found, key=lambda kind: (kind != "lesion", kind)))


def _parts(
    structures: Sequence[str] | Mapping[str, Sequence[str]] | None, kinds: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    if structures is None:
        return {kind: (kind,) for kind in kinds}
    if isinstance(structures, Mapping):
        parts = {str(name): tuple(united) for name, united in structures.items()}
    else:
        parts = {name: LUNGS if name == "lungs" and name not in kinds else (name,) for name in structures}
    unknown = sorted({kind for united in parts.values() for kind in united} - set(kinds))
    if unknown or not parts or not all(parts.values()):
        raise ConfigError(f"structures={list(parts)}: the folder has the masks {', '.join(kinds)}")
    return parts


def _belongs(row: Mapping[str, str], fold: int | None, split: str) -> bool:
    return fold is None or (row.get("fold", "") == str(fold)) == (split == "test")


def _check_folds(rows: Mapping[str, Mapping[str, str]], fold: int, path: Path) -> None:
    """Refuse folds that the index does not have; a line without one would be trained on whatever the fold."""
    found = {row.get("fold", "") for row in rows.values()}
    if found == {""}:
        raise ConfigError(f"fold={fold}: {path} has no folds; leave fold and split away")
    if any(whole_number(name) is None for name in found):
        raise InputError(path, "has a line whose fold is no number", "give every image the number of a fold")
    if str(fold) not in found:
        raise ConfigError(f"fold={fold}: {path} has the folds {', '.join(sorted(found, key=int))}")


def _count(row: Mapping[str, str], column: str, path: Path) -> int | None:
    value = row.get(column, "")
    if not value:
        return None
    pixels = whole_number(value)
    if pixels is None:
        raise InputError(path, f"has the {column} {value[:20]!r} of image {row['image_id']}", "give whole pixels")
    return pixels
