"""The handful of numbers that describe a set of errors or overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthex.metrics.bootstrap import Interval, bootstrap_mean_ci


@dataclass(frozen=True)
class Statistics:
    """Description of a sample of values; NaN throughout where it is empty.

    Attributes:
        count: Values that were counted (NaN is left out).
        mean: Pooled mean over all values.
        std: Population standard deviation (ddof 0, as in the paper's tables).
        median: 50th percentile.
        p95: 95th percentile, linear interpolation.
        ci95: Bootstrap interval of the mean, by subject.
    """

    count: int
    mean: float
    std: float
    median: float
    p95: float
    ci95: Interval


def describe(values: Float[np.ndarray, "N"], subjects: Sequence[str], rng: np.random.Generator) -> Statistics:
    """Mean, spread, quantiles and a 95 % interval by subject of ``values``; NaN values are left out."""
    interval = bootstrap_mean_ci(values, subjects, rng)
    kept = values[np.isfinite(values)].astype(np.float64)
    if not len(kept):
        nan = float("nan")
        return Statistics(0, nan, nan, nan, nan, interval)
    median, p95 = np.percentile(kept, (50, 95))
    return Statistics(len(kept), float(kept.mean()), float(kept.std()), float(median), float(p95), interval)
