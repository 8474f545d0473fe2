"""Binary masks against truth: counts, the ratios made of them, and the precision-recall curve's area.

A ratio whose denominator is zero says nothing and is NaN, never 0 or 1: sensitivity, F, Dice and IoU have no
value without the pixels they are about. The rules of the original are in :mod:`synthex.metrics.original`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixel counts of masks against truth, one entry an image (or an image and structure).

    Attributes:
        true_positives: In both masks.
        false_positives: In the prediction only.
        false_negatives: In the truth only.
        true_negatives: In neither.
    """

    true_positives: Int64[np.ndarray, "*batch"]
    false_positives: Int64[np.ndarray, "*batch"]
    false_negatives: Int64[np.ndarray, "*batch"]
    true_negatives: Int64[np.ndarray, "*batch"]

    @property
    def predicted(self) -> Int64[np.ndarray, "*batch"]:
        """Area of the prediction, pixels."""
        return np.asarray(self.true_positives + self.false_positives)

    @property
    def actual(self) -> Int64[np.ndarray, "*batch"]:
        """Area of the truth, pixels."""
        return np.asarray(self.true_positives + self.false_negatives)

    @property
    def total(self) -> Int64[np.ndarray, "*batch"]:
        """Pixels of each image."""
        return np.asarray(self.predicted + self.false_negatives + self.true_negatives)

    def pooled(self) -> "Confusion":
        """The counts of all images together, as arrays without axes."""
        return Confusion(
            *(
                np.asarray(counts.sum(), dtype=np.int64)
                for counts in (self.true_positives, self.false_positives, self.false_negatives, self.true_negatives)
            )
        )


def confusion(predicted: Bool[np.ndarray, "*batch H W"], truth: Bool[np.ndarray, "*batch H W"]) -> Confusion:
    """Count the pixels of every image of a stack."""
    batch = truth.shape[:-2]
    # Counting rows of flat views is several times faster than counting over two axes.
    flat = (int(np.prod(batch)), truth.shape[-2] * truth.shape[-1])
    first, second = predicted.reshape(flat), truth.reshape(flat)
    shared = np.count_nonzero(first & second, axis=1)
    claimed, actual = np.count_nonzero(first, axis=1), np.count_nonzero(second, axis=1)
    counts = (shared, claimed - shared, actual - shared, flat[1] - claimed - actual + shared)
    return Confusion(*(np.asarray(count, dtype=np.int64).reshape(batch) for count in counts))


