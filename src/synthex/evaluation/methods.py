"""Several methods on the same cases: every figure of each, of their baselines, and every pair compared."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError, derive_rng
from synthex.evaluation.compare import (
    QUANTITIES,
    ComparisonTable,
    DifferenceRow,
    Figures,
    MethodRow,
    compare_figures,
    compare_scores,
)
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.scores import AREA, MASK_QUANTITIES, Scores, bounds_of
from synthex.metrics import describe

LABELS = {
    "landmark_error_mm": "Error of detected landmarks, mm",
    "landmark_error_mm_all": "Landmark error with no miss dropped, mm",
    "detection_rate": "Share of visible landmarks detected",
    "dice": "Dice (F1)",
    "f2": "F2",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "accuracy": "Accuracy",
    "iou": "Intersection over union",
    AREA: "Area under the precision-recall curve",
}
"""Every quantity that methods are compared in, in the order of the report, with its name for people."""

REGION = "whole region"
"""Column of the answer that takes a whole region, as the true lungs, for a structure in it."""

LOWER_IS_BETTER = ("landmark_error_mm", "landmark_error_mm_all")
"""Quantities that are errors; of all others more is better."""


def quantity_tables(scores: Scores) -> dict[str, tuple[tuple[str, ...], Float[np.ndarray, "N K"]]]:
    """Quantity to its landmarks or structures and its N x K figures, NaN where there is none; as in ``LABELS``."""
    tables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    if scores.landmarks:
        found = np.where(scores.expected, scores.detected.astype(np.float64), np.nan)
        tables["landmark_error_mm"] = scores.landmarks, scores.hit_error_mm
        tables["landmark_error_mm_all"] = scores.landmarks, scores.full_error_mm
        tables["detection_rate"] = scores.landmarks, found
    if scores.structures:
        tables["dice"] = scores.structures, scores.dice
        tables |= {name: (scores.structures, scores.mask_scores[name]) for name in MASK_QUANTITIES}
        if scores.area is not None:
            tables[AREA] = scores.structures, scores.area
    return {name: tables[name] for name in LABELS if name in tables}


def compare_methods(
    evaluations: Mapping[str, Evaluation],
    margins: Mapping[str, float | int] | None = None,
    *,
    seed: int = 0,
    resamples: int = 4000,
) -> ComparisonTable:
    """Compare methods scored by :func:`synthex.evaluation.scorer.evaluate_methods` in all of :data:`LABELS`.

    Baselines, and the whole region taken for a structure where the task asks for it, have their figures in columns
    of their own, but are in no pair: more pairs would weaken the corrected tests of the methods. A baseline that is to
    be compared is given as a method.

    Args:
        evaluations: Method to what was found; at least two.
        margins: Quantity to the difference that does not matter, for the tests of equivalence.
        seed: Of the bootstrap.
        resamples: Number of its replicates.

    Raises:
        ConfigError: Fewer than two methods, other cases, or a margin that is not positive or of an unknown quantity.
    """
    given = dict(margins or {})
    unknown = sorted(set(given) - set(LABELS))
    if unknown:
        raise ConfigError(f"there is no quantity {unknown[0]}; margins are of {', '.join(LABELS)}")
    scores = {name: one.scores for name, one in evaluations.items()}
    core = {name: margin for name, margin in given.items() if name in QUANTITIES}
    first = compare_scores(scores, core, seed=seed, resamples=resamples)
    tables = {name: quantity_tables(one) for name, one in scores.items()}
    reference = next(iter(scores.values()))
    parts = [first]
    for quantity, (names, _) in next(iter(tables.values())).items():
        if quantity not in QUANTITIES:
            values = {name: found[quantity][1] for name, found in tables.items()}
            figures = Figures(quantity, names, reference.subject_ids, values, bounds_of(quantity))
            parts.append(compare_figures(figures, given.get(quantity), seed=seed, resamples=resamples))
    trivial = {f"baseline of {name}": one.baseline for name, one in evaluations.items() if one.baseline is not None}
    if reference.field_baseline is not None:  # made of the truth, so it is the same for all methods
        trivial[REGION] = reference.field_baseline
    rows = [row for part in parts for row in part.figures]
    rows += [row for name, one in trivial.items() for row in method_rows(name, one, seed)]
    pairs = [row for part in parts for row in part.differences]
    order = list(LABELS)

    def place(row: MethodRow | DifferenceRow) -> int:
        return order.index(row.quantity)

    return ComparisonTable(
        (*first.methods, *trivial),
        first.cases,
        first.subjects,
        tuple(sorted(rows, key=place)),
        tuple(sorted(pairs, key=place)),
    )


def method_rows(method: str, scores: Scores, seed: int = 0) -> tuple[MethodRow, ...]:
    """Every figure of one method alone, overall and by name."""
    rows = []
    for quantity, (names, values) in quantity_tables(scores).items():
        columns = {"": slice(None)} | {name: slice(index, index + 1) for index, name in enumerate(names)}
        for name, column in columns.items():
            part = values[:, column]
            subjects = [subject for subject in scores.subject_ids for _ in range(part.shape[1])]
            rng = derive_rng("compare", seed, quantity, name, method)
            found = describe(part.ravel(), subjects, rng, bounds_of(quantity))
            ends = (found.ci95.low, found.ci95.high)
            rows.append(MethodRow(quantity, name, method, found.count, found.mean, found.std, *ends))
    return tuple(rows)
