"""The flat figures of ``summary.json``, and what each of them means."""

import math
from typing import Any

import numpy as np

from synthex.core import DistanceGate, EvalProtocol
from synthex.evaluation.describe import STATISTICS, describe_table, named
from synthex.evaluation.mask_figures import (
    field_figures,
    field_keys,
    mask_figures,
    mask_keys,
    original_figures_of,
    original_keys,
)
from synthex.evaluation.scores import Scores, bounds_of
from synthex.metrics import Statistics, detection_rate, false_detection_rate

SUMMARY_VERSION = 1

WITHIN_MM = (2, 5, 10, 20)
"""Radii of the success detection rate, the usual figure of landmark challenges (ISBI 2015: 2 to 4 mm on films of the
skull); wider here, for hips on film are marked to 2 to 5 mm."""

_SCORES: dict[str, str] = {
    **{f"landmark_error_mm_{key}": f"{text} of the error of detected landmarks, mm at the detector"
       for key, text in STATISTICS.items()},
    **{f"landmark_error_isocenter_mm_{key}": f"{text} of the same error in the plane of the isocentre, mm"
       for key, text in STATISTICS.items()},
    **{f"landmark_error_mm_{key}_all": f"{text} of the error with no miss dropped: best guess below the cut too, "
       "the image diagonal without any guess, mm at the detector" for key, text in STATISTICS.items()},
    **{f"landmark_within_{radius}_mm_all": f"share of visible, annotated landmarks whose best guess, called present or "
       f"not, lies within {radius} mm at the detector" for radius in WITHIN_MM},
    "detection_rate": "share of visible, annotated landmarks that the model calls present",
    "detection_rate_ci95_low": "lower end of its 95 % bootstrap interval, by subject",
    "detection_rate_ci95_high": "upper end of it",
    "false_detection_rate": "share of landmarks known to be outside the image that the model calls present",
    **{f"dice_{key}": f"{text} of Dice over cases and structures; both masks empty is not counted"
       for key, text in STATISTICS.items() if key != "p95"},
    "dice_mean_original_rule": "mean Dice where two empty masks count as 1 (the original's rule)",
}  # fmt: skip

_PER_LANDMARK = {
    **{f"landmark_error_mm_{key}": f"{text} of the error of this landmark where detected, mm at the detector"
       for key, text in STATISTICS.items()},
    "landmark_error_mm_mean_all": "mean error of this landmark with no miss dropped, mm at the detector",
    "detection_rate": "detection rate of this landmark",
    "detection_rate_ci95_low": "lower end of its 95 % bootstrap interval, by subject, for this landmark",
    "detection_rate_ci95_high": "upper end of it for this landmark",
    "false_detection_rate": "false detection rate of this landmark",
    "visible_landmarks": "images in which it is visible and annotated",
}  # fmt: skip

_GATED = (
    *(f"landmark_error_mm_{key}" for key in STATISTICS),
    "detection_rate",
    "detection_rate_ci95_low",
    "detection_rate_ci95_high",
    "false_detection_rate",
)
"""Keys, overall and by landmark, that a gate has an effect on."""

_GATE_FACTS = {
    "gate_landmarks": "the pair of landmarks that the gate looks at",
    "gate_low_mm": "their predicted distance must be more than this, mm at the detector",
    "gate_high_mm": "and less than this",
}

_GATE = {
    "gate_kept_cases": "images whose pair is plausible",
    "gate_dropped_cases": "images whose pair is not, or has a landmark without any guess",
    "gate_dropped_landmarks": "detected, visible landmarks that the gate drops",
    **{f"gated_{key}": f"with implausible pairs not detected: {_SCORES[key]}" for key in _GATED},
}

