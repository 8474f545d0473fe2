"""The figures that the original's evaluation would print for our predictions, by its own rules."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from synthex.core import Prediction, Sample, Vocabulary
from synthex.metrics import original
from synthex.metrics.original import OriginalFigure
from synthex.metrics.segmentation import confusion

OriginalRule = Literal["hip", "tool", "covid"]
"""Which of its evaluations."""

COVID_SCORES = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2")
"""What its COVID script prints."""


def original_figures(
    cases: Iterable[tuple[Sample, Prediction]], vocabulary: Vocabulary, rule: OriginalRule
) -> dict[str, OriginalFigure]:
    """Score cases by the rules of :mod:`synthex.metrics.original`, with their errors; for comparisons only.

    Pixels are turned into the original's, whose centres are at whole numbers. What a model does not call present, or
    has no position for, is "not found"; what is not visible or not annotated has no truth.

    Args:
        cases: Truth and prediction, channels in the order of ``vocabulary``; images of a hip case are square.
        vocabulary: Names.
        rule: ``hip``: ``landmark_error_mm`` and ``dice``, for each name (``landmark_error_mm/FH-l``) and pooled;
            pixels have the pitch of the sample. ``tool``: the same of two landmarks, first base, then tip, at its
            fixed scale, Dice of all structures. ``covid``: the six scores of the first structure.

    Raises:
        ValueError: ``tool`` without exactly two landmarks.
    """
    if rule == "tool" and len(vocabulary.landmarks) != 2:
        raise ValueError(f"the tool's rule is about two landmarks, got {len(vocabulary.landmarks)}")
    columns: dict[str, list[np.ndarray]] = {}
    for sample, prediction in cases:
        for key, values in original_scores(sample, prediction, rule).items():
            columns.setdefault(key, []).append(values)
    return figures_of({key: np.stack(rows) for key, rows in columns.items()}, vocabulary, rule)


def figures_of(
    scores: Mapping[str, Float[np.ndarray, "N K"]], vocabulary: Vocabulary, rule: OriginalRule
) -> dict[str, OriginalFigure]:
    """The figures of :func:`original_figures` from the stacked scores of all cases; NaN values are left out."""
    names = {"landmark_error_mm": vocabulary.landmarks, "dice": vocabulary.structures}
    figures: dict[str, OriginalFigure] = {}
    for key, table in scores.items():
        figures[key] = original.figure(table, round_std=rule == "hip")
        for index, name in enumerate(names.get(key, ())):
            figures[f"{key}/{name}"] = original.figure(table[:, index], round_std=rule == "hip")
    return figures


def original_scores(sample: Sample, prediction: Prediction, rule: OriginalRule) -> dict[str, Float[np.ndarray, "K"]]:
    """The scores of one case: of each landmark or structure, or of the first structure (``covid``)."""
    if rule == "covid":
        scores = original.covid_scores(confusion(prediction.masks[:1], sample.masks[:1]))
        return {name: getattr(scores, name) for name in COVID_SCORES}
    found, known = prediction.present[:, None], (sample.visible & sample.annotated)[:, None]
    guess = prediction.landmarks.astype(np.float64) - 0.5
    truth = sample.landmarks.astype(np.float64) - 0.5
    if rule == "tool":
        overlap = original.tool_dice(confusion(prediction.masks, sample.masks))
        pair = np.where(found, guess, np.nan)[None], np.where(known, truth, -1.0)[None]
        return {"landmark_error_mm": original.tool_landmark_errors_mm(*pair)[0], "dice": overlap}
    errors = original.hip_landmark_errors_mm(
        np.where(found & np.isfinite(guess), guess, -1.0),
        np.where(known, truth, -1.0),
        sample.image.shape[-1],
        sample.pixel_mm,
    )
    return {"landmark_error_mm": errors, "dice": original.hip_dice(prediction.masks, sample.masks)}
