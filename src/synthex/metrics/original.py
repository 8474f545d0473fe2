"""The formulas of the original SyntheX evaluation under their own names, to compare with its published figures.

Restated from the notes on the original's code (arcadelab/SyntheX at 6791517): "facts n" below is section n of
those notes, "oddity n" row n of their section 5. Several formulas are wrong or flattering, as each docstring says;
use :mod:`synthex.metrics.segmentation`, :func:`synthex.metrics.describe` and the rest of this package for
figures of your own.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from synthex.metrics.segmentation import Confusion, confusion

EPSILON = 1e-4
"""Added to both sides of every ratio of the tool and COVID evaluations (facts 1.7, 1.8)."""
PROBABILITY_CUT = 0.5
"""A pixel is predicted where its probability is above (facts 1.7, 1.8)."""
NORMAL_QUANTILE = 1.96
"""Half-width of the intervals in standard errors (facts 1.6, 1.7)."""
HIP_DETECTOR_MM = 0.194
"""Pixel pitch of the hip images before downsampling, mm (facts 1.1, 1.6)."""
HIP_DOWNSAMPLING = 4
"""Factor of the hip images that were scored, 360 pixels wide (facts 1.1, 1.6)."""
TOOL_ERROR_MM_PER_PX = 0.5804
"""Scale of the tool's landmark errors (facts 1.7)."""
TOOL_GATE_MM_PER_PX = 0.58
"""Scale of the tool's length in the gate: not that of the errors (facts 1.7)."""
TOOL_GATE_MM = (15.0, 200.0)
"""The predicted distance of base and tip must lie strictly between, mm (facts 1.7)."""


@dataclass(frozen=True, eq=False)
class OriginalMaskScores:
    """The COVID evaluation's scores of every image (facts 1.8); all smoothed, so never NaN.

    Attributes:
        sensitivity: (TP + e) / (TP + FN + e): 1 where the truth is empty.
        specificity: (TN + e) / (TN + FP + e).
        precision: (TP + e) / (TP + FP + e): 1 where nothing is predicted.
        accuracy: (TP + TN + e) / (all + e).
        f1: :func:`f_beta_with_error` with beta 1; up to about 2.
        f2: The same with beta 2; up to about 5.
        dice: (2 TP + e) / (|A| + |B| + e), computed there but never printed.
    """

    sensitivity: Float[np.ndarray, "*batch"]
    specificity: Float[np.ndarray, "*batch"]
    precision: Float[np.ndarray, "*batch"]
    accuracy: Float[np.ndarray, "*batch"]
    f1: Float[np.ndarray, "*batch"]
    f2: Float[np.ndarray, "*batch"]
    dice: Float[np.ndarray, "*batch"]


@dataclass(frozen=True)
class OriginalFigure:
    """A cell of the original's tables.

    Attributes:
        mean: Over all values; NaN without any.
        std: Population standard deviation, rounded where its script rounds it.
        half_width: 1.96 std / sqrt(count), which takes the images of one specimen for independent (oddity 24).
        count: Number of values.
    """

    mean: float
    std: float
    half_width: float
    count: int


def binary_masks(
    probability: Float[np.ndarray, "*batch H W"], label: np.ndarray
) -> tuple[Bool[np.ndarray, "*batch H W"], Bool[np.ndarray, "*batch H W"]]:
    """Prediction and truth of the tool and COVID evaluations: probability > 0.5, label > 0 (facts 1.7, 1.8).

    Any grey level of a label image counts as truth there, while training compared labels with exactly 0 and 1
    (oddity 21).
    """
    return probability > PROBABILITY_CUT, label > 0


def covid_scores(counts: Confusion) -> OriginalMaskScores:
    """Scores of each image as the COVID evaluation has them (facts 1.8)."""
    hits, total = counts.true_positives, counts.total
    right = hits + counts.true_negatives
    recall = _smoothed(hits, counts.actual)
    positive_value = _smoothed(hits, counts.predicted)
    return OriginalMaskScores(
        sensitivity=recall,
        specificity=_smoothed(counts.true_negatives, counts.true_negatives + counts.false_positives),
        precision=positive_value,
        accuracy=_smoothed(right, total),
        f1=f_beta_with_error(positive_value, recall, 1),
        f2=f_beta_with_error(positive_value, recall, 2),
        dice=tool_dice(counts),
    )


def f_beta_with_error(
    precision: Float[np.ndarray, "*batch"], sensitivity: Float[np.ndarray, "*batch"], beta: float | int
) -> Float[np.ndarray, "*batch"]:
    """(1 + b^2) (precision sensitivity + e) / (b^2 precision + sensitivity + e): not an F measure (facts 1.8).

    The numerator's e is multiplied by 1 + b^2 and the denominator's is not, so that an image whose every predicted
    and every true pixel is missed scores about 1 + b^2 (F1 near 2, F2 near 5) where the F measure is 0. Published
    means of it can only be too high for such images (oddity 7).

    Args:
        precision: Smoothed, as in :func:`covid_scores`.
        sensitivity: Smoothed.
        beta: Weight of sensitivity.
    """
    square = float(beta) ** 2
    top = (1 + square) * (precision * sensitivity + EPSILON)
    return np.asarray(top / (square * precision + sensitivity + EPSILON))


