"""How often 95 % intervals of shares and overlaps miss the truth: few subjects, rare failures, simulated studies.

python benchmarks/intervals.py benchmarks/results/share_intervals.csv
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from synthex.metrics import bootstrap_mean_ci, describe

STUDIES, RESAMPLES = 600, 1000
FAILING = 1 / 12
"""Share of the subjects that fail in the laws with rare failures."""

Law = Callable[[np.random.Generator, int, int], np.ndarray]


def alike(rng: np.random.Generator, subjects: int, images: int) -> np.ndarray:
    """Zeros and ones; the subjects' shares are near each other, 30 of 31 on average."""
    return (rng.random((subjects, images)) < rng.beta(30, 1, subjects)[:, None]).astype(float)


def failing(rng: np.random.Generator, subjects: int, images: int) -> np.ndarray:
    """Zeros and ones; one subject of twelve has 0.3, all others 0.995."""
    shares = np.where(rng.random(subjects) < FAILING, 0.3, 0.995)
    return (rng.random((subjects, images)) < shares[:, None]).astype(float)


def overlaps(rng: np.random.Generator, subjects: int, images: int) -> np.ndarray:
    """Values like a Dice, 0.9 give or take 0.03 and in one subject of twelve 0.2."""
    centres = np.where(rng.random(subjects) < FAILING, 0.2, 0.9)
    return np.clip(centres[:, None] + rng.normal(0, 0.03, (subjects, images)), 0, 1)


LAWS: dict[str, tuple[Law, float]] = {
    "share, subjects alike": (alike, 30 / 31),
    "share, one subject of 12 fails": (failing, FAILING * 0.3 + (1 - FAILING) * 0.995),
    "overlap, one subject of 12 fails": (overlaps, FAILING * 0.2 + (1 - FAILING) * 0.9),
}


def measured(law: str, subjects: int, images: int) -> list[object]:
    """Share of the studies that miss the truth and the median width, of the studentized interval and of ours."""
    draw, truth = LAWS[law]
    names = [f"{number:03d}" for number in np.repeat(np.arange(subjects), images)]
    missed, widths = np.zeros((STUDIES, 2)), np.zeros((STUDIES, 2))
    for study in range(STUDIES):
        values = draw(np.random.default_rng((study, subjects, images)), subjects, images).ravel()
        rough = bootstrap_mean_ci(
            values, names, np.random.default_rng(study), resamples=RESAMPLES, method="studentized"
        )
        ours = describe(values, names, np.random.default_rng(study), (0, 1)).ci95
        for column, (low, high) in enumerate(((max(rough.low, 0), min(rough.high, 1)), (ours.low, ours.high))):
            missed[study, column] = not low - 1e-9 <= truth <= high + 1e-9
            widths[study, column] = high - low
    both = zip(missed.mean(axis=0), np.median(widths, axis=0), strict=True)
    return [law, subjects, images, *(f"{value:.3f}" for pair in both for value in pair)]


if __name__ == "__main__":
    header = [
        "values",
        "subjects",
        "images_each",
        "studentized_missed",
        "studentized_width",
        "ours_missed",
        "ours_width",
    ]
    rows = [measured(law, subjects, 10) for law in LAWS for subjects in (6, 12, 39)]
    with Path(sys.argv[1]).open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
