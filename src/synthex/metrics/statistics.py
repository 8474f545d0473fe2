"""The handful of numbers that describe a set of errors or overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from synthex.metrics.bootstrap import Interval, bootstrap_mean_ci
from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS, group
from synthex.metrics.shares import bounded, share_interval


@dataclass(frozen=True)
class Statistics:
    """Description of a sample of values; NaN throughout where it is empty.

    Attributes:
        count: Values that were counted (NaN is left out).
        mean: Pooled mean over all values.
        std: Population standard deviation (ddof 0, as in the paper's tables).
        median: 50th percentile.
        p95: 95th percentile, linear interpolation.
        ci95: Interval of the mean by subject, studentized bootstrap or that of a share; NaN with fewer than five
            subjects.
    """

    count: int
    mean: float
    std: float
    median: float
    p95: float
    ci95: Interval


def describe(
    values: Float[np.ndarray, "N"],
    subjects: Sequence[str],
    rng: np.random.Generator,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Statistics:
    """Mean, spread, quantiles and a 95 % interval by subject of ``values``; NaN values are left out.

    The interval is the studentized bootstrap's: the percentile interval misses the truth far too often with few
    subjects (docs/statistics.md). That of a share, of zeros and ones, is
    :func:`~synthex.metrics.shares.share_interval`: near 0 and 1 few subjects carry what there is to resample.

    Args:
        values: One an image, or an image and name.
        subjects: Subject of each.
        rng: Source of the resamples.
        bounds: What a mean can be ((0, 1) for a rate); the interval is cut there, which takes no possible truth out.
    """
    interval = bootstrap_mean_ci(values, subjects, rng, method="studentized")
    low, high = (float(end) for end in np.clip((interval.low, interval.high), *bounds))
    known = np.isfinite(values)
    kept = values[known].astype(np.float64)
    if bounds == (0, 1) and interval.subjects < MIN_BOOTSTRAP_SUBJECTS:
        low = high = float("nan")  # 4 of 4 is no proof of 100 %
        note = f"no interval: fewer than {MIN_BOOTSTRAP_SUBJECTS} subjects"
        interval = replace(interval, note=interval.note or note)
    elif bounds == (0, 1):
        clusters = group(kept, np.asarray(subjects, dtype=str)[known].tolist())
        low, high = share_interval(clusters) if np.isin(kept, (0, 1)).all() else bounded(clusters, low, high)
    interval = replace(interval, low=low, high=high)
    if not len(kept):
        nan = float("nan")
        return Statistics(0, nan, nan, nan, nan, interval)
    median, p95 = np.percentile(kept, (50, 95))
    return Statistics(len(kept), float(kept.mean()), float(kept.std()), float(median), float(p95), interval)
