"""From samples and predictions to scores, case by case."""

from dataclasses import fields, replace

import numpy as np

from synthex.core import ConfigError, EvalProtocol, Prediction, Sample
from synthex.evaluation.baseline import FieldPredictor
from synthex.evaluation.original import original_scores
from synthex.evaluation.scores import AREA, RATIOS, Scores
from synthex.metrics import Confusion, average_precision_of_levels, confusion, distances_px, f_beta


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
        unknown = [name for name in protocol.mask_scores if name not in RATIOS]
        if unknown:
            raise ConfigError(f"there is no score of masks {unknown[0]}; choose from {', '.join(RATIOS)}")
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
        counts, known = confusion(prediction.masks, sample.masks), self._known & sample.masks_annotated
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
                known,
            )
        )
        self._counts.append(counts)
        if self._areas is not None:
            self._areas.append(
                [
                    average_precision_of_levels(levels, mask) if there else float("nan")
                    for levels, mask, there in zip(_levels(prediction), sample.masks, known, strict=True)
                ]
            )
        if self._protocol.original_rule is not None:
            for key, values in original_scores(sample, prediction, self._protocol.original_rule).items():
                if key != "landmark_error_mm":
                    values = np.where(known[: len(values)], values, np.nan)
                self._original.setdefault(key, []).append(values)
        if self._field is not None:
            predictor, builder = self._field
            builder.add(predictor.judged(sample), predictor.predict(sample))
        if not self._protocol.vocabulary.landmarks:
            return _mean(1 - np.where(known, f_beta(counts), np.nan)[self._ranked])
        distance = np.where(sample.visible & sample.annotated, distances_px(prediction.landmarks, truth), np.nan)
        filled = np.where(np.isnan(distance), np.hypot(height, width), distance)
        return _mean(filled[sample.visible & sample.annotated]) * sample.pixel_mm

    def finish(self) -> Scores:
        """All cases added so far (at least one)."""
        cases, subjects, pixel_mm, magnification, diagonal = zip(*self._samples, strict=True)
        truth, guess, confidence, present, visible, annotated, masks_annotated = (
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
            masks_annotated=masks_annotated,
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
