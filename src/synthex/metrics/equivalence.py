"""Two one-sided tests: showing that methods are as good as each other, which no difference test can show.

Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15:657, 1987; Lakens, Social Psychological and
Personality Science 8:355, 2017.
"""

from dataclasses import dataclass

from scipy import stats

from synthex.metrics.clusters import Bootstrap


@dataclass(frozen=True)
class Equivalence:
    """Whether a difference is known to lie inside (-margin, margin).

    Attributes:
        margin: Differences smaller than this do not matter.
        alpha: Level of both one-sided tests.
        p_above: That the difference is -margin or less; small: the first is not lower by the margin. Where larger
            is better this is the test of non-inferiority of the first.
        p_below: That it is margin or more; small: the first is not higher by the margin (non-inferiority where
            smaller is better).
        p: The larger of the two.
        low: Lower end of the 1 - 2 alpha interval.
        high: Upper end; equivalent where the whole interval lies inside the margins.
        equivalent: The decision; None where it could not be tested.
        note: Why it is missing or weak; empty if it is fine.
    """

    margin: float
    alpha: float
    p_above: float
    p_below: float
    p: float
    low: float
    high: float
    equivalent: bool | None
    note: str = ""


def untested(margin: float | int, alpha: float, note: str) -> Equivalence:
    """No result, and why."""
    nan = float("nan")
    return Equivalence(float(margin), alpha, nan, nan, nan, nan, nan, None, note)


def tost_t(
    difference: float,
    standard_error: float,
    freedom: float | int,
    margin: float | int | None,
    alpha: float,
    problem: str,
) -> Equivalence | None:
    """Two one-sided t tests.

    Args:
        difference: Estimate.
        standard_error: Of it.
        freedom: Degrees of freedom of its error.
        margin: Positive; None gives None.
        alpha: Level.
        problem: Why it cannot be tested; empty if it can.
    """
    if margin is None:
        return None
    if problem:
        return untested(margin, alpha, problem)
    above = float(stats.t.sf((difference + margin) / standard_error, freedom))
    below = float(stats.t.cdf((difference - margin) / standard_error, freedom))
    half = float(stats.t.ppf(1 - alpha, freedom)) * standard_error
    return _decide(margin, alpha, above, below, difference - half, difference + half, "")


def tost_bootstrap(bootstrap: Bootstrap, margin: float | int, alpha: float, note: str = "") -> Equivalence:
    """The same by the studentized bootstrap, with its equal-tailed interval."""
    low, high = bootstrap.tail_interval(1 - 2 * alpha)
    return _decide(margin, alpha, bootstrap.p_above(-margin), bootstrap.p_below(margin), low, high, note)


def _decide(
    margin: float | int, alpha: float, above: float, below: float, low: float, high: float, note: str
) -> Equivalence:
    p = max(above, below)
    return Equivalence(float(margin), alpha, above, below, p, low, high, p < alpha, note)