def tool_dice(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """(2 TP + e) / (|A| + |B| + e) of each image: 1 where both masks are empty (facts 1.7, 1.8)."""
    return _smoothed(2 * counts.true_positives, counts.predicted + counts.actual)


def hip_dice(
    predicted: Bool[np.ndarray, "*batch H W"], truth: Bool[np.ndarray, "*batch H W"]
) -> Float[np.ndarray, "*batch"]:
    """Dice of each structure as the hip evaluation writes and then averages it (facts 1.6).

    Two empty masks count as 1, which rewards views without the structure, and every value is rounded to two
    decimals before any is averaged (oddity 24).
    """
    counts = confusion(predicted, truth)
    total = counts.predicted + counts.actual
    value = np.where(total > 0, 2.0 * counts.true_positives / np.maximum(total, 1), 1.0)
    return _two_decimals(value)


def hip_landmark_errors_mm(
    guess: Float[np.ndarray, "*batch 2"],
    truth: Float[np.ndarray, "*batch 2"],
    size_px: int,
    pixel_mm: float | int = HIP_DETECTOR_MM * HIP_DOWNSAMPLING,
) -> Float[np.ndarray, "*batch"]:
    """Errors of the hip evaluation, mm at the detector; NaN where it drops the pair (facts 1.6).

    A pair counts only where truth and guess have both coordinates strictly above 0 and below the image's side.
    So a landmark that was not found, (-1, -1), costs nothing, and one in the first row or column is lost although
    it is visible. Means over what is left cannot be compared between methods that drop different pairs (oddity 8).

    Args:
        guess: (column, row) in the original's pixels, whose centres are at whole numbers: subtract 0.5 from ours.
        truth: The same.
        size_px: Side of the square image.
        pixel_mm: Pixel pitch of the scored image.
    """
    inside = [((point > 0) & (point < size_px)).all(axis=-1) for point in (guess, truth)]
    return np.where(inside[0] & inside[1], pixel_mm * _distance(guess, truth), np.nan)


def tool_landmark_errors_mm(
    guess: Float[np.ndarray, "N 2 2"], truth: Float[np.ndarray, "N 2 2"]
) -> Float[np.ndarray, "N 2"]:
    """Errors of base and tip of the tool evaluation, mm; NaN where it skips the pair (facts 1.7).

    Both errors of an image are skipped where the truth holds a -1, or where the predicted tool is not between 15
    and 200 mm long. The length is taken at 0.58 mm a pixel, the errors at 0.5804. Its further cut, on how well
    each heatmap matches a Gaussian, belongs to the read-out: give NaN for guesses that it refuses, which drops
    that landmark's error (and, for want of a length, not the other's).

    Args:
        guess: Image, landmark (base, tip), (column, row), pixels.
        truth: The same; -1 where not annotated.
    """
    length = TOOL_GATE_MM_PER_PX * _distance(guess[:, 0], guess[:, 1])
    plausible = np.isnan(length) | ((length > TOOL_GATE_MM[0]) & (length < TOOL_GATE_MM[1]))
    annotated = (truth != -1).all(axis=(1, 2))
    return np.where((plausible & annotated)[:, None], TOOL_ERROR_MM_PER_PX * _distance(guess, truth), np.nan)


def half_precision(points: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
    """Landmarks after the tool loader's cast to 16-bit floats: steps of 0.25 px above 256 (oddity 13)."""
    return points.astype(np.float16).astype(np.float64)


def figure(values: Float[np.ndarray, "*shape"], round_std: bool) -> OriginalFigure:
    """Mean, spread and interval of all values together, NaN ones dropped (facts 1.6 to 1.8).

    Args:
        values: Errors or overlaps, pooled over images, landmarks and folds (no mean of means).
        round_std: The hip scripts round the standard deviation to two decimals before they make the interval of
            it (oddity 24); the tool's do not, and the COVID script has no interval.
    """
    kept = values[np.isfinite(values)].astype(np.float64)
    if not len(kept):
        return OriginalFigure(math.nan, math.nan, math.nan, 0)
    std = float(_two_decimals(kept.std())) if round_std else float(kept.std())
    return OriginalFigure(float(kept.mean()), std, NORMAL_QUANTILE * std / math.sqrt(len(kept)), len(kept))


def _smoothed(numerator: np.ndarray | np.generic, denominator: np.ndarray | np.generic) -> np.ndarray:
    return np.asarray((np.asarray(numerator) + EPSILON) / (np.asarray(denominator) + EPSILON))


def _two_decimals(values: np.ndarray | np.generic) -> np.ndarray:
    """Rounded as a number is printed with two decimals, which ``numpy.round`` does not always do."""
    values = np.asarray(values, dtype=np.float64)
    return np.array([float(f"{value:.2f}") for value in values.ravel()]).reshape(values.shape)


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    difference = first.astype(np.float64) - second.astype(np.float64)
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]))
