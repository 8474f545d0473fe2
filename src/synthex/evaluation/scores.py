"""The raw scores of a model on a dataset: one row a case, before any statistic is taken."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from jaxtyping import Bool, Float

from synthex.core import ConfigError, DistanceGate, EvalProtocol, Prediction, Sample
from synthex.evaluation.baseline import FieldPredictor
from synthex.evaluation.original import OriginalRule, original_scores
from synthex.metrics import (
    ActivationCurve,
    Confusion,
    accuracy,
    activation_curve,
    average_precision_of_levels,
    confusion,
    distances_px,
    errors_mm,
    f_beta,
    fill_misses,
    iou,
    precision,
    sensitivity,
    specificity,
)

_RATIOS: dict[str, Callable[[Confusion], np.ndarray]] = {
    "sensitivity": sensitivity,
    "specificity": specificity,
    "precision": precision,
    "accuracy": accuracy,
    "f1": f_beta,
    "f2": lambda counts: f_beta(counts, 2),
    "iou": iou,
}

MASK_QUANTITIES = tuple(name for name in _RATIOS if name != "f1")
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
        return np.where(self.structure_known, _RATIOS[name](self.counts), np.nan)

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
    """Collects one case at a time, so that no image is held.

    Args:
        protocol: Names, and what is reported.
        structure_known: Structures that there is truth for.
        areas: Report average precision. An answer without probabilities is scored as certain of its masks.

    Raises:
        ConfigError: The protocol reports a score that does not exist.
    """

    def __init__(self, protocol: EvalProtocol, structure_known: np.ndarray, areas: bool = False) -> None:
        unknown = [name for name in protocol.mask_scores if name not in _RATIOS]
        if unknown:
            raise ConfigError(f"there is no score of masks {unknown[0]}; choose from {', '.join(_RATIOS)}")
        self._protocol = protocol
        self._known = structure_known
        self._areas: list[list[float]] | None = [] if areas and protocol.vocabulary.structures else None
        self._samples: list[tuple[str, str, float, float, float]] = []
        self._arrays: list[tuple[np.ndarray, ...]] = []
        self._counts: list[Confusion] = []
        self._original: dict[str, list[np.ndarray]] = {}
        self._field: tuple[FieldPredictor, ScoreBuilder] | None = None
        structures = protocol.vocabulary.structures
        if protocol.field_baseline:
            known = np.zeros(len(structures), dtype=bool)
            for structure, region in protocol.field_baseline:
                place = structures.index(structure)
                known[place] = structure_known[place] & structure_known[structures.index(region)]
            other = ScoreBuilder(replace(protocol, field_baseline=(), original_rule=None), known, areas)
            self._field = FieldPredictor(structures, protocol.field_baseline), other
        # A task that is ranked by one structure is about this structure.
        name = protocol.primary.partition("/")[2]
        self._ranked = slice(None)
        if name in structures:
            self._ranked = slice(structures.index(name), structures.index(name) + 1)

    def add(self, sample: Sample, prediction: Prediction) -> float:
        """Score one case; both have the channels of the protocol.

        Returns:
            What cases are ranked by: the mean landmark error with no miss dropped, mm; 1 - mean Dice where the task
            has no landmarks, of the structure that ``protocol.primary`` names if it names one; NaN where nothing can
            be scored.
        """
        height, width = sample.image.shape
        counts = confusion(prediction.masks, sample.masks)
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
            )
        )
        self._counts.append(counts)
        if self._areas is not None:
            self._areas.append(
                [
                    average_precision_of_levels(levels, mask) if known else float("nan")
                    for levels, mask, known in zip(_levels(prediction), sample.masks, self._known, strict=True)
                ]
            )
        if self._protocol.original_rule is not None:
            for key, values in original_scores(sample, prediction, self._protocol.original_rule).items():
                if key != "landmark_error_mm":
                    values = np.where(self._known[: len(values)], values, np.nan)
                self._original.setdefault(key, []).append(values)
        if self._field is not None:
            predictor, builder = self._field
            builder.add(sample, predictor.predict(sample))
        if not self._protocol.vocabulary.landmarks:
            return _mean(1 - np.where(self._known, f_beta(counts), np.nan)[self._ranked])
        distance = np.where(sample.visible & sample.annotated, distances_px(prediction.landmarks, truth), np.nan)
        filled = np.where(np.isnan(distance), np.hypot(height, width), distance)
        return _mean(filled[sample.visible & sample.annotated]) * sample.pixel_mm

    def finish(self) -> Scores:
        """All cases added so far (at least one)."""
        cases, subjects, pixel_mm, magnification, diagonal = zip(*self._samples, strict=True)
        truth, guess, confidence, present, visible, annotated = (
            np.stack(column) for column in zip(*self._arrays, strict=True)
        )
        counts = Confusion(*(np.stack([getattr(one, part.name) for one in self._counts]) for part in fields(Confusion)))
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
            counts=counts,
            structure_known=self._known,
            reported=self._protocol.mask_scores + (() if self._areas is None else (AREA,)),
            area=None if self._areas is None else np.array(self._areas, dtype=np.float64),
            original_rule=self._protocol.original_rule,
            original={key: np.stack(rows) for key, rows in self._original.items()},
            field_baseline=self._finish_field(),
        )

    def _finish_field(self) -> Scores | None:
        if self._field is None:
            return None
        predictor, builder = self._field
        return replace(builder.finish(), answered=tuple(structure for structure, _ in predictor.answers))


def _levels(prediction: Prediction) -> np.ndarray:
    if prediction.probabilities is not None:
        return prediction.probabilities
    return prediction.masks.astype(np.uint8) * np.uint8(255)


def _mean(values: np.ndarray) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")
