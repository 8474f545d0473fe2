"""Scores in plain NumPy: landmarks in mm, masks, detection, intervals and comparisons by subject.

The original's formulas are in :mod:`synthex.metrics.original`.
"""

from synthex.metrics.bootstrap import FEW_SUBJECTS, Interval, bootstrap_mean_ci
from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS
from synthex.metrics.compare import compare_paired, compare_unpaired
from synthex.metrics.comparison import BootstrapTest, Comparison, Significance
from synthex.metrics.curve import ActivationCurve, activation_curve
from synthex.metrics.dice import dice, dice_original_rule
from synthex.metrics.effect_size import cliffs_delta, cohen_d, cohen_dz, rank_biserial
from synthex.metrics.equivalence import Equivalence
from synthex.metrics.landmarks import (
    detection_rate,
    distances_px,
    errors_mm,
    false_detection_rate,
    fill_misses,
)
from synthex.metrics.multiple_testing import benjamini_hochberg, holm
from synthex.metrics.ratio import Ratio, ratio_of_means
from synthex.metrics.segmentation import (
    MASK_SCORES,
    Confusion,
    MaskScores,
    accuracy,
    average_precision,
    average_precision_of_levels,
    confusion,
    f_beta,
    iou,
    precision,
    score_masks,
    sensitivity,
    specificity,
)
from synthex.metrics.statistics import Statistics, describe

__all__ = [
    "FEW_SUBJECTS",
    "MASK_SCORES",
    "MIN_BOOTSTRAP_SUBJECTS",
    "ActivationCurve",
    "BootstrapTest",
    "Comparison",
    "Confusion",
    "Equivalence",
    "Interval",
    "MaskScores",
    "Ratio",
    "Significance",
    "Statistics",
    "accuracy",
    "activation_curve",
    "average_precision",
    "average_precision_of_levels",
    "benjamini_hochberg",
    "bootstrap_mean_ci",
    "cliffs_delta",
    "cohen_d",
    "cohen_dz",
    "compare_paired",
    "compare_unpaired",
    "confusion",
    "describe",
    "detection_rate",
    "dice",
    "dice_original_rule",
    "distances_px",
    "errors_mm",
    "f_beta",
    "false_detection_rate",
    "fill_misses",
    "holm",
    "iou",
    "precision",
    "rank_biserial",
    "ratio_of_means",
    "score_masks",
    "sensitivity",
    "specificity",
]
