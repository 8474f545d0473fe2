"""What the hip archives share: names in the order of the hip task, the detector, folds by specimen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthex.core import ConfigError, InputError
from synthex.core.arrays import Flags, Landmarks2

STRUCTURES = ("hip_left", "hip_right", "vertebrae", "sacrum", "femur_left", "femur_right")
"""Label values 1 to 6: left and right hemipelvis, vertebrae, upper sacrum, left and right femur."""

LANDMARKS = tuple(
    f"{point}-{side}" for point in ("FH", "GSN", "IOF", "MOF", "SPS", "IPS", "ASIS") for side in ("l", "r")
)
"""As the files spell them; they may hold others (PSIS, PIIS), in any order: landmarks are found by name."""

STUDY = (
    "the hip images of the SyntheX study are linked from the README of github.com/arcadelab/SyntheX; "
    "its 4x files and folders hold land-names, specimens 01 to 06 with projs, segs and lands"
)

DEEPFLUORO = "the IPCAI 2020 hip data set has the DOI 10.7281/T1/IFSXNV"

DETECTOR_MM, DETECTOR_PIXELS, BORDER = 0.194, 1536, 50
"""Pitch and side of the detector, and the border that is cut on every side (the collimator's edge)."""

SPLITS = ("all", "train", "test")


def names_or(given: Sequence[str] | None, default: tuple[str, ...], setting: str) -> tuple[str, ...]:
    """Names that an argument gives, or those of the hip task.

    Raises:
        ConfigError: A name is there twice.
    """
    names = default if given is None else tuple(given)
    if len(set(names)) != len(names):
        raise ConfigError(f"{setting}={list(names)}: a name is there twice")
    return names


FARTHEST = 20
"""Sides of the image beyond which no landmark of a patient lies outside it (our choice): the number is damaged."""


def points_in(points: Landmarks2, shape: tuple[int, int], path: Path, what: str) -> tuple[Landmarks2, Flags]:
    """Points with pixel centres at +0.5, NaN where they lie outside, and whether they lie inside.

    Args:
        points: (column, row), pixel centres at +0.5.
        shape: Rows and columns of the image.
        path: File they are from, and
        what: whose they are, for the error.

    Raises:
        InputError: One is so far away that it cannot be a place on a patient.
    """
    height, width = shape
    if points.size and np.abs(points).max() > FARTHEST * max(shape):
        raise InputError(path, f"{what} has a landmark {np.abs(points).max():.3g} pixels away", "restore the file")
    visible = np.all((points >= 0) & (points <= (width, height)), axis=1)
    return np.where(visible[:, None], points, np.nan), visible


def downsampling_of(side: int) -> int:
    """By how much images of ``side`` pixels were reduced, from the 1436 that the cut detector has.

    Files of one factor differ by a pixel (359 or 360 at 4x, 179.5 rounded up at 8x).

    Raises:
        ConfigError: No factor gives such a side.
    """
    whole = DETECTOR_PIXELS - 2 * BORDER
    factor = max(1, round(whole / side))
    if abs(side - whole / factor) > 1:
        raise ConfigError(
            f"images of {side} pixels are no whole fraction of the detector's {whole}; give real.pixel_mm"
        )
    return factor


def check_fold(fold: int | None, split: str) -> None:
    """Refuse a fold without its part, and a part without its fold.

    Raises:
        ConfigError: They do not go together.
    """
    if split not in SPLITS:
        raise ConfigError(f"split={split}: choose one of {', '.join(SPLITS)}")
    if (fold is None) != (split == "all") or isinstance(fold, bool):
        raise ConfigError(f"fold={fold} and split={split}: give a fold with split=train or test, or neither")


def left_out(specimens: Sequence[str], fold: int | None, split: str, path: Path) -> list[str]:
    """Specimens of a part of a fold; the fold is the number of the one that is left out for testing.

    Raises:
        ConfigError: There is no specimen of that number.
    """
    if fold is None:
        return list(specimens)
    held = [name for name in specimens if name.isdecimal() and int(name) == fold]
    if not held:
        raise ConfigError(f"fold={fold}: {path} has the specimens {', '.join(specimens)}")
    return held if split == "test" else [name for name in specimens if name not in held]
