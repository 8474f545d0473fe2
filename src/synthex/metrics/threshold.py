"""The probability from which a pixel counts, chosen by a rule instead of by looking."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from synthex.metrics.dice import dice

THRESHOLDS = tuple(number / 20 for number in range(1, 20))
"""Those that are tried, 0.05 to 0.95: our choice; Dice hardly changes between neighbours."""


def best_threshold(
    cases: Iterable[tuple[UInt8[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]], tried: Sequence[float] = THRESHOLDS
) -> float:
    """The threshold with the best mean Dice over images; of equal ones that nearest to one half.

    Args:
        cases: ``round(255 p)`` of each pixel, and the truth. Images where both are empty at a threshold do not count.
        tried: Thresholds.

    Raises:
        ValueError: No image has anything to find.
    """
    rows = [
        [float(dice((levels >= 255 * cut)[None], truth[None])[0]) for cut in tried]
        for levels, truth in cases
        if truth.any()
    ]
    if not rows:
        raise ValueError("no image has anything to find")
    means = np.mean(rows, axis=0)
    best = [cut for cut, mean in zip(tried, means, strict=True) if mean >= means.max() - 1e-12]
    return min(best, key=lambda cut: abs(cut - 0.5))
