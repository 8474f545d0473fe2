"""Wide Gaussian smoothing of images, in millimetres, with a stated world beyond the border."""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from scipy.special import ndtr

from synthex.core import ConfigError
from synthex.core.arrays import Image

_BLOCKS_PER_SIGMA = 4
"""Sources are averaged over blocks of sigma / 4 first, which widens the Gaussian by 0.3 % (variance of a box:
block^2 / 12 = sigma^2 / 192), and makes the cost of a wide Gaussian negligible."""

_REACH_SIGMAS = 6.0
"""Mirror images farther away than this are left out (their weight is below 1e-8)."""


def gaussian_smooth(image: Image, pixel_mm: float, sigma_mm: float, beyond: float = 1.0) -> Image:
    """Convolve with a unit-sum Gaussian, as two small matrix products.

    Each pixel gets the exact integral of the Gaussian over every block of pixels, so a constant stays
    that constant for any sigma when ``beyond`` is 1.

    Args:
        image: H x W.
        pixel_mm: Pixel pitch in mm.
        sigma_mm: Standard deviation in mm; 0 returns the image unchanged.
        beyond: Strength of what lies past the border, per axis: 1 is the image mirrored (the scene goes on),
            0 is nothing.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not (pixel_mm > 0 and sigma_mm >= 0 and math.isfinite(sigma_mm)):
        raise ConfigError(f"smoothing needs pixel_mm > 0 and sigma_mm >= 0, got {pixel_mm} and {sigma_mm}")
    if not 0 <= beyond <= 1:
        raise ConfigError(f"beyond must be in [0, 1] (0 nothing, 1 the image mirrored), got {beyond}")
    if sigma_mm == 0:
        return image
    block = max(1, int(sigma_mm / pixel_mm / _BLOCKS_PER_SIGMA))
    rows, columns = (_edges(pixels, block) for pixels in image.shape)
    blocks = np.add.reduceat(np.add.reduceat(image, rows[:-1], axis=0), columns[:-1], axis=1)
    blocks /= np.outer(np.diff(rows), np.diff(columns)).astype(np.float32)
    sigma_px = sigma_mm / pixel_mm
    height, width = image.shape
    return _weights(height, block, sigma_px, beyond) @ blocks @ _weights(width, block, sigma_px, beyond).T


def _edges(pixels: int, block: int) -> np.ndarray:
    """Edges of blocks of ``block`` pixels; the last one may be smaller."""
    return np.append(np.arange(0, pixels, block), pixels)


@lru_cache(maxsize=32)
def _weights(pixels: int, block: int, sigma_px: float, beyond: float) -> Float32[np.ndarray, "pixels blocks"]:
    """Weight of every block in every pixel: the block's own, plus ``beyond`` times its mirror images'."""
    edges = _edges(pixels, block)
    centers = (np.arange(pixels) + 0.5)[:, None]

    def mass(offset: float, sign: int) -> np.ndarray:
        cumulative = ndtr((offset + sign * edges - centers) / sigma_px)
        return sign * np.diff(cumulative, axis=1)

    total = mass(0.0, 1)
    if beyond > 0:
        copies = math.ceil(_REACH_SIGMAS * sigma_px / (2 * pixels)) + 1
        mirrored = sum(mass(2.0 * pixels * n, -1) for n in range(1 - copies, copies + 1))
        repeated = sum(mass(2.0 * pixels * n, 1) for n in range(-copies, copies + 1) if n)
        total = total + beyond * (mirrored + repeated)
    weights = total.astype(np.float32)
    weights.setflags(write=False)
    return weights
