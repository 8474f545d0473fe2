"""Several methods on the same cases: who is better, by how much, and who is as good as whom."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError, derive_rng
from synthex.evaluation.comparison_table import ComparisonTable, DifferenceRow, MethodRow
from synthex.evaluation.scores import Scores, bounds_of
from synthex.metrics import Comparison, Ratio, benjamini_hochberg, compare_paired, describe, holm, ratio_of_means

QUANTITIES = {
    "landmark_error_mm": "error of detected landmarks, mm",
    "landmark_error_mm_all": "landmark error with no miss dropped, mm",
    "dice": "Dice",
}
"""What :func:`compare_scores` compares: the key and what it is. Pairs of ``landmark_error_mm`` are landmarks that both
methods detect; the others are dropped and counted, so that no method gains by leaving out what is hard."""


@dataclass(frozen=True, eq=False)
class Figures:
    """One figure of each case and name, for several methods on the same cases.

    Attributes:
        quantity: Key of the figure.
        names: Landmarks or structures, one a column; a single empty name where there are none.
        subject_ids: Subject of each case.
        values: Method to its N x K figures; NaN where there is none.
        bounds: Smallest and largest value that the figure can have.
        trivial: The same of trivial predictors: each method is compared with them, they are not with each other.
        unpooled: Those of them that answer for some of the names only, and are in no pair of all names.
    """

    quantity: str
    names: tuple[str, ...]
    subject_ids: tuple[str, ...]
    values: Mapping[str, Float[np.ndarray, "N K"]]
    bounds: tuple[float, float] = (-math.inf, math.inf)
    trivial: Mapping[str, Float[np.ndarray, "N K"]] = field(default_factory=dict)
    unpooled: tuple[str, ...] = ()


def compare_scores(
    scores: Mapping[str, Scores],
    margins: Mapping[str, float | int] | None = None,
    *,
    shared_cases: bool = False,
    seed: int = 0,
    resamples: int = 4000,
) -> ComparisonTable:
    """Compare methods that were scored on one dataset, in landmark error and Dice (:data:`QUANTITIES`).

    Args:
        scores: Method to its scores; at least two.
        margins: Key of a quantity to the difference that does not matter, for the tests of equivalence; a quantity
            without one is not tested for it.
        shared_cases: Compare on the cases that all methods have, instead of refusing other sets of cases.
        seed: Of the bootstrap.
        resamples: Number of its replicates.

    Raises:
        ConfigError: Fewer than two methods, other cases, names or truth, or a margin that is not positive or is of an
            unknown quantity.
    """
    aligned = align(scores, shared_cases)
    unknown = sorted(set(margins or {}) - set(QUANTITIES))
    if unknown:
        raise ConfigError(f"there is no quantity {unknown[0]}; margins are of {', '.join(QUANTITIES)}")
    one = next(iter(aligned.values()))[0]
    rows = next(iter(aligned.values()))[1]
    subjects = tuple(one.subject_ids[index] for index in rows)
    parts = []
    for quantity in QUANTITIES:
        names = one.structures if quantity == "dice" else one.landmarks
        if names:
            values = {method: _table(found, quantity)[index] for method, (found, index) in aligned.items()}
            figures = Figures(quantity, names, subjects, values, bounds_of(quantity))
            parts.append(compare_figures(figures, (margins or {}).get(quantity), seed=seed, resamples=resamples))
    return ComparisonTable(
        tuple(scores),
        len(rows),
        len(set(subjects)),
        tuple(row for part in parts for row in part.figures),
        tuple(row for part in parts for row in part.differences),
    )


def compare_figures(
    figures: Figures, margin: float | int | None = None, *, seed: int = 0, resamples: int = 4000
) -> ComparisonTable:
    """Compare methods in any figure of cases (F2, sensitivity, ...), with each other and with trivial predictors.

    Args:
        figures: Of at least two methods, or of a method and a trivial predictor.
        margin: Difference that does not matter; None tests no equivalence.
        seed: Of the bootstrap.
        resamples: Number of its replicates.

    Raises:
        ConfigError: There is no pair, tables have another shape, or a margin is not positive.
    """
    everyone = {**figures.values, **figures.trivial}
    shape = (len(figures.subject_ids), len(figures.names))
    if not figures.values or len(everyone) < 2:
        raise ConfigError(f"a comparison needs at least two methods, got {len(figures.values)}")
    for method, values in everyone.items():
        if values.shape != shape:
            raise ConfigError(f"{method} has {figures.quantity} of shape {values.shape}, {shape} are compared")
    if margin is not None and not 0 < margin < math.inf:
        raise ConfigError(f"the margin of {figures.quantity} must be positive, got {margin}")
    columns: list[tuple[str, slice]] = [("", slice(None))]
    if figures.names != ("",):
        columns += [(name, slice(index, index + 1)) for index, name in enumerate(figures.names)]
    method_rows: list[MethodRow] = []
    overall: list[DifferenceRow] = []
    by_name: list[DifferenceRow] = []
    for name, column in columns:
        tables = {method: values[:, column].ravel() for method, values in everyone.items()}
        width = len(figures.names[column])
        subjects = [subject for subject in figures.subject_ids for _ in range(width)]
        for method, table in tables.items():
            rng = derive_rng("compare", seed, figures.quantity, name, method)
            found = describe(table, subjects, rng, figures.bounds)
            ends = (found.ci95.low, found.ci95.high)
            method_rows.append(MethodRow(figures.quantity, name, method, found.count, found.mean, found.std, *ends))
        for first, second in _pairs(figures, name, tables):
            one, two = tables[first], tables[second]
            rng = derive_rng("compare", seed, figures.quantity, name, first, second)
            result = compare_paired(one, two, subjects, rng, margin, resamples=resamples)
            rng = derive_rng("ratio", seed, figures.quantity, name, first, second)
            ratio = ratio_of_means(one, two, subjects, rng, resamples=resamples)
            (by_name if name else overall).append(_difference(figures.quantity, name, first, second, result, ratio))
    return ComparisonTable(
        tuple(everyone),
        len(figures.subject_ids),
        len(set(figures.subject_ids)),
        tuple(method_rows),
        (*_corrected(overall), *_corrected(by_name)),
        tuple(figures.trivial),
    )


def _pairs(figures: Figures, name: str, tables: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """Every two methods, and every method with the trivial predictors that answer for the name."""
    answering = [
        other
        for other in figures.trivial
        if np.isfinite(tables[other]).any() and (name or figures.names == ("",) or other not in figures.unpooled)
    ]
    return [*combinations(figures.values, 2), *product(figures.values, answering)]


def _table(scores: Scores, quantity: str) -> np.ndarray:
    return {
        "landmark_error_mm": lambda: scores.hit_error_mm,
        "landmark_error_mm_all": lambda: scores.full_error_mm,
        "dice": lambda: scores.dice,
    }[quantity]()


def _difference(quantity: str, name: str, first: str, second: str, result: Comparison, ratio: Ratio) -> DifferenceRow:
    nan = float("nan")
    p, equivalence = result.bootstrap.p, result.equivalence_bootstrap
    equivalence_p = nan if equivalence is None else equivalence.p
    test = "" if math.isnan(p) else "bootstrap"
    return DifferenceRow(quantity, name, first, second, result, ratio, test, p, nan, nan, equivalence_p, nan)


def _corrected(rows: Sequence[DifferenceRow]) -> list[DifferenceRow]:
    p = np.array([row.p for row in rows], dtype=np.float64)
    equivalence = np.array([row.equivalence_p for row in rows], dtype=np.float64)
    columns = (holm(p).tolist(), benjamini_hochberg(p).tolist(), holm(equivalence).tolist())
    return [
        replace(row, p_holm=by_holm, p_bh=by_bh, equivalence_p_holm=equivalence_by_holm)
        for row, by_holm, by_bh, equivalence_by_holm in zip(rows, *columns, strict=True)
    ]


def align(scores: Mapping[str, Scores], shared_cases: bool = False) -> dict[str, tuple[Scores, list[int]]]:
    """Each method with the rows of the cases to compare, in one order.

    Raises:
        ConfigError: As :func:`compare_scores`.
    """
    if len(scores) < 2:
        raise ConfigError(f"a comparison needs at least two methods, got {len(scores)}")
    (first, reference), *others = scores.items()
    places = {method: {case: row for row, case in enumerate(found.case_ids)} for method, found in scores.items()}
    shared = [case for case in reference.case_ids if all(case in place for place in places.values())]
    for method, found in scores.items():
        if not shared or (not shared_cases and len(shared) < len(found.case_ids)):
            raise ConfigError(
                f"{method} has {len(found.case_ids)} cases and all methods share {len(shared)}; predict the same "
                "cases with every method, or ask for the shared ones"
            )
    rows = {method: [place[case] for case in shared] for method, place in places.items()}
    for method, found in others:
        if (found.landmarks, found.structures) != (reference.landmarks, reference.structures):
            raise ConfigError(f"{method} was scored on other landmarks or structures than {first}; use one protocol")
        pairs = [
            (getattr(found, key)[rows[method]], getattr(reference, key)[rows[first]])
            for key in ("truth_px", "visible", "annotated", "pixel_mm")
        ]
        if not all(np.array_equal(one, two, equal_nan=one.dtype.kind == "f") for one, two in pairs) or any(
            found.subject_ids[row] != reference.subject_ids[other]
            for row, other in zip(rows[method], rows[first], strict=True)
        ):
            raise ConfigError(f"{method} was scored against another truth than {first}; evaluate both on one dataset")
    return {method: (found, rows[method]) for method, found in scores.items()}
