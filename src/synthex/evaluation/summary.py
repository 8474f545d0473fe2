"""The flat figures of ``summary.json``, and what each of them means."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from synthex.core import EvalProtocol, derive_rng
from synthex.evaluation.scores import Scores
from synthex.metrics import (
    Statistics,
    bootstrap_mean_ci,
    describe,
    detection_rate,
    false_detection_rate,
)

SUMMARY_VERSION = 1

_STATISTICS = {
    "mean": "mean",
    "std": "standard deviation (population)",
    "median": "median",
    "p95": "95th percentile",
    "ci95_low": "lower end of the 95 % bootstrap interval of the mean, by subject",
    "ci95_high": "upper end of it",
}

_SCORES: dict[str, str] = {
    **{f"landmark_error_mm_{key}": f"{text} of the error of detected landmarks, mm at the detector"
       for key, text in _STATISTICS.items()},
    **{f"landmark_error_isocenter_mm_{key}": f"{text} of the same error in the plane of the isocentre, mm"
       for key, text in _STATISTICS.items()},
    **{f"landmark_error_mm_{key}_all": f"{text} of the error with no miss dropped: best guess below the cut too, "
       "the image diagonal without any guess, mm at the detector" for key, text in _STATISTICS.items()},
    "detection_rate": "share of visible, annotated landmarks that the model calls present",
    "detection_rate_ci95_low": "lower end of its 95 % bootstrap interval, by subject",
    "detection_rate_ci95_high": "upper end of it",
    "false_detection_rate": "share of landmarks known to be outside the image that the model calls present",
    **{f"dice_{key}": f"{text} of Dice over cases and structures; both masks empty is not counted"
       for key, text in _STATISTICS.items() if key != "p95"},
    "dice_mean_original_rule": "mean Dice where two empty masks count as 1 (the original's rule)",
}  # fmt: skip

_PER_LANDMARK = {
    **{f"landmark_error_mm_{key}": f"{text} of the error of this landmark where detected, mm at the detector"
       for key, text in _STATISTICS.items()},
    "landmark_error_mm_mean_all": "mean error of this landmark with no miss dropped, mm at the detector",
    "detection_rate": "detection rate of this landmark",
    "false_detection_rate": "false detection rate of this landmark",
    "visible_landmarks": "images in which it is visible and annotated",
}  # fmt: skip

_PER_STRUCTURE = {
    **{f"dice_{key}": f"{text} of Dice of this structure" for key, text in _STATISTICS.items() if key != "p95"},
    "dice_cases": "images in which its Dice is counted",
}

_FACTS = {
    "schema_version": "version of these keys",
    "task": "name of the task",
    "primary": "key that ranks models",
    "primary_value": "its value",
    "cases": "images scored",
    "subjects": "subjects they come from",
    "cases_missing": "images of the dataset without a prediction (not scored)",
    "cases_extra": "predictions without an image in the dataset (ignored)",
    "visible_landmarks": "visible, annotated landmarks",
    "detected_landmarks": "how many of them were detected",
    "absent_landmarks": "landmarks known to be outside their image",
    "landmark_error_baseline_ratio": "baseline's mean error over the model's, on landmarks that both detect",
    "landmark_error_baseline_ratio_all": "baseline's mean error over the model's with no miss dropped",
}


def documented_keys(scores: Scores, with_baseline: bool) -> dict[str, str]:
    """Every key of the summary of ``scores`` with its meaning, in the order of the file.

    Keys of one landmark or structure carry its name after a slash (``landmark_error_mm_mean/FH-l``); keys
    of the baseline have the prefix ``baseline_``.
    """
    keys = dict(_FACTS)
    if not with_baseline:
        del keys["landmark_error_baseline_ratio"], keys["landmark_error_baseline_ratio_all"]
    own = dict(_SCORES)
    own |= {f"{key}/{name}": f"{text} ({name})" for name in scores.landmarks for key, text in _PER_LANDMARK.items()}
    own |= {f"{key}/{name}": f"{text} ({name})" for name in scores.structures for key, text in _PER_STRUCTURE.items()}
    keys |= own
    if with_baseline:
        keys |= {f"baseline_{key}": f"baseline: {text}" for key, text in own.items()}
    return keys


def summarize(
    scores: Scores,
    baseline: Scores | None,
    protocol: EvalProtocol,
    seed: int = 0,
    missing: int = 0,
    extra: int = 0,
) -> dict[str, Any]:
    """All figures as plain JSON values (None where a figure does not exist); keys as in :func:`documented_keys`.

    The mean over landmarks is pooled over all detected ones (not a mean of means), as in the paper.
    """
    own = _score_figures(scores, seed)
    figures: dict[str, Any] = {
        "schema_version": SUMMARY_VERSION,
        "task": protocol.task,
        "primary": protocol.primary,
        "cases": len(scores.case_ids),
        "subjects": len(set(scores.subject_ids)),
        "cases_missing": missing,
        "cases_extra": extra,
        "visible_landmarks": int(scores.expected.sum()),
        "detected_landmarks": int((scores.expected & scores.detected).sum()),
        "absent_landmarks": int(scores.absent.sum()),
        **own,
    }
    if baseline is not None:
        other = _score_figures(baseline, seed)
        figures |= {f"baseline_{key}": value for key, value in other.items()}
        shared = scores.detected & baseline.detected
        figures["landmark_error_baseline_ratio"] = _ratio(
            np.where(shared, baseline.error_mm, np.nan), np.where(shared, scores.error_mm, np.nan)
        )
        figures["landmark_error_baseline_ratio_all"] = _ratio(baseline.full_error_mm, scores.full_error_mm)
    figures["primary_value"] = figures.get(protocol.primary)
    order = documented_keys(scores, baseline is not None)
    return {key: _plain(figures[key]) for key in order}


def _score_figures(scores: Scores, seed: int) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    for suffix, table in (
        ("landmark_error_mm_{}", scores.hit_error_mm),
        ("landmark_error_isocenter_mm_{}", scores.hit_error_isocenter_mm),
        ("landmark_error_mm_{}_all", scores.full_error_mm),
    ):
        figures |= _named(suffix, _describe(table, scores, seed, suffix))
    found = np.where(scores.expected, scores.detected.astype(np.float64), np.nan)
    values, subjects = _flat(found, scores)
    interval = bootstrap_mean_ci(values, subjects, derive_rng("bootstrap", seed, "detection_rate"))
    figures["detection_rate"] = detection_rate(scores.detected, scores.visible, scores.annotated)
    figures["detection_rate_ci95_low"], figures["detection_rate_ci95_high"] = interval.low, interval.high
    figures["false_detection_rate"] = false_detection_rate(scores.detected, scores.visible, scores.annotated)
    figures |= _named("dice_{}", _describe(scores.dice, scores, seed, "dice"), skip=("p95",))
    figures["dice_mean_original_rule"] = _mean(scores.dice_original_rule())
    for index, name in enumerate(scores.landmarks):
        column = slice(index, index + 1)
        one = _describe(scores.hit_error_mm[:, column], scores, seed, name)
        full = scores.full_error_mm[:, index]
        detected, visible, known = scores.detected[:, index], scores.visible[:, index], scores.annotated[:, index]
        figures |= _named(f"landmark_error_mm_{{}}/{name}", one)
        figures[f"landmark_error_mm_mean_all/{name}"] = _mean(full)
        figures[f"detection_rate/{name}"] = detection_rate(detected, visible, known)
        figures[f"false_detection_rate/{name}"] = false_detection_rate(detected, visible, known)
        figures[f"visible_landmarks/{name}"] = int((visible & known).sum())
    for index, name in enumerate(scores.structures):
        one = _describe(scores.dice[:, index : index + 1], scores, seed, name)
        figures |= _named(f"dice_{{}}/{name}", one, skip=("p95",))
        figures[f"dice_cases/{name}"] = one.count
    return figures


def _mean(table: np.ndarray) -> float:
    kept = table[np.isfinite(table)]
    return float(kept.mean()) if len(kept) else float("nan")


def _describe(table: np.ndarray, scores: Scores, seed: int, name: str) -> Statistics:
    values, subjects = _flat(table, scores)
    return describe(values, subjects, derive_rng("bootstrap", seed, name))


def _ratio(reference: np.ndarray, table: np.ndarray) -> float:
    """Mean of one table over that of another; NaN where there is none."""
    mean = _mean(table)
    return _mean(reference) / mean if mean > 0 else float("nan")


def _flat(table: np.ndarray, scores: Scores) -> tuple[np.ndarray, tuple[str, ...]]:
    """Finite values of an N x K table with the subject of each."""
    keep = np.isfinite(table)
    subjects = np.broadcast_to(np.array(scores.subject_ids, dtype=object)[:, None], table.shape)
    return table[keep], tuple(subjects[keep])


def _named(pattern: str, statistics: Statistics, skip: tuple[str, ...] = ()) -> Mapping[str, float]:
    values = {
        "mean": statistics.mean,
        "std": statistics.std,
        "median": statistics.median,
        "p95": statistics.p95,
        "ci95_low": statistics.ci95.low,
        "ci95_high": statistics.ci95.high,
    }
    return {pattern.format(key): value for key, value in values.items() if key not in skip}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
