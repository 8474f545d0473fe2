"""How alike a radiograph and a projection are whatever their tones, and which way the projection should change.

Both are normalised in the neighbourhood of every pixel: mean taken away, divided by the standard deviation. The mean
of ``1 - (a - b)^2 / 2`` over the pixels is then the local normalised cross-correlation (but for the floor of the
deviation), and the difference ``a - b`` a residual that Gauss and Newton can work on.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float32

from synthex.core.arrays import Image

FLOOR = 0.1
"""Smallest local deviation that counts, of that of the whole image: noise of a flat neighbourhood is not blown up."""

Channels = Float32[np.ndarray, "C H W"]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Gaussian neighbourhoods among pixels that count.

    Attributes:
        weights: H x W in [0, 1]; what weighs 0 takes no part.
        sigma_px: Standard deviation of the neighbourhood.
    """

    weights: Image
    sigma_px: float
    _mass: Image = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_mass", np.maximum(self._blur(self.weights), np.float32(1e-3)))

    def _blur(self, image: Image) -> Image:
        # Two boxes of a side s have the variance (s^2 - 1) / 6 of a Gaussian, at a cost that does not grow with s.
        side = max(3, 2 * round(self.sigma_px * 1.22) + 1)
        for _ in range(2):
            image = cv2.blur(image, (side, side), borderType=cv2.BORDER_CONSTANT)
        return image

    def mean(self, image: Image) -> Image:
        """Local mean of the pixels that count."""
        return self._blur(image * self.weights) / self._mass


def gradient(image: Image, sigma_px: float | int = 0.0) -> Channels:
    """Differences along columns and rows (Sobel's) of an image blurred by ``sigma_px``, 2 x H x W."""
    if sigma_px > 0:
        image = cv2.GaussianBlur(image, (0, 0), sigma_px)
    return np.stack([cv2.Sobel(image, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1))])


def normalised(
    channels: Channels, around: Neighbourhood, floor: float | int = FLOOR
) -> tuple[Channels, Channels, Image]:
    """Channels with their local mean taken away, over their local deviation.

    Returns:
        The normalised channels, the centred ones, and the deviation (H x W, of all channels together).
    """
    centred = np.stack([channel - around.mean(channel) for channel in channels])
    variance = around.mean(np.einsum("cij,cij->ij", centred, centred))
    whole = float(np.sum(variance * around.weights) / max(float(around.weights.sum()), 1e-6))
    deviation = np.sqrt(variance + np.float32(floor**2 * whole + 1e-12))
    return centred / deviation, centred, deviation


def normalised_derivative(change: Channels, known: tuple[Channels, Channels, Image], around: Neighbourhood) -> Channels:
    """How normalised channels, as :func:`normalised` returns them, change where the channels change by ``change``.

    The floor of the deviation is held.
    """
    normal, centred, deviation = known
    moved = np.stack([part - around.mean(part) for part in change])
    widened = around.mean(np.einsum("cij,cij->ij", centred, moved)) / deviation
    return (moved - normal * widened) / deviation
