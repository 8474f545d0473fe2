"""Operations that replace pixels: impulse noise and dropout, per pixel or in coarse cells (facts 2.2)."""

import numpy as np

from synthex.augment.library import A
from synthex.augment.operation import Frame, PixelOperation, attenuation, generator
from synthex.core.arrays import Image

_SALT_AND_PEPPER = A.SaltAndPepper(p=1.0)
_PIXEL_DROPOUT = A.PixelDropout(p=1.0)


class ImpulseNoise(PixelOperation):
    """A ``fraction`` of the pixels take values from Beta(1/2, 1/2): mostly near black or white.

    This is imgaug's law for impulse noise (and, on one channel, for its salt-and-pepper).
    """

    name = "impulse_noise"

    def _render(self, unit: Image, frame: Frame, *, fraction: float, seed: int) -> Image:
        rng = generator(seed)
        hit = rng.random(unit.shape, dtype=np.float32) < fraction
        return _replaced(unit, hit, rng)


class SaltAndPepper(PixelOperation):
    """A ``fraction`` of the pixels become the image's minimum or maximum, evenly; by ``law="beta"`` as imgaug has it.

    There its values are from Beta(1/2, 1/2), as those of :class:`ImpulseNoise` are.
    """

    name = "salt_and_pepper"

    def _render(self, unit: Image, frame: Frame, *, fraction: float, seed: int, law: str = "ends") -> Image:
        if law == "beta":
            rng = generator(seed)
            return _replaced(unit, rng.random(unit.shape, dtype=np.float32) < fraction, rng)
        coin = generator(seed).random(unit.shape, dtype=np.float32)
        salt = coin < fraction / 2
        return _SALT_AND_PEPPER.apply(unit, salt_mask=salt, pepper_mask=(coin < fraction) & ~salt)


class CoarseSaltAndPepper(PixelOperation):
    """Impulse noise in cells: a ``fraction`` of the cells of a grid at ``resolution`` of the image's size."""

    name = "coarse_salt_and_pepper"

    def _render(self, unit: Image, frame: Frame, *, fraction: float, resolution: float, seed: int) -> Image:
        rng = generator(seed)
        return _replaced(unit, _cells(unit.shape, fraction, resolution, rng), rng)


class PixelDropout(PixelOperation):
    """A ``fraction`` of the pixels take the value that air has before any inversion.

    The original writes 0, which is air only where bone is bright. The value is the image's minimum in the
    ``log`` domain and its maximum in the ``intensity`` domain. After an inversion in the same chain that is
    the value of the densest pixel, as it is in the original.
    """

    name = "pixel_dropout"

    def _render(self, unit: Image, frame: Frame, *, fraction: float, seed: int) -> Image:
        hit = generator(seed).random(unit.shape, dtype=np.float32) < fraction
        return _dropped(unit, frame, hit)


class CoarseDropout(PixelOperation):
    """A ``fraction`` of the cells of a grid at ``resolution`` of the image's size take :class:`PixelDropout`'s value.

    imgaug's law; ``A.CoarseDropout`` cuts a number of holes instead.
    """

    name = "coarse_dropout"

    def _render(self, unit: Image, frame: Frame, *, fraction: float, resolution: float, seed: int) -> Image:
        return _dropped(unit, frame, _cells(unit.shape, fraction, resolution, generator(seed)))


def _replaced(unit: Image, hit: np.ndarray, rng: np.random.Generator) -> Image:
    values = unit.copy()
    values[hit] = rng.beta(0.5, 0.5, int(hit.sum()))
    return values


def _dropped(unit: Image, frame: Frame, hit: np.ndarray) -> Image:
    air = attenuation(np.zeros((1, 1), dtype=np.float32), frame)
    return _PIXEL_DROPOUT.apply(unit, drop_mask=hit, drop_values=air)


def _cells(shape: tuple[int, int], fraction: float, resolution: float, rng: np.random.Generator) -> np.ndarray:
    """Bool H x W: each cell of the coarse grid on with probability ``fraction``; at least 3 x 3 cells."""
    rows, columns = (max(3, round(size * resolution)) for size in shape)
    grid = rng.random((rows, columns)) < fraction
    return grid[np.arange(shape[0]) * rows // shape[0]][:, np.arange(shape[1]) * columns // shape[1]]
