"""Landmark errors in pixels and millimetres, and how often a landmark is found.

Throughout, a landmark is *expected* where it is visible and annotated, *absent* where it is annotated
but not visible, and nothing is counted where it is not annotated.
"""

import numpy as np
from jaxtyping import Bool, Float


def distances_px(
    guess: Float[np.ndarray, "*batch 2"], truth: Float[np.ndarray, "*batch 2"]
) -> Float[np.ndarray, "*batch"]:
    """Euclidean distance between image points (column, row), pixels; NaN where either point is NaN."""
    difference = guess.astype(np.float64) - truth.astype(np.float64)
    return np.hypot(difference[..., 0], difference[..., 1])


def errors_mm(
    distance_px: Float[np.ndarray, "N L"],
    pixel_mm: Float[np.ndarray, "N"],
    magnification: Float[np.ndarray, "N"] | None = None,
) -> Float[np.ndarray, "N L"]:
    """Distances in mm.

    Args:
        distance_px: Per case and landmark, pixels.
        pixel_mm: Pixel pitch at the detector of each case, mm.
        magnification: SDD over source-isocentre distance of each case. None gives errors at the detector
            (the paper's figures); with it, errors in the plane of the isocentre, where anatomy is life size.
    """
    scale = pixel_mm if magnification is None else pixel_mm / magnification
    return distance_px * scale[:, None]


def fill_misses(distance_px: Float[np.ndarray, "N L"], diagonal_px: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N L"]:
    """Distances with nothing dropped: a landmark without any guess costs the image diagonal.

    A guess below the confidence cut counts with its own distance; where there is no guess at all, no
    point of the image is farther away than the diagonal, so leaving a landmark out never pays.
    """
    return np.where(np.isnan(distance_px), diagonal_px[:, None], distance_px)


def detection_rate(
    detected: Bool[np.ndarray, "*batch"], visible: Bool[np.ndarray, "*batch"], annotated: Bool[np.ndarray, "*batch"]
) -> float:
    """Share of the visible, annotated landmarks that were detected; NaN if there is none."""
    return _share(detected, visible & annotated)


def false_detection_rate(
    detected: Bool[np.ndarray, "*batch"], visible: Bool[np.ndarray, "*batch"], annotated: Bool[np.ndarray, "*batch"]
) -> float:
    """Share of the landmarks known to be outside the image that were detected all the same; NaN if none."""
    return _share(detected, annotated & ~visible)


def _share(detected: np.ndarray, among: np.ndarray) -> float:
    total = int(np.count_nonzero(among))
    return float(np.count_nonzero(detected & among)) / total if total else float("nan")
