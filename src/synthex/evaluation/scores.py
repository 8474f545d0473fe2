"""The raw scores of a model on a dataset: one row a case, before any statistic is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from synthex.core import DistanceGate, EvalProtocol, Prediction, Sample
from synthex.metrics import ActivationCurve, activation_curve, distances_px, errors_mm, fill_misses, score_masks

MASK_QUANTITIES = ("sensitivity", "specificity", "precision", "accuracy", "f2", "iou")
"""Scores of masks beside Dice, which is F1."""


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
        dice: Dice of each case and structure; NaN where both masks are empty or there is no truth.
        structure_known: Structures that the reader has truth for.
        mask_scores: :data:`MASK_QUANTITIES` of each case and structure; NaN where a ratio has no denominator or there
            is no truth.
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
    dice: Float[np.ndarray, "N S"]
    structure_known: Bool[np.ndarray, "S"]
    mask_scores: Mapping[str, Float[np.ndarray, "N S"]] = field(default_factory=dict)

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

    def dice_original_rule(self) -> Float[np.ndarray, "N S"]:
        """Dice where two empty masks count as 1 (the original's rule); NaN only without truth."""
        return np.where(np.isnan(self.dice) & self.structure_known, 1.0, self.dice)

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


class ScoreBuilder:
    """Collects one case at a time, so that no image is held."""

    def __init__(self, protocol: EvalProtocol, structure_known: np.ndarray) -> None:
        self._protocol = protocol
        self._known = structure_known
        self._samples: list[tuple[str, str, float, float, float]] = []
        self._arrays: list[tuple[np.ndarray, ...]] = []

    def add(self, sample: Sample, prediction: Prediction) -> float:
        """Score one case; both have the channels of the protocol.

        Returns:
            What cases are ranked by: the mean landmark error with no miss dropped, mm; 1 - mean Dice where
            the task has no landmarks; NaN where nothing can be scored.
        """
        height, width = sample.image.shape
        found = score_masks(prediction.masks, sample.masks).as_dict()
        overlap = np.where(self._known, found["dice"], np.nan)
        others = np.stack([np.where(self._known, found[name], np.nan) for name in MASK_QUANTITIES])
        truth = np.where(sample.visible[:, None], sample.landmarks, np.nan)
        self._samples.append(
            (sample.case_id, sample.subject_id, sample.pixel_mm, sample.magnification, float(np.hypot(height, width)))
        )
        self._arrays.append(
            (
                truth.astype(np.float64),
                prediction.landmarks.astype(np.float64),
                np.asarray(prediction.confidence, dtype=np.float64),
                prediction.present,
                sample.visible,
                sample.annotated,
                overlap,
                others,
            )
        )
        if not self._protocol.vocabulary.landmarks:
            return _mean(1 - overlap)
        distance = np.where(sample.visible & sample.annotated, distances_px(prediction.landmarks, truth), np.nan)
        filled = np.where(np.isnan(distance), np.hypot(height, width), distance)
        return _mean(filled[sample.visible & sample.annotated]) * sample.pixel_mm

    def finish(self) -> Scores:
        """All cases added so far (at least one)."""
        cases, subjects, pixel_mm, magnification, diagonal = zip(*self._samples, strict=True)
        truth, guess, confidence, present, visible, annotated, overlap, others = (
            np.stack(column) for column in zip(*self._arrays, strict=True)
        )
        return Scores(
            landmarks=self._protocol.vocabulary.landmarks,
            structures=self._protocol.vocabulary.structures,
            case_ids=cases,
            subject_ids=subjects,
            pixel_mm=np.array(pixel_mm, dtype=np.float64),
            magnification=np.array(magnification, dtype=np.float64),
            diagonal_px=np.array(diagonal, dtype=np.float64),
            truth_px=truth,
            guess_px=guess,
            confidence=confidence,
            present=present,
            visible=visible,
            annotated=annotated,
            dice=overlap,
            structure_known=self._known,
            mask_scores={name: others[:, index] for index, name in enumerate(MASK_QUANTITIES)},
        )


def _mean(values: np.ndarray) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")
