"""Confidence intervals that respect subjects: images of one subject are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS, Clusters, bootstrap_t, group

FEW_SUBJECTS = 10
"""Below this number a note says that the interval is likely too narrow (our choice: with n clusters the percentile
bootstrap lacks sqrt(n / (n - 1)) and the tails of Student's t; a t interval is 1.22 times as wide at n = 10)."""

MANY_SUBJECTS = 30
"""From so many on no note is made where one of them carries most of the spread (our choice)."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower end; NaN where there is no interval.
        high: Upper end.
        subjects: Number of subjects (clusters) that were resampled.
        note: Why the interval is missing or weak; empty if it is fine.
    """

    low: float
    high: float
    subjects: int
    note: str = ""


def bootstrap_mean_ci(
    values: Float[np.ndarray, "N"],
    subjects: Sequence[str],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 4000,
    method: Literal["percentile", "bca", "studentized"] = "percentile",
) -> Interval:
    """Cluster bootstrap of a mean: whole subjects are drawn with replacement, all their values with them.

    The statistic is the pooled mean (sum over count of the drawn subjects). ``bca`` corrects for bias and
    skewness with a jackknife over subjects (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    section 14.3); clusters as units after Davison and Hinkley, Bootstrap Methods, 1997, section 3.8.
    ``studentized`` (see :func:`synthex.metrics.clusters.bootstrap_t`) is the one to take for few subjects, where
    the others are too narrow.

    Args:
        values: NaN values are left out.
        subjects: Subject of each value.
        rng: Source of the resamples.
        level: Coverage.
        resamples: Number of bootstrap replicates.
        method: ``percentile``, ``bca`` or ``studentized``.

    Returns:
        The interval; with fewer than two subjects (five if studentized) both ends are NaN and ``note`` says so.
    """
    if len(values) != len(subjects):
        raise ValueError(f"{len(values)} values need as many subjects, got {len(subjects)}")
    kept = np.isfinite(values)
    names, cluster = np.unique(np.asarray(subjects, dtype=object)[kept].astype(str), return_inverse=True)
    count = len(names)
    if count < 2:
        return Interval(float("nan"), float("nan"), count, "no interval: fewer than two subjects")
    if method == "studentized":
        return _studentized(group(values[kept], names[cluster].tolist()), rng, level, resamples)
    sums = np.bincount(cluster, weights=values[kept], minlength=count)
    sizes = np.bincount(cluster, minlength=count).astype(np.float64)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    replicates = (draws @ sums) / (draws @ sizes)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        tails = _bca_tails(replicates, sums, sizes, tails)
    low, high = np.quantile(replicates, tails)
    note = f"few subjects ({count}): the interval is likely too narrow" if count < FEW_SUBJECTS else ""
    return Interval(float(low), float(high), count, note)


def _studentized(clusters: Clusters, rng: np.random.Generator, level: float, resamples: int) -> Interval:
    count = len(clusters.sums)
    if not clusters.has_spread:
        return Interval(clusters.mean, clusters.mean, count)
    if count < MIN_BOOTSTRAP_SUBJECTS:
        nan = float("nan")
        return Interval(nan, nan, count, f"no interval: fewer than {MIN_BOOTSTRAP_SUBJECTS} subjects")
    low, high = bootstrap_t(clusters, rng, resamples).interval(level)
    notes = [f"few subjects ({count})"] if count < FEW_SUBJECTS else []
    if count < MANY_SUBJECTS and clusters.largest_part > 0.5:
        notes.append(
            "one subject carries most of the spread: with so few, intervals of what fails rarely miss the truth"
        )
    return Interval(low, high, count, "; ".join(notes))


def _bca_tails(replicates: np.ndarray, sums: np.ndarray, sizes: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """The probabilities at which BCa reads the bootstrap distribution."""
    estimate = sums.sum() / sizes.sum()
    below = np.mean(replicates < estimate) + 0.5 * np.mean(replicates == estimate)
    edge = 0.5 / len(replicates)
    bias = norm.ppf(np.clip(below, edge, 1 - edge))
    jackknife = (sums.sum() - sums) / (sizes.sum() - sizes)
    spread = jackknife.mean() - jackknife
    power = np.sum(spread**2)
    acceleration = np.sum(spread**3) / (6 * power**1.5) if power > 0 else 0.0
    shifted = bias + norm.ppf(tails)
    return norm.cdf(bias + shifted / (1 - acceleration * shifted))
