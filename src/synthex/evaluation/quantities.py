"""Every quantity that methods are compared in, as tables of cases."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from synthex.evaluation.compare import Figures, compare_figures
from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.scores import AREA, MASK_QUANTITIES, Scores, bounds_of

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


DIGITS = {"landmark_error_mm": 2, "landmark_error_mm_all": 2}
"""Decimals of quantities in tables; 3 for all others, which lie in [0, 1]."""


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


def compare_quantities(
    scores: Mapping[str, Scores],
    trivial: Mapping[str, Scores],
    margins: Mapping[str, float | int],
    *,
    seed: int,
    resamples: int,
) -> ComparisonTable:
    """Compare methods in all of :data:`LABELS`, with each other and with trivial predictors.

    Args:
        scores: Method to its scores; cases in one order.
        trivial: The same of trivial predictors. One that answers for some structures only
            (:attr:`synthex.evaluation.scores.Scores.answered`) is in no pair of all of them, and in none of landmarks.
        margins: Quantity to the difference that does not matter.
        seed: Of the bootstrap.
        resamples: Number of its replicates.

    Raises:
        ConfigError: There is no pair, or a margin is not positive.
    """
    reference = next(iter(scores.values()))
    tables = {name: quantity_tables(one) for name, one in scores.items()}
    others = {name: quantity_tables(one) for name, one in trivial.items()}
    parts = []
    for quantity, (names, _) in next(iter(tables.values())).items():
        partial = {name for name, one in trivial.items() if one.answered and set(one.answered) != set(names)}
        figures = Figures(
            quantity,
            names,
            reference.subject_ids,
            {name: found[quantity][1] for name, found in tables.items()},
            bounds_of(quantity),
            {name: _answered(trivial[name], *found[quantity]) for name, found in others.items()},
            tuple(partial),
        )
        parts.append(compare_figures(figures, margins.get(quantity), seed=seed, resamples=resamples))
    return ComparisonTable(
        parts[0].methods,
        parts[0].cases,
        parts[0].subjects,
        tuple(row for part in parts for row in part.figures),
        tuple(row for part in parts for row in part.differences),
        parts[0].trivial,
    )


def _answered(scores: Scores, names: tuple[str, ...], table: np.ndarray) -> np.ndarray:
    """Figures of the names that a trivial predictor answers for; NaN elsewhere."""
    return np.where(np.isin(names, scores.answered), table, np.nan) if scores.answered else table
