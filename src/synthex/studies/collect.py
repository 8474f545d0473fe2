"""Figures of a study's cells, from the tables that the evaluations of their jobs have written."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import InputError, derive_rng, text_of_cell
from synthex.core.documents import read_text
from synthex.metrics import describe
from synthex.studies.expand import Cell, combinations, folds_of, pending
from synthex.studies.schema import Published, Size, Study

ERRORS = ("landmark_error_mm", "landmark_error_mm_all")
"""Quantities without an upper bound; all others are shares, in [0, 1]."""


@dataclass(frozen=True)
class Found:
    """One figure of one combination of axis values on one test set.

    Attributes:
        values: Axis to value.
        test: Test set.
        figure: Quantity, or ``quantity/name`` of one landmark or structure.
        state: ``done``, ``partial`` (some folds or seeds are missing), ``missing``, or why it is pending.
        done: Jobs that are finished.
        wanted: Jobs that there are.
        count: Values that were averaged.
        mean: Over all cases of all folds and seeds together, as in the paper; NaN without any.
        std: Population standard deviation of the same values.
        ci_low: 95 % bootstrap interval of the mean by subject; NaN with few subjects.
        ci_high: Its upper end.
        seed_means: The mean over all folds, for each seed whose folds are all done.
        published: What others published for this cell, if they did.
    """

    values: Mapping[str, str]
    test: str
    figure: str
    state: str
    done: int
    wanted: int
    count: int
    mean: float
    std: float
    ci_low: float
    ci_high: float
    seed_means: tuple[float, ...]
    published: tuple[float, float | None, float | None] | None

    @property
    def seed_std(self) -> float:
        """Standard deviation (ddof 1) over seeds; NaN with fewer than two."""
        return float(np.std(self.seed_means, ddof=1)) if len(self.seed_means) > 1 else math.nan


def collect(study: Study, size: Size, folders: Mapping[Cell, Path] | Iterable[tuple[Cell, Path]]) -> list[Found]:
    """Every figure of every combination, finished or not, in the order of the tables.

    Args:
        study: The study.
        size: One of its sizes.
        folders: Finished cells and the folders of their jobs.

    Raises:
        InputError: A finished job's table is missing or damaged.
    """
    finished = list(folders.items() if isinstance(folders, Mapping) else folders)
    found = []
    for test in size.tests:
        for values in combinations(study, size):
            mine = [(cell, path) for cell, path in finished if dict(cell.values) == values]
            read = [(cell, _read(path / "predictions" / test / "evaluation")) for cell, path in mine]
            for figure in _all_figures(study, read, values, test):
                found.append(_figure(study, size, values, test, figure, read))
    return found


def _all_figures(
    study: Study, read: Sequence[tuple[Cell, "_Values"]], values: Mapping[str, str], test: str
) -> list[str]:
    """Those that the layout names, and beside published ones of single names the same of ours."""
    published = [one.figures for one in study.published if _is_for(one, values, test)]
    return list(dict.fromkeys([*study.layout.figures, *(name for figures in published for name in figures)]))


def _is_for(one: Published, values: Mapping[str, str], test: str) -> bool:
    return one.test == test and all(values[axis] == value for axis, value in one.cell.items())


def _figure(
    study: Study,
    size: Size,
    values: Mapping[str, str],
    test: str,
    figure: str,
    read: Sequence[tuple[Cell, "_Values"]],
) -> Found:
    quantity, _, name = figure.partition("/")
    rows = [
        (cell.seed, f"{cell.fold}/{subject}", value)
        for cell, table in read
        for other, subject, value in table.get(quantity, ())
        if not name or other == name
    ]
    numbers = np.array([value for _, _, value in rows], dtype=np.float64)
    bounds = (0.0, math.inf) if quantity in ERRORS else (0.0, 1.0)
    found = describe(numbers, [subject for _, subject, _ in rows], derive_rng("study", figure), bounds)
    folds = folds_of(study, size, values)
    complete = [seed for seed in size.seeds if sum(cell.seed == seed for cell, _ in read) == len(folds)]
    means = [float(np.mean(own)) for seed in complete if (own := [value for one, _, value in rows if one == seed])]
    wanted = len(folds) * len(size.seeds)
    state = pending(study, values)
    if state is None:
        state = "done" if len(read) == wanted else "partial" if read else "missing"
    published = next(
        (one.figures[figure] for one in study.published if figure in one.figures and _is_for(one, values, test)), None
    )
    return Found(
        dict(values), test, figure, state, len(read), wanted, found.count, found.mean, found.std,
        found.ci95.low, found.ci95.high, tuple(means), published,
    )  # fmt: skip


_Values = dict[str, list[tuple[str, str, float]]]
"""Quantity to name (of a landmark or structure), subject and value of every case that has one."""


def _read(folder: Path) -> _Values:
    """Values of the tables of ``synthex evaluate``: errors of detected landmarks, detections, scores of masks."""
    values: _Values = {}
    landmarks, masks = folder / "landmarks.csv", folder / "dice.csv"
    if not landmarks.exists() and not masks.exists():
        raise InputError(folder, "holds no table of an evaluation", "delete the job's folder and run the study again")
    try:
        for row in _rows(landmarks):
            for quantity, value in _landmark_values(row):
                values.setdefault(quantity, []).append((row["landmark"], row["subject_id"], value))
        for row in _rows(masks):
            for name, text in row.items():
                if name not in _NO_SCORES and text:
                    values.setdefault(name, []).append((row["structure"], row["subject_id"], float(text)))
    except (KeyError, ValueError, TypeError) as error:
        problem = f"holds a damaged table ({error})"
        raise InputError(folder, problem, "delete the job's folder and run the study again") from error
    return values


def _landmark_values(row: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """The quantities of one landmark in one case: of a visible one, or of one known to be out of the image."""
    if row["annotated"] != "1":
        return
    present = row["present"] == "1"
    yield "detection_rate" if row["visible"] == "1" else "false_detection_rate", float(present)
    if row["visible"] != "1":
        return
    if present and row["error_mm"]:
        yield "landmark_error_mm", float(row["error_mm"])
    if row.get("error_mm_all"):  # earlier versions had no such column
        yield "landmark_error_mm_all", float(row["error_mm_all"])


_NO_SCORES = (
    *("case_id", "subject_id", "structure"),
    *("true_positives", "false_positives", "false_negatives", "true_negatives"),
)
"""Columns of ``dice.csv`` that are no scores."""


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    remedy = "evaluate the run again"
    try:
        rows = csv.DictReader(io.StringIO(read_text(path, remedy), newline=""))
        return [
            {key: text_of_cell(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in rows
        ]
    except csv.Error as error:
        raise InputError(path, "is no table", remedy) from error
