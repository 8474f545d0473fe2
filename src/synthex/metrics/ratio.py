"""One mean as a share of another: "reaches at least 80 % of the other's Dice"."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS, bootstrap_t, group

NAN = float("nan")


@dataclass(frozen=True)
class Ratio:
    """Mean of one method over that of another, on the pairs that both have.

    Attributes:
        value: The ratio; NaN where there is none.
        low: Lower end of its interval; NaN where there is none.
        high: Upper end.
        note: Why it or its interval is missing; empty if both are there.
    """

    value: float
    low: float
    high: float
    note: str = ""


def ratio_of_means(
    first: Float[np.ndarray, "N"],
    second: Float[np.ndarray, "N"],
    subjects: Sequence[str],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 4000,
) -> Ratio:
    """Pooled mean of ``first`` over that of ``second``, with a studentized bootstrap interval by subject.

    A ratio of sums is what a pooled mean is, with the values of ``second`` in the place of the sizes, so that its
    linearized error (Cochran, Sampling Techniques, 1977, chapter 6) and bootstrap are those of
    :mod:`synthex.metrics.clusters`. The interval is symmetric and cut at 0.

    Args:
        first: Figure of each case, not negative; pairs with a value that is not finite are dropped.
        second: The other method's, same cases in the same order.
        subjects: Subject of each case.
        rng: Source of the resamples.
        level: Of the interval.
        resamples: Number of bootstrap replicates.

    Raises:
        ValueError: Lengths differ.
    """
    if not len(first) == len(second) == len(subjects):
        raise ValueError(f"{len(first)} and {len(second)} values need as many subjects, got {len(subjects)}")
    both = np.isfinite(first) & np.isfinite(second)
    above, below = first[both].astype(np.float64), second[both].astype(np.float64)
    if not len(below):
        return Ratio(NAN, NAN, NAN, "no ratio: no pair of values")
    if min(above.min(), below.min()) < 0 or below.sum() == 0:
        return Ratio(NAN, NAN, NAN, "no ratio: values below 0, or of the second all 0")
    kept = np.asarray(subjects, dtype=str)[both].tolist()
    weights = group(below, kept)
    # In units of the second's mean of a subject, so that the scale that tells rounding error fits the ratio.
    clusters = replace(group(above, kept), sizes=weights.sums, scale=float(above.sum() / below.sum()))
    value = clusters.mean
    if len(weights.sums) < MIN_BOOTSTRAP_SUBJECTS:
        return Ratio(value, NAN, NAN, f"not resampled: fewer than {MIN_BOOTSTRAP_SUBJECTS} subjects")
    if not clusters.has_spread:
        return Ratio(value, value, value)
    # A resample in which all values of the second are 0 has no ratio, and is left out as one without spread is.
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = bootstrap_t(clusters, rng, resamples).interval(level)
    return Ratio(value, max(low, 0.0), high)
