"""Where the study's surgical tool archive keeps what: its folders and the three files of a case.

``sim/{train_data,valid_data}/`` and ``real/Fold{1..5}/{train,valid,test}/`` each hold ``proj/00000.tiff``,
``seg/00000.tiff`` and ``lands/00000.h5``, numbered from 0 (Gao et al., Nature Machine Intelligence 5:294-308, 2023,
and the code published with it).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthex.core import ConfigError, InputError
from synthex.data.real.files import files_of

IMAGES, MASKS, LANDMARKS = "proj", "seg", "lands"
SIDECAR = "synthex.json"
"""Beside the three folders in what synthex exports: what the study's files cannot say."""

SIM_FOLDERS = {"train": "train_data", "valid": "valid_data"}
SPLITS = ("train", "valid", "test")
TIFF, H5 = (".tiff", ".tif"), (".h5", ".hdf5")

WHERE = (
    "the surgical tool archive of the SyntheX study is linked from the README of github.com/arcadelab/SyntheX "
    "(section on data)"
)

_FOLD = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One folder of cases.

    Attributes:
        folder: Holds ``proj``, ``seg`` and ``lands``.
        prefix: Of its case ids (``fold1-test``), empty for a folder outside the archive's tree.
        subject: Cluster of its cases where nothing says the specimen.
    """

    folder: Path
    prefix: str
    subject: str


@dataclass(frozen=True)
class CaseFiles:
    """The three files of one case."""

    name: str
    image: Path
    mask: Path
    landmarks: Path


def is_tool_folder(path: Path) -> bool:
    """Whether ``path`` is an archive in this layout, one of its folds, or a folder of cases."""
    if not path.is_dir():
        return False
    if _has_cases(path) or _fold_number(path) is not None or _folds(path) or _folds(path / "real"):
        return True
    return any((base / name).is_dir() for base in (path, path / "sim") for name in SIM_FOLDERS.values())


def find_parts(root: Path, fold: int | str | None, split: str) -> list[Part]:
    """The folders that ``fold`` and ``split`` mean in ``root``, as :class:`ToolFolders` describes them.

    Raises:
        InputError: A folder is not there.
        ConfigError: ``fold`` or ``split`` cannot be used.
    """
    if split not in SPLITS:
        raise ConfigError(f"split={split}: choose one of {', '.join(SPLITS)}")
    if not (fold is None or fold == "all" or (isinstance(fold, int) and not isinstance(fold, bool) and fold > 0)):
        raise ConfigError(f"fold={fold}: give the number of a fold, all, or null for the simulated images")
    if not root.is_dir():
        raise InputError(root, "there is no such folder", f"give the unpacked archive: {WHERE}")
    if _has_cases(root):
        return [_part_of(root)]
    number = _fold_number(root)
    if number is not None:
        if isinstance(fold, int) and fold != number:
            raise ConfigError(f"fold={fold}: {root} is fold {number}; give the folder above it")
        return [_fold_part(root, number, split)]
    if fold is None:
        return [_sim_part(root, split)]
    return _real_parts(root, fold, split)


def all_parts(root: Path) -> list[Part]:
    """Every folder of cases in ``root``, simulated ones first, then fold by fold."""
    if _has_cases(root):
        return [_part_of(root)]
    candidates = [base / name for base in (root, root / "sim") for name in SIM_FOLDERS.values()]
    folds = [root] if _fold_number(root) is not None else list((_folds(root) or _folds(root / "real")).values())
    candidates += [fold / split for fold in folds for split in SPLITS]
    return [_part_of(folder) for folder in candidates if _has_cases(folder)]


def list_cases(folder: Path) -> list[CaseFiles]:
    """The cases of a folder in order of their names; the three files of a case have one name.

    Raises:
        InputError: A file is missing or does not belong.
    """
    images, masks = _by_name(folder / IMAGES, TIFF), _by_name(folder / MASKS, TIFF)
    points = _by_name(folder / LANDMARKS, H5)
    if not images:
        raise InputError(folder / IMAGES, "holds no TIFF image", f"unpack the archive again: {WHERE}")
    for found, kind, ending in ((masks, MASKS, TIFF[0]), (points, LANDMARKS, H5[0])):
        for name, path in images.items():
            if name not in found:
                raise InputError(
                    path, f"has no {kind}/{name}{ending}", "restore that file, or move the case's other files away"
                )
        for name, path in found.items():
            if name not in images:
                raise InputError(
                    path, f"belongs to no image (no {IMAGES}/{name}{TIFF[0]})", "restore the image, or move it away"
                )
    return [CaseFiles(name, images[name], masks[name], points[name]) for name in sorted(images)]


def _by_name(folder: Path, endings: tuple[str, ...]) -> Mapping[str, Path]:
    """Files of a folder of cases by stem."""
    if not folder.is_dir():
        raise InputError(folder, "is missing", f"a folder of cases holds {IMAGES}, {MASKS} and {LANDMARKS}; {WHERE}")
    return files_of(folder, endings, WHERE)


def _has_cases(folder: Path) -> bool:
    return (folder / IMAGES).is_dir()


def _fold_number(folder: Path) -> int | None:
    match = _FOLD.fullmatch(folder.resolve().name)
    return int(match[1]) if match and any((folder / split).is_dir() for split in SPLITS) else None


def _folds(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    found = ((_FOLD.fullmatch(path.name), path) for path in folder.iterdir() if path.is_dir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def _part_of(folder: Path) -> Part:
    """A folder of cases named by where it lies; a name that is not the archive's is nobody's business."""
    place = folder.resolve()
    match = _FOLD.fullmatch(place.parent.name)
    if match and place.name in SPLITS:
        return Part(folder, f"fold{match[1]}-{place.name}", f"fold{match[1]}")
    for split, name in SIM_FOLDERS.items():
        if place.name == name:
            return Part(folder, f"sim-{split}", f"sim-{split}")
    return Part(folder, "", "images")


def _fold_part(folder: Path, number: int, split: str) -> Part:
    if not _has_cases(folder / split):
        raise InputError(folder / split, f"has no folder {IMAGES}", f"restore it, or choose another split; {WHERE}")
    return Part(folder / split, f"fold{number}-{split}", f"fold{number}")


def _sim_part(root: Path, split: str) -> Part:
    if split not in SIM_FOLDERS:
        raise ConfigError(f"split={split}: the simulated images are split into {' and '.join(SIM_FOLDERS)}")
    for folder in (root / SIM_FOLDERS[split], root / "sim" / SIM_FOLDERS[split]):
        if _has_cases(folder):
            return Part(folder, f"sim-{split}", f"sim-{split}")
    problem = f"has neither {SIM_FOLDERS[split]}/{IMAGES} nor sim/{SIM_FOLDERS[split]}/{IMAGES}"
    raise InputError(root, problem, f"give the archive's root, or fold=all for its real images; {WHERE}")


def _real_parts(root: Path, fold: int | str, split: str) -> list[Part]:
    folds = _folds(root) or _folds(root / "real")
    if not folds:
        raise InputError(
            root,
            "has neither real/Fold1, Fold1 nor proj",
            f"give the archive's root, one of its folds or a folder with {IMAGES}, {MASKS} and {LANDMARKS}; {WHERE}",
        )
    missing = [number for number in range(1, max(folds) + 1) if number not in folds]
    if fold == "all" and missing:
        raise InputError(root, f"has Fold{max(folds)} but no Fold{missing[0]}", "restore it, or choose one fold")
    if fold != "all" and fold not in folds:
        raise ConfigError(f"fold={fold}: {root} has the folds {', '.join(map(str, folds))}")
    return [_fold_part(path, number, split) for number, path in folds.items() if fold in ("all", number)]
