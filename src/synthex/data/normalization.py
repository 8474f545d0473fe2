"""How an image's arbitrary gain and offset are removed."""

from typing import Literal

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from synthex.core.arrays import Image

Normalization = Literal["zscore", "minmax", "robust"]

GRID = 256
"""Statistics of ``robust`` are those of every n-th pixel each way, so that about as many are left."""
LEVELS, NEAR = 256, 2
"""Grey levels over the image's range without its outermost hundredths, and how many of them up and down are one for a
blank region, as JPEG leaves it: our choice."""
BORDER_SHARE, MOST = 0.1, 0.95
SPREAD, LIMIT = 2.563, 4.0
"""Distance of the 10 % and the 90 % quantile of a normal distribution in standard deviations, and where values are cut:
our choice. Metal is cut and stays above bone."""


def normalize(image: Image, mode: Normalization = "zscore") -> Image:
    """Remove the arbitrary gain and offset of a log image; a constant image becomes all zero.

    ``zscore`` subtracts the mean and divides by the standard deviation of all pixels, ``minmax`` maps the range to
    [0, 1]. ``robust`` subtracts the median and divides by the distance of the 10 % and 90 % quantiles (in units that
    make it the standard deviation of a normal distribution), all of what is no blank border (:func:`blank`), and cuts
    at 4 such deviations: letterboxes, round fields, shutters, letters and metal leave the anatomy's values where they
    are.
    """
    if mode == "minmax":
        low, high = float(image.min()), float(image.max())
        return ((image - low) / max(high - low, 1e-6)).astype(np.float32)
    if mode == "robust":
        step = max(1, round(max(image.shape) / GRID))
        few = image[::step, ::step]
        low, middle, high = (float(value) for value in np.quantile(few[~blank(few)], (0.1, 0.5, 0.9)))
        deviation = max((high - low) / SPREAD, 1e-3 * float(np.ptp(few)), 1e-6)
        return np.clip((image - middle) / deviation, -LIMIT, LIMIT).astype(np.float32)
    deviation = float(image.std())
    return ((image - image.mean()) / max(deviation, 1e-6)).astype(np.float32)


def blank(image: Image) -> Bool[np.ndarray, "H W"]:
    """Pixels that show nothing: regions of one grey level that reach the border and make up a tenth of it.

    Letterboxes, the surround of a round field, closed shutters, saturated air. Nothing is blank where everything
    would be.
    """
    low, high = (float(value) for value in np.quantile(image, (0.01, 0.99)))
    found = np.zeros(image.shape, dtype=bool)
    if high <= low:
        return found
    levels = np.clip((image - low) * (LEVELS / (high - low)), 0, LEVELS - 1).astype(np.int64)
    border = np.ones(image.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    counts = np.convolve(np.bincount(levels[border], minlength=LEVELS), np.ones(2 * NEAR + 1), mode="same")
    for level in np.flatnonzero(counts >= BORDER_SHARE * border.sum()):
        regions, _ = ndimage.label(np.abs(levels - level) <= NEAR)
        reaching = np.unique(regions[border])
        found |= np.isin(regions, reaching[reaching > 0])
    return found if found.mean() < MOST else np.zeros_like(found)