_PER_LANDMARK_GATE = {
    "gate_dropped_landmarks": "images in which the gate drops this landmark although it is visible and detected",
    **{f"gated_{key}": f"with implausible pairs not detected: {_PER_LANDMARK[key]}" for key in _GATED},
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


def documented_keys(scores: Scores, with_baseline: bool, with_gate: bool = False) -> dict[str, str]:
    """Every key of the summary of ``scores`` with its meaning, in the order of the file.

    Keys of one landmark or structure carry its name after a slash (``landmark_error_mm_mean/FH-l``); keys
    of the baseline have the prefix ``baseline_``, those of a region taken for a structure ``field_baseline_``, those
    without implausible pairs ``gated_``.
    """
    keys = dict(_FACTS)
    if not with_baseline:
        del keys["landmark_error_baseline_ratio"], keys["landmark_error_baseline_ratio_all"]
    own, per_landmark = dict(_SCORES), dict(_PER_LANDMARK)
    if with_gate:
        keys |= _GATE_FACTS
        own |= _GATE
        per_landmark |= _PER_LANDMARK_GATE
    own |= {f"{key}/{name}": f"{text} ({name})" for name in scores.landmarks for key, text in per_landmark.items()}
    own |= mask_keys(scores, scores.structures) | original_keys(scores)
    keys |= own | field_keys(scores)
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

    The mean over landmarks is pooled over all detected ones (not a mean of means), as in the paper. The gate of
    the protocol changes none of the figures; it adds its own.
    """
    own = _score_figures(scores, seed, protocol.gate)
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
        **field_figures(scores, seed),
    }
    if protocol.gate is not None:
        figures["gate_landmarks"] = f"{protocol.gate.first}, {protocol.gate.second}"
        figures["gate_low_mm"], figures["gate_high_mm"] = protocol.gate.low_mm, protocol.gate.high_mm
    if baseline is not None:
        other = _score_figures(baseline, seed, protocol.gate)
        figures |= {f"baseline_{key}": value for key, value in other.items()}
        shared = scores.detected & baseline.detected
        figures["landmark_error_baseline_ratio"] = _ratio(
            np.where(shared, baseline.error_mm, np.nan), np.where(shared, scores.error_mm, np.nan)
        )
        figures["landmark_error_baseline_ratio_all"] = _ratio(baseline.full_error_mm, scores.full_error_mm)
    figures["primary_value"] = figures.get(protocol.primary)
    order = documented_keys(scores, baseline is not None, protocol.gate is not None)
    return {key: _plain(figures[key]) for key in order}


def _score_figures(scores: Scores, seed: int, gate: DistanceGate | None) -> dict[str, float | int]:
    figures = _detection_figures(scores, seed)
    for suffix, table in (
        ("landmark_error_isocenter_mm_{}", scores.hit_error_isocenter_mm),
        ("landmark_error_mm_{}_all", scores.full_error_mm),
    ):
        figures |= named(suffix, _errors(table, scores, seed, suffix))
    every = scores.full_error_mm[np.isfinite(scores.full_error_mm)]
    for radius in WITHIN_MM:
        figures[f"landmark_within_{radius}_mm_all"] = float((every <= radius).mean()) if len(every) else math.nan
    for index, name in enumerate(scores.landmarks):
        figures[f"landmark_error_mm_mean_all/{name}"] = _mean(scores.full_error_mm[:, index])
        figures[f"visible_landmarks/{name}"] = int(scores.expected[:, index].sum())
    overlap = describe_table(scores.dice, scores, seed, "dice", bounds_of("dice"))
    figures |= named("dice_{}", overlap, skip=("p95",))
    figures["dice_mean_original_rule"] = _mean(scores.dice_original_rule())
    figures |= mask_figures(scores, scores.structures, seed) | original_figures_of(scores)
    return figures if gate is None else figures | _gate_figures(scores, seed, gate)


def _detection_figures(scores: Scores, seed: int) -> dict[str, float | int]:
    """The figures of ``_GATED``, overall and by landmark."""
    pattern = "landmark_error_mm_{}"
    figures: dict[str, float | int] = dict(named(pattern, _errors(scores.hit_error_mm, scores, seed, pattern)))
    found = np.where(scores.expected, scores.detected.astype(np.float64), np.nan)
    columns = {"": slice(None)} | {f"/{name}": slice(i, i + 1) for i, name in enumerate(scores.landmarks)}
    for end, column in columns.items():
        detected, visible, known = scores.detected[:, column], scores.visible[:, column], scores.annotated[:, column]
        name = f"detection_rate{end}"
        rate = describe_table(found[:, column], scores, seed, name, bounds_of(name)).ci95
        figures[f"detection_rate{end}"] = detection_rate(detected, visible, known)
        figures[f"detection_rate_ci95_low{end}"], figures[f"detection_rate_ci95_high{end}"] = rate.low, rate.high
        figures[f"false_detection_rate{end}"] = false_detection_rate(detected, visible, known)
        if end:
            figures |= named(f"{pattern}{end}", _errors(scores.hit_error_mm[:, column], scores, seed, end[1:]))
    return figures


def _gate_figures(scores: Scores, seed: int, gate: DistanceGate) -> dict[str, float | int]:
    gated = scores.gated(gate)
    kept = int(scores.plausible(gate).sum())
    dropped = (scores.expected & scores.detected & ~gated.detected).sum(axis=0)
    figures: dict[str, float | int] = {
        "gate_kept_cases": kept,
        "gate_dropped_cases": len(scores.case_ids) - kept,
        "gate_dropped_landmarks": int(dropped.sum()),
    }
    figures |= {f"gate_dropped_landmarks/{name}": int(n) for name, n in zip(scores.landmarks, dropped, strict=True)}
    return figures | {f"gated_{key}": value for key, value in _detection_figures(gated, seed).items()}


def _mean(table: np.ndarray) -> float:
    kept = table[np.isfinite(table)]
    return float(kept.mean()) if len(kept) else float("nan")


def _errors(table: np.ndarray, scores: Scores, seed: int, name: str) -> Statistics:
    return describe_table(table, scores, seed, name, bounds_of("landmark_error_mm"))


def _ratio(reference: np.ndarray, table: np.ndarray) -> float:
    """Mean of one table over that of another; NaN where there is none."""
    mean = _mean(table)
    return _mean(reference) / mean if mean > 0 else float("nan")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
