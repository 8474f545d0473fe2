"""Grey-value operations: inversion, noise, contrast curves, multiplication (facts 2.2).

All work on the image's own range as [0, 1] and clip to it, as a display or an 8-bit detector saturates;
additive noise alone is not clipped, for its mean must stay zero.
"""

import numpy as np

from synthex.augment.library import A
from synthex.augment.operation import Frame, PixelOperation, generator
from synthex.core.arrays import Image

_INVERT = A.InvertImg(p=1.0)
_GAMMA = A.RandomGamma(p=1.0)
_MULTIPLY = A.MultiplicativeNoise(p=1.0)


class Inversion(PixelOperation):
    """Bone bright becomes bone dark: minimum + maximum - value; the sample's ``domain`` is not changed."""

    name = "inversion"

    def _render(self, unit: Image, frame: Frame) -> Image:
        return _INVERT.apply(unit)


class GaussianNoise(PixelOperation):
    """White Gaussian noise of standard deviation ``sigma`` (fraction of the image's range)."""

    name = "gaussian_noise"

    def _render(self, unit: Image, frame: Frame, *, sigma: float, seed: int) -> Image:
        return unit + np.float32(sigma) * generator(seed).standard_normal(unit.shape, dtype=np.float32)


class Gamma(PixelOperation):
    """value ** ``exponent``."""

    name = "gamma"

    def _render(self, unit: Image, frame: Frame, *, exponent: float) -> Image:
        return _GAMMA.apply(unit, gamma=exponent)


class LinearContrast(PixelOperation):
    """1/2 + ``factor`` * (value - 1/2), clipped (imgaug's LinearContrast)."""

    name = "linear_contrast"

    def _render(self, unit: Image, frame: Frame, *, factor: float) -> Image:
        return np.clip(0.5 + np.float32(factor) * (unit - 0.5), 0, 1)


class LogContrast(PixelOperation):
    """``gain`` * log2(1 + value), clipped (imgaug's LogContrast)."""

    name = "log_contrast"

    def _render(self, unit: Image, frame: Frame, *, gain: float) -> Image:
        return np.clip(np.float32(gain) * np.log2(1 + unit), 0, 1)


class SigmoidContrast(PixelOperation):
    """1 / (1 + exp(``gain`` * (``cutoff`` - value))) (imgaug's SigmoidContrast)."""

    name = "sigmoid_contrast"

    def _render(self, unit: Image, frame: Frame, *, gain: float, cutoff: float) -> Image:
        return 1 / (1 + np.exp(np.float32(gain) * (np.float32(cutoff) - unit)))


class MultiplyImage(PixelOperation):
    """value * ``factor``, clipped; a factor below 1 is undone by any later per-image normalisation."""

    name = "multiply_image"

    def _render(self, unit: Image, frame: Frame, *, factor: float) -> Image:
        return _MULTIPLY.apply(unit, multiplier=factor)


class MultiplyPixels(PixelOperation):
    """Each pixel times its own uniform factor in [``low``, ``high``], clipped."""

    name = "multiply_pixels"

    def _render(self, unit: Image, frame: Frame, *, low: float, high: float, seed: int) -> Image:
        factors = generator(seed).random(unit.shape, dtype=np.float32) * np.float32(high - low) + np.float32(low)
        return _MULTIPLY.apply(unit, multiplier=factors)
