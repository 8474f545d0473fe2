"""The activated-fraction curve: how the error grows as more landmarks are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from synthex.metrics.landmarks import detection_rate, false_detection_rate


@dataclass(frozen=True, eq=False)
class ActivationCurve:
    """Detection and error at each confidence cut, cuts ascending.

    Attributes:
        cuts: A landmark is accepted where its confidence is at least the cut.
        detection_rate: Share of the visible, annotated landmarks accepted; never rises with the cut.
        false_detection_rate: Share of the absent landmarks accepted.
        error_mm_mean: Mean error of the accepted ones, mm; NaN where none is.
        error_mm_median: Their median.
        accepted: Their number.
    """

    cuts: Float[np.ndarray, "C"]
    detection_rate: Float[np.ndarray, "C"]
    false_detection_rate: Float[np.ndarray, "C"]
    error_mm_mean: Float[np.ndarray, "C"]
    error_mm_median: Float[np.ndarray, "C"]
    accepted: np.ndarray


def activation_curve(
    error_mm: Float[np.ndarray, "N L"],
    has_guess: Bool[np.ndarray, "N L"],
    confidence: Float[np.ndarray, "N L"],
    visible: Bool[np.ndarray, "N L"],
    annotated: Bool[np.ndarray, "N L"],
    cuts: Sequence[float],
) -> ActivationCurve:
    """Sweep the confidence cut (Gao et al., Nature Machine Intelligence 2023, SyntheX: "activated" landmarks).

    Args:
        error_mm: Error of every guess, mm; NaN where there is no truth or no guess.
        has_guess: Whether there is a position at all; without one nothing is ever accepted.
        confidence: In [0, 1].
        visible: Landmark lies in the image.
        annotated: Its presence is known.
        cuts: Confidence cuts in any order.
    """
    ordered = np.sort(np.asarray(cuts, dtype=np.float64))
    rows = []
    for cut in ordered:
        accepted = has_guess & (confidence >= cut)
        errors = error_mm[accepted & visible & annotated]
        rows.append(
            (
                detection_rate(accepted, visible, annotated),
                false_detection_rate(accepted, visible, annotated),
                float(np.mean(errors)) if len(errors) else np.nan,
                float(np.median(errors)) if len(errors) else np.nan,
                len(errors),
            )
        )
    table = np.array(rows, dtype=np.float64).reshape(len(ordered), 5)
    return ActivationCurve(ordered, table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4].astype(np.int64))
