"""QaTa-COV19 chest radiographs in the study's folders, or any folder of images beside one of lesion masks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, InputError, Sample
from synthex.data.real.covid_cxr import PIXEL_MM
from synthex.data.real.files import files_of, paired, plausible_pitch, read_image, read_mask
from synthex.data.real.pictures import PICTURES
from synthex.data.real.subjects import case_id, subjects_of
from synthex.data.real.tool_layout import SPLITS

IMAGES, MASKS = "proj", "seg"
REAL, SIMULATED = "QaTa-COV19", "imageng_data"

WHERE = (
    "give the folder with Fold1 to Fold5 of the SyntheX study's COVID-19 archive, which the README of "
    "github.com/arcadelab/SyntheX links to, or real.images and real.masks, a folder each"
)


@dataclass(frozen=True)
class _Case:
    case_id: str
    subject_id: str
    image: Path
    mask: Path


class QataCov19:
    """Chest radiographs with a lesion mask each.

    The study's archive holds ``QaTa-COV19/Fold{1..5}/{train,valid,test}/`` and ``imageng_data/{train,valid}/``
    (simulated), each with ``proj/00000.png`` (8-bit grey) and ``seg/00000.png`` (0 and 255) by the same name. The
    data set's own folders, and any others, are read with ``images`` and ``masks``.

    Masks are cut at half. The study's training took values between 0 and 255 for neither class, its scoring
    took all above 0 for lesion; files with 0 and 255 alone are the same under all three.

    Nothing says whose an image is: without a list of subjects the images of a fold are one cluster, so that intervals
    do not count them as independent. Masks are of lesions only; domain as :class:`synthex.data.real.CovidCxr` has it.

    **Licence.** None is known to us: see the data set's own terms before anything is published.

    Args:
        root: The archive, its ``QaTa-COV19``, a folder with ``proj`` and ``seg``, or what ``images`` is in.
        fold: Number of a fold; ``all`` for all folds one after the other; None for the simulated images.
        split: ``train``, ``valid`` or ``test``.
        images: Folder of images below ``root``, and
        masks: of masks; then ``fold`` and ``split`` mean nothing.
        mask_name: Name of an image's mask, ``{name}`` standing for the image's.
        subjects: CSV with the columns ``case`` and ``subject``; None takes ``subjects.csv`` in ``root``.
        pixel_mm: Nominal pixel pitch, for these pictures do not say theirs.

    Raises:
        InputError: A file is missing, does not belong or cannot be used.
        ConfigError: An argument cannot be used.
    """

    structures: tuple[str, ...] = ("lesion",)
    landmarks: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        fold: int | str | None = "all",
        split: str = "test",
        images: str | None = None,
        masks: str | None = None,
        mask_name: str = "{name}",
        subjects: str | Path | None = None,
        pixel_mm: float | int = PIXEL_MM,
    ) -> None:
        self._pixel_mm = plausible_pitch(pixel_mm)
        if split not in SPLITS:
            raise ConfigError(f"split={split}: choose one of {', '.join(SPLITS)}")
        if (images is None) != (masks is None):
            raise ConfigError("images and masks: give both folders, or none for the study's")
        if mask_name.count("{name}") != 1:
            raise ConfigError(f"mask_name={mask_name}: it needs {{name}} once, for the image's name")
        root = Path(root).expanduser()
        if not root.is_dir():
            raise InputError(root, "there is no such folder", WHERE)
        parts = {"": root} if images is not None or (root / IMAGES).is_dir() else _parts(root, fold, split)
        cases = []
        for prefix, folder in parts.items():
            subject = prefix.split("-")[0] or "images"
            for name, pair in _pairs(folder / (images or IMAGES), folder / (masks or MASKS), mask_name).items():
                told = f"{prefix}-{name}" if prefix else name
                cases.append(((case_id(prefix, name), told, subject), pair))
        named = subjects_of([case for case, _ in cases], root, subjects)
        self._cases = tuple(_Case(case[0], subject, *pair) for (case, pair), subject in zip(cases, named, strict=True))

    def case_ids(self) -> tuple[str, ...]:
        """All cases, fold by fold, in order of their names."""
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
        return Sample(
            case_id=case.case_id,
            subject_id=case.subject_id,
            image=image,
            domain="log",
            masks=read_mask(case.mask, (height, width))[None],
            landmarks=np.zeros((0, 2)),
            visible=np.zeros(0, dtype=bool),
            annotated=np.zeros(0, dtype=bool),
            pixel_mm=self._pixel_mm,
        )


def _pairs(images: Path, masks: Path, mask_name: str) -> Mapping[str, tuple[Path, Path]]:
    """Image and mask by the image's name."""
    found = files_of(images, PICTURES, WHERE)
    if not found:
        raise InputError(images, "holds no picture", WHERE)
    before, after = mask_name.split("{name}")
    named: dict[str, Path] = {}
    for stem, path in files_of(masks, PICTURES, WHERE).items():
        if not (stem.startswith(before) and stem.endswith(after) and len(stem) > len(before) + len(after)):
            raise InputError(path, f"is not named {mask_name}", "give mask_name, or move the file away")
        named[stem[len(before) : len(stem) - len(after)]] = path
    paired(found, named, "mask")
    return {name: (path, named[name]) for name, path in found.items()}


def _parts(root: Path, fold: int | str | None, split: str) -> dict[str, Path]:
    """Folders that hold ``proj`` and ``seg``, by the prefix of their cases."""
    if fold is None:
        if split == "test":
            raise ConfigError("split=test: the simulated images are split into train and valid")
        base = root / SIMULATED if (root / SIMULATED).is_dir() else root
        return {f"sim-{split}": base / split}
    if isinstance(fold, bool) or not (fold == "all" or (isinstance(fold, int) and fold > 0)):
        raise ConfigError(f"fold={fold}: give the number of a fold, all, or null for the simulated images")
    base = root / REAL if (root / REAL).is_dir() else root
    folds = {int(p.name[4:]): p for p in sorted(base.glob("Fold*")) if p.is_dir() and p.name[4:].isdecimal()}
    if not folds:
        raise InputError(root, f"has no Fold1 and no {IMAGES}", WHERE)
    missing = [number for number in range(1, max(folds) + 1) if number not in folds]
    if fold == "all" and missing:
        raise InputError(root, f"has Fold{max(folds)} but no Fold{missing[0]}", "restore it, or choose one fold")
    if fold != "all" and fold not in folds:
        raise ConfigError(f"fold={fold}: {root} has the folds {', '.join(map(str, sorted(folds)))}")
    return {f"fold{n}-{split}": folds[n] / split for n in sorted(folds) if fold in ("all", n)}