def sensitivity(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """TP / (TP + FN), the recall; NaN where the truth is empty."""
    return _ratio(counts.true_positives, counts.actual)


def specificity(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """TN / (TN + FP); NaN where the truth fills the image."""
    return _ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)


def precision(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """TP / (TP + FP); NaN where the prediction is empty."""
    return _ratio(counts.true_positives, counts.predicted)


def accuracy(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """(TP + TN) / all; NaN for an image without pixels."""
    return _ratio(counts.true_positives + counts.true_negatives, counts.total)


def f_beta(counts: Confusion, beta: float | int = 1) -> Float[np.ndarray, "*batch"]:
    """The F measure, in [0, 1]: sensitivity weighs ``beta`` times as much as precision.

    F = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP) (van Rijsbergen, Information Retrieval, 1979, chapter 7,
    written in counts, so that it is 0, not undefined, where only one of the masks is empty).

    Args:
        counts: Of each image.
        beta: Positive.

    Returns:
        NaN where both masks are empty. With ``beta`` 1 it is Dice.

    Raises:
        ValueError: ``beta`` is not positive.
    """
    if not beta > 0:
        raise ValueError(f"beta must be positive, got {beta}")
    square = float(beta) ** 2
    hits = (1 + square) * counts.true_positives
    return _ratio(hits, hits + square * counts.false_negatives + counts.false_positives)


def iou(counts: Confusion) -> Float[np.ndarray, "*batch"]:
    """Intersection over union, TP / (TP + FP + FN); NaN where both masks are empty."""
    return _ratio(counts.true_positives, counts.predicted + counts.false_negatives)


def average_precision(probability: Float[np.ndarray, "*shape"], truth: Bool[np.ndarray, "*shape"]) -> float:
    """Area under the precision-recall curve of one image (or of a stack, all pixels pooled).

    AP = sum over the distinct probabilities p, from high to low, of (R(p) - R(before p)) P(p), with precision P
    and recall R of the pixels at or above p: no interpolation, and pixels of one probability enter together, so
    that their order cannot matter (Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008,
    section 8.4, with ties as one step).

    Returns:
        In [0, 1]; NaN where the truth is empty. A constant probability scores the share of positive pixels.

    Raises:
        ValueError: A probability is NaN.
    """
    flat, positive = probability.ravel(), truth.ravel()
    if np.isnan(flat).any():
        raise ValueError("probabilities must not be NaN")
    total = np.count_nonzero(positive)
    if total == 0:
        return float("nan")
    order = np.argsort(flat)[::-1]
    ranked = flat[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(positive[order])[ends]
    gains = np.diff(hits, prepend=0)
    return float(np.sum(gains * (hits / (ends + 1.0))) / total)


def average_precision_of_levels(levels: UInt8[np.ndarray, "*shape"], truth: Bool[np.ndarray, "*shape"]) -> float:
    """:func:`average_precision` of probabilities in 256 levels, counted instead of sorted.

    Pixels of one level enter the curve together, so what is lost against unrounded probabilities is their order
    within a level.

    Returns:
        In [0, 1]; NaN where the truth is empty.
    """
    claimed = np.bincount(levels.ravel(), minlength=256)[::-1].cumsum()
    gains = np.bincount(levels[truth], minlength=256)[::-1]
    hits = gains.cumsum()
    if hits[-1] == 0:
        return float("nan")
    return float(np.sum(gains * (hits / np.maximum(claimed, 1))) / hits[-1])


@dataclass(frozen=True, eq=False)
class MaskScores:
    """Scores of every image of a stack; see the functions of the same names for where they are NaN.

    Attributes:
        counts: What they are made of.
        sensitivity: TP / (TP + FN).
        specificity: TN / (TN + FP).
        precision: TP / (TP + FP).
        accuracy: (TP + TN) / all.
        f1: F measure with beta 1, which is Dice.
        f2: F measure with beta 2.
        dice: 2 TP / (2 TP + FP + FN).
        iou: TP / (TP + FP + FN).
        average_precision: Area under the precision-recall curve; NaN throughout without probabilities.
    """

    counts: Confusion
    sensitivity: Float[np.ndarray, "*batch"]
    specificity: Float[np.ndarray, "*batch"]
    precision: Float[np.ndarray, "*batch"]
    accuracy: Float[np.ndarray, "*batch"]
    f1: Float[np.ndarray, "*batch"]
    f2: Float[np.ndarray, "*batch"]
    dice: Float[np.ndarray, "*batch"]
    iou: Float[np.ndarray, "*batch"]
    average_precision: Float[np.ndarray, "*batch"]

    def as_dict(self) -> dict[str, Float[np.ndarray, "*batch"]]:
        """Name to values, without the counts."""
        return {name: getattr(self, name) for name in MASK_SCORES}


MASK_SCORES = (
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
    "f1",
    "f2",
    "dice",
    "iou",
    "average_precision",
)
"""Names of the scores of :class:`MaskScores`."""


def score_masks(
    predicted: Bool[np.ndarray, "*batch H W"],
    truth: Bool[np.ndarray, "*batch H W"],
    probability: Float[np.ndarray, "*batch H W"] | None = None,
) -> MaskScores:
    """All scores of a stack from one count of its pixels.

    Args:
        predicted: Masks.
        truth: Masks on the same grid.
        probability: Of each pixel, for the area under the precision-recall curve.

    Raises:
        ValueError: A probability is NaN.
    """
    counts = confusion(predicted, truth)
    batch = truth.shape[:-2]
    area = np.full(batch, np.nan)
    if probability is not None:
        for index in np.ndindex(*batch):
            area[index] = average_precision(probability[index], truth[index])
    overlap = f_beta(counts)
    return MaskScores(
        counts,
        sensitivity(counts),
        specificity(counts),
        precision(counts),
        accuracy(counts),
        overlap,
        f_beta(counts, 2),
        overlap,
        iou(counts),
        area,
    )


def _ratio(numerator: np.ndarray | np.generic, denominator: np.ndarray | np.generic) -> Float[np.ndarray, "*batch"]:
    # Arithmetic on arrays without axes gives scalars; the results are arrays again.
    known = np.asarray(denominator) > 0
    return np.where(known, numerator / np.where(known, denominator, 1), np.nan)
