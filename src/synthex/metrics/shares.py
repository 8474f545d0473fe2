"""Intervals of shares near 0 or 1, by subject: where resampling has nothing to resample."""

import math

import numpy as np
from scipy.stats import beta
from scipy.stats import t as student

from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS, Clusters

LEAST_CARRIERS = 5
"""Subjects of each kind (with any failure, with any success) from which their spread says how much subjects differ. Our
choice, by simulation: with it no setting of docs/statistics.md misses more than 6 %."""


def share_interval(clusters: Clusters, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share of values that are 0 or 1, grouped by subject.

    Clopper and Pearson's exact interval (Biometrika 26:404, 1934) of as many independent values as the grouped ones
    are worth: ``p (1 - p)`` over the squared error by subject, less what its few degrees of freedom cost (Korn and
    Graubard, Survey Methodology 24:193, 1998), never more than the values. Where fewer than :data:`LEAST_CARRIERS`
    subjects have any failure (or any success), how much subjects differ is not known, and each of them counts as one
    value: wide, but it does not claim that what six specimens do not show does not happen.

    Args:
        clusters: Of zeros and ones; at least two subjects.
        level: Coverage.
    """
    return beta_interval(clusters.mean, effective_count(clusters, level), level)


def effective_count(clusters: Clusters, level: float = 0.95) -> float:
    """Independent values that the grouped ones are worth."""
    subjects, count = len(clusters.sums), float(clusters.sizes.sum())
    failures = clusters.sizes - clusters.sums
    carriers = min(int(np.sum(failures > 0)), int(np.sum(clusters.sums > 0)))
    if carriers < LEAST_CARRIERS or not clusters.has_spread:
        return float(subjects)
    share = clusters.mean
    worth = min(count, share * (1 - share) / clusters.standard_error**2)
    tail = (1 + level) / 2
    worth *= (student.ppf(tail, count - 1) / student.ppf(tail, subjects - 1)) ** 2
    return float(np.clip(worth, min(subjects, count), count))


def beta_interval(share: float, count: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's interval, for numbers that need not be whole.

    Of values between 0 and 1 instead of 0 and 1 it is a bound: none spread more around a mean than zeros and ones do.
    """
    tail, hits = (1 - level) / 2, share * count
    rounding = 1e-9 * count
    low = 0.0 if hits <= rounding else float(beta.ppf(tail, hits, count - hits + 1))
    high = 1.0 if hits >= count - rounding else float(beta.ppf(1 - tail, hits + 1, count - hits))
    return low, high


def bounded(clusters: Clusters, low: float, high: float, level: float = 0.95) -> tuple[float, float]:
    """An interval of a mean of values between 0 and 1, cut where even zeros and ones could not reach.

    Few subjects of which one is far off give studentized intervals of everything that is possible.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or len(clusters.sums) < MIN_BOOTSTRAP_SUBJECTS:
        return low, high
    least, most = beta_interval(float(np.clip(clusters.mean, 0, 1)), float(len(clusters.sums)), level)
    return max(low, least), min(high, most)
