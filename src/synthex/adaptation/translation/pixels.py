"""Between a radiograph's pixel values and those that a translator works on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from synthex.core import ConfigError, Sample
from synthex.core.arrays import Image
from synthex.data import to_log
from synthex.data.preprocess import Normalization

DEVIATIONS = 3.0
"""Standard deviations from the mean that are mapped to 1, where images are normalised by them: radiographs hardly go
further, and what a generator ends in (tanh) cannot. Our choice."""


@dataclass(frozen=True)
class Scale:
    """``log image = offset + gain * value``; the values are about -1 to 1.

    Attributes:
        offset: In the units of the image.
        gain: The same, above 0.
    """

    offset: float
    gain: float

    @classmethod
    def of(cls, image: Image, normalization: Normalization) -> "Scale":
        """The scale whose values are those of :func:`synthex.data.normalize` times a constant.

        Raises:
            ConfigError: The normalisation cannot be undone.
        """
        check_invertible(normalization)
        if normalization == "minmax":
            low, high = float(image.min()), float(image.max())
            return cls((low + high) / 2, max(high - low, 1e-6) / 2)
        return cls(float(image.mean()), DEVIATIONS * max(float(image.std()), 1e-6))

    def to_values(self, image: Image) -> Image:
        """Values of a log image."""
        return ((image - np.float32(self.offset)) / np.float32(self.gain)).astype(np.float32)

    def to_image(self, values: Image) -> Image:
        """The log image of values."""
        return (values * np.float32(self.gain) + np.float32(self.offset)).astype(np.float32)


def check_invertible(normalization: Normalization) -> None:
    """Refuse a normalisation that a translator's images cannot come back from.

    Raises:
        ConfigError: It is ``robust``, which clips.
    """
    if normalization == "robust":
        raise ConfigError("translators need data.normalization=zscore or minmax; robust clips, and has no way back")


def values_of(sample: Sample, normalization: Normalization) -> tuple[Image, Scale]:
    """A sample's pixels as values about -1 to 1, bone bright, and the way back."""
    image = to_log(sample)
    scale = Scale.of(image, normalization)
    return scale.to_values(image), scale


def scaled(normalised: Float[Tensor, "1 H W"], normalization: Normalization) -> Float[Tensor, "1 H W"]:
    """Values of pixels that were normalised already (:func:`synthex.data.preprocess`)."""
    return normalised * 2 - 1 if normalization == "minmax" else normalised / DEVIATIONS
