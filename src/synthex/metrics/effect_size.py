"""How large a difference is, apart from whether it is there: sizes without units."""

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

ROUNDING = 1e-12
"""Spread relative to the values below which it is rounding error, about 5000 times double precision's 2.2e-16."""


def is_constant(values: Float[np.ndarray, "N"], scale: float | None = None) -> bool:
    """Whether ``values`` differ by rounding error only.

    Args:
        values: At least one.
        scale: Size of the numbers that the values were computed from; their own largest if None.
    """
    reference = float(np.abs(values).max()) if scale is None else scale
    return bool(np.ptp(values) <= ROUNDING * reference)


def cohen_dz(differences: Float[np.ndarray, "N"]) -> float:
    """Mean over standard deviation (N - 1) of paired differences (Lakens, Frontiers in Psychology 4:863, 2013).

    NaN for fewer than two or for equal differences, which have no spread to compare with.
    """
    if len(differences) < 2 or is_constant(differences):
        return float("nan")
    return float(differences.mean() / differences.std(ddof=1))


def cohen_d(first: Float[np.ndarray, "N"], second: Float[np.ndarray, "M"]) -> float:
    """Difference of means over the pooled standard deviation (Cohen, Statistical Power Analysis, 1988, chapter 2).

    NaN where there is no spread to compare with.
    """
    freedom = len(first) + len(second) - 2
    if min(len(first), len(second)) < 1 or freedom < 1 or (is_constant(first) and is_constant(second)):
        return float("nan")
    squares = np.sum((first - first.mean()) ** 2) + np.sum((second - second.mean()) ** 2)
    return float((first.mean() - second.mean()) / np.sqrt(squares / freedom))


def cliffs_delta(first: Float[np.ndarray, "N"], second: Float[np.ndarray, "M"]) -> float:
    """P(first > second) - P(first < second) over all pairs, in [-1, 1] (Cliff, Psychological Bulletin 114:494, 1993).

    NaN where either is empty.
    """
    if not len(first) or not len(second):
        return float("nan")
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left").sum()
    above = (len(second) - np.searchsorted(ordered, first, side="right")).sum()
    return float((below - above) / (len(first) * len(second)))


def rank_biserial(differences: Float[np.ndarray, "N"]) -> float:
    """Matched-pairs rank-biserial correlation, in [-1, 1]: the signed-rank test's effect size.

    (sum of ranks of positive - of negative differences) / (sum of all ranks), ranks of absolute values, zeros left
    out (Kerby, Comprehensive Psychology 3, 2014). NaN where all differences are zero.
    """
    moved = differences[differences != 0]
    if not len(moved):
        return float("nan")
    ranks = rankdata(np.abs(moved))
    return float(np.sum(np.sign(moved) * ranks) / np.sum(ranks))
