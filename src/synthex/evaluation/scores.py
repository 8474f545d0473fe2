"""The raw scores of a model on a dataset: one row a case, before any statistic is taken."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from synthex.core import DistanceGate
from synthex.evaluation.original import OriginalRule
from synthex.metrics import (
    ActivationCurve,
    Confusion,
    accuracy,
    activation_curve,
    distances_px,
    errors_mm,
    f_beta,
    fill_misses,
    iou,
    precision,
    sensitivity,
    specificity,
)

RATIOS: dict[str, Callable[[Confusion], np.ndarray]] = {
    "sensitivity": sensitivity,
    "specificity": specificity,
    "precision": precision,
    "accuracy": accuracy,
    "f1": f_beta,
    "f2": lambda counts: f_beta(counts, 2),
    "iou": iou,
}
"""Scores of masks by name."""

MASK_QUANTITIES = tuple(name for name in RATIOS if name != "f1")
"""Scores of masks beside Dice, which is F1."""


AREA = "average_precision"
"""Area under the precision-recall curve, reported wherever a prediction set has probabilities."""


def bounds_of(quantity: str) -> tuple[float, float]:
    """Smallest and largest value of a quantity: errors have no largest, all others are shares."""
    return (0.0, math.inf) if quantity.startswith("landmark_error") else (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scores:
    """Ground truth and prediction side by side for N cases, L landmarks and S structures.

    Attributes:
        landmarks: Landmark names.
        structures: Structure names.
        case_ids: Cases.
        subject_ids: Subject of each case.
        pixel_mm: Pixel pitch at the detector, mm.
        magnification: SDD over source-isocentre distance.
        diagonal_px: Diagonal of each image, pixels.
        truth_px: True (column, row); NaN where not visible.
        guess_px: Predicted (column, row); NaN where there is no guess.
        confidence: In [0, 1].
        present: The model's own decision.
        visible: Landmark lies in the image.
        annotated: Its presence is known.
        counts: Pixels of each case and structure, true and false, found and not.
        structure_known: Structures that the reader has truth for.
        masks_annotated: Where: cases and structures whose mask is annotated.
        reported: Scores of masks that the task reports beside Dice.
        original_rule: Which of the original's evaluations is reported too.
        original: Its scores, N x K each.
        field_baseline: The same cases answered by :class:`synthex.evaluation.baseline.FieldPredictor`, if the task
            asks for it.
        answered: Structures that this predictor answers for; all of them if empty.
        area: Average precision of each case and structure; None where the model's set has no probabilities.
    """

    landmarks: tuple[str, ...]
    structures: tuple[str, ...]
    case_ids: tuple[str, ...]
    subject_ids: tuple[str, ...]
    pixel_mm: Float[np.ndarray, "N"]
    magnification: Float[np.ndarray, "N"]
    diagonal_px: Float[np.ndarray, "N"]
    truth_px: Float[np.ndarray, "N L 2"]
    guess_px: Float[np.ndarray, "N L 2"]
    confidence: Float[np.ndarray, "N L"]
    present: Bool[np.ndarray, "N L"]
    visible: Bool[np.ndarray, "N L"]
    annotated: Bool[np.ndarray, "N L"]
    counts: Confusion
    structure_known: Bool[np.ndarray, "S"]
    masks_annotated: Bool[np.ndarray, "N S"]
    reported: tuple[str, ...] = ()
    original_rule: OriginalRule | None = None
    original: Mapping[str, Float[np.ndarray, "N K"]] = field(default_factory=dict)
    field_baseline: "Scores | None" = None
    answered: tuple[str, ...] = ()
    area: Float[np.ndarray, "N S"] | None = None

    @property
    def expected(self) -> Bool[np.ndarray, "N L"]:
        """Visible and annotated: landmarks that ought to be found."""
        return self.visible & self.annotated

    @property
    def absent(self) -> Bool[np.ndarray, "N L"]:
        """Known not to be in the image."""
        return self.annotated & ~self.visible

    @property
    def has_guess(self) -> Bool[np.ndarray, "N L"]:
        """There is a position, be it below the cut."""
        return np.isfinite(self.guess_px).all(axis=-1)

    @property
    def detected(self) -> Bool[np.ndarray, "N L"]:
        """The model says "here it is"."""
        return self.present & self.has_guess

    @property
    def error_px(self) -> Float[np.ndarray, "N L"]:
        """Distance of every guess from an expected landmark; NaN elsewhere."""
        return np.where(self.expected, distances_px(self.guess_px, self.truth_px), np.nan)

    @property
    def error_mm(self) -> Float[np.ndarray, "N L"]:
        """The same in mm at the detector."""
        return errors_mm(self.error_px, self.pixel_mm)

    @property
    def hit_error_mm(self) -> Float[np.ndarray, "N L"]:
        """Errors in mm of the detected landmarks only; NaN elsewhere (the headline figure)."""
        return np.where(self.detected, self.error_mm, np.nan)

    @property
    def hit_error_isocenter_mm(self) -> Float[np.ndarray, "N L"]:
        """The same in the plane of the isocentre."""
        return np.where(self.detected, errors_mm(self.error_px, self.pixel_mm, self.magnification), np.nan)

    @property
    def full_error_mm(self) -> Float[np.ndarray, "N L"]:
        """Errors in mm with no miss dropped; NaN only where nothing is expected."""
        filled = errors_mm(fill_misses(self.error_px, self.diagonal_px), self.pixel_mm)
        return np.where(self.expected, filled, np.nan)

    @property
    def dice(self) -> Float[np.ndarray, "N S"]:
        """Dice of each case and structure; NaN where both masks are empty or there is no truth."""
        return self.mask_score("f1")

    @property
    def mask_scores(self) -> dict[str, Float[np.ndarray, "N S"]]:
        """:data:`MASK_QUANTITIES` of each case and structure; NaN as in :meth:`mask_score`."""
        return {name: self.mask_score(name) for name in MASK_QUANTITIES}

    def mask_score(self, name: str) -> Float[np.ndarray, "N S"]:
        """One score of each case and structure; NaN where a ratio has no denominator or there is no truth."""
        if name == AREA:
            return np.full((len(self.case_ids), len(self.structures)), np.nan) if self.area is None else self.area
        return np.where(self.masks_annotated, RATIOS[name](self.counts), np.nan)

    def dice_original_rule(self) -> Float[np.ndarray, "N S"]:
        """Dice where two empty masks count as 1 (the original's rule); NaN only without truth."""
        return np.where(np.isnan(self.dice) & self.masks_annotated, 1.0, self.dice)

    def plausible(self, gate: DistanceGate) -> Bool[np.ndarray, "N"]:
        """Cases whose two guesses lie within the gate, bounds excluded (as in the study's scoring).

        Guesses below the confidence cut count, as the study's argmax does; where one of the two has no
        guess at all there is no pair, so the case is not plausible.
        """
        first, second = (self.guess_px[:, [self.landmarks.index(name)]] for name in (gate.first, gate.second))
        apart = errors_mm(distances_px(first, second), self.pixel_mm)[:, 0]
        return (apart > gate.low_mm) & (apart < gate.high_mm)

    def gated(self, gate: DistanceGate) -> "Scores":
        """The same with both landmarks of every implausible pair not detected; other landmarks stay."""
        pair = np.isin(self.landmarks, (gate.first, gate.second))
        return replace(self, present=self.present & ~(pair & ~self.plausible(gate)[:, None]))

    def curve(self, cuts: Sequence[float]) -> ActivationCurve:
        """Detection and error at a sweep of confidence cuts."""
        return activation_curve(
            self.error_mm, self.has_guess, self.confidence, self.visible, self.annotated, tuple(cuts)
        )
