"""Correction of p values for the number of comparisons made."""

import numpy as np
from jaxtyping import Float


def holm(p: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Adjusted p values that bound the chance of even one false difference, under any dependence.

    Step-down: the k-th smallest of m is multiplied by m - k + 1 and never falls below one before it (Holm,
    Scandinavian Journal of Statistics 6:65, 1979).

    Args:
        p: NaN marks a test that could not be made; it stays NaN and is not counted in m.

    Raises:
        ValueError: A value outside [0, 1].
    """
    return _adjust(p, step_down=True)


def benjamini_hochberg(p: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Adjusted p values that bound the expected share of false differences among those claimed.

    Step-up: the k-th smallest of m is multiplied by m / k and never exceeds one after it (Benjamini and Hochberg,
    Journal of the Royal Statistical Society B 57:289, 1995); for independent or positively dependent tests.

    Args:
        p: NaN marks a test that could not be made; it stays NaN and is not counted in m.

    Raises:
        ValueError: A value outside [0, 1].
    """
    return _adjust(p, step_down=False)


def _adjust(p: np.ndarray, step_down: bool) -> np.ndarray:
    known = ~np.isnan(p)
    values = p[known]
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p values lie in [0, 1]")
    order = np.argsort(values, kind="stable")
    rank = np.arange(len(values))
    if step_down:
        steps = np.maximum.accumulate(values[order] * (len(values) - rank))
    else:
        steps = np.minimum.accumulate((values[order] * len(values) / (rank + 1))[::-1])[::-1]
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(steps, 1.0)
    result = np.full(p.shape, np.nan)
    result[known] = adjusted
    return result
