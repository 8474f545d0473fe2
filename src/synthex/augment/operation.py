"""What one operation is: an albumentations transform that is told its parameters.

albumentations draws parameters from generators of its own; seeded per sample they are the *same* stream
in every transform of a composition (``Compose.set_random_seed`` hands one seed to all), so that the
coins of different operations would fall alike. Here parameters are drawn by :mod:`synthex.augment.tree`
from the caller's generator, recorded, and handed to ``apply_with_params``: nothing random is left in
the transform, and a replay is the same call with the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthex.augment.library import A
from synthex.core.arrays import Image
from synthex.core.sample import Domain, Sample


@dataclass(frozen=True)
class Frame:
    """What an operation may know about the image besides its pixels.

    Attributes:
        height: Rows.
        width: Columns.
        pixel_mm: Pixel pitch at the detector, mm.
        magnification: SDD over source-isocentre distance.
        domain: ``log`` (bone bright) or ``intensity`` (bone dark).
    """

    height: int
    width: int
    pixel_mm: float
    magnification: float
    domain: Domain

    @classmethod
    def of(cls, sample: Sample) -> "Frame":
        """The frame of ``sample``."""
        height, width = sample.image.shape
        return cls(height, width, sample.pixel_mm, sample.magnification, sample.domain)

    def object_px(self, size_mm: float) -> float:
        """Size on the detector, in pixels, of something ``size_mm`` large at the isocentre."""
        return size_mm * self.magnification / self.pixel_mm


class PixelOperation(A.ImageOnlyTransform):
    """An operation on pixel values alone; masks and landmarks pass through bit for bit.

    The image is mapped to [0, 1] by its own minimum and maximum, changed by ``_render``, and mapped
    back, so one set of ranges fits every intensity scale (original: each operation rescales like this).
    The maps are computed in float64, so that nothing is quantised. A constant image has no range to
    randomise within and is returned as it is.
    """

    name: ClassVar[str]
    _render: Callable[..., Image]
    """(unit image, frame, parameters by name) -> changed image; never writes into the unit image."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply(self, img: Image, frame: Frame, **params: Any) -> Image:
        """Rescale, render, map back; finite values of float32 whatever the image's range."""
        low, high = np.float64(img.min()), np.float64(img.max())
        span = high - low
        if span <= 0:
            return img
        work = img - low  # one array of float64 for the way there and back: a policy goes it ten times
        work /= span
        work[...] = self._render(work.astype(np.float32), frame, **params)
        work *= span
        work += low
        limit = np.finfo(np.float32).max
        return np.clip(work, -limit, limit, out=work).astype(np.float32)


class SampleOperation:
    """An operation on a sample as a whole: one that changes its size, its pitch or its domain."""

    name: ClassVar[str]
    apply: Callable[..., Sample]
    """(sample, parameters by name) -> new sample; nothing is drawn here."""


def generator(seed: int) -> np.random.Generator:
    """The generator of a pixel field whose recorded parameter is ``seed``."""
    return np.random.Generator(np.random.PCG64(seed))


def attenuation(unit: Image, frame: Frame) -> Image:
    """The image on [0, 1] with air at 0 and bone bright, in either domain; its own inverse.

    By the domain alone: after an inversion earlier in the chain air is at 1, as it is in the original.
    """
    return unit if frame.domain == "log" else 1 - unit
