"""Scores in plain NumPy: landmarks in mm, masks, detection, confidence intervals by subject."""

from synthex.metrics.bootstrap import FEW_SUBJECTS, Interval, bootstrap_mean_ci
from synthex.metrics.curve import ActivationCurve, activation_curve
from synthex.metrics.dice import dice, dice_original_rule
from synthex.metrics.landmarks import (
    detection_rate,
    distances_px,
    errors_mm,
    false_detection_rate,
    fill_misses,
)
from synthex.metrics.statistics import Statistics, describe

__all__ = [
    "FEW_SUBJECTS",
    "ActivationCurve",
    "Interval",
    "Statistics",
    "activation_curve",
    "bootstrap_mean_ci",
    "describe",
    "detection_rate",
    "dice",
    "dice_original_rule",
    "distances_px",
    "errors_mm",
    "false_detection_rate",
    "fill_misses",
]
