"""Neighbourhood operations: blur, convolution, pooling, elastic jitter (facts 2.2).

Their lengths are in pixels: they randomise the sampling and sharpness of the pixel grid that the network
sees. All are centred, so labels stay true (the original's even box kernels shift the image by half a
pixel).
"""

from collections.abc import Callable

import numpy as np

from synthex.augment.library import A, cv2
from synthex.augment.operation import Frame, PixelOperation, generator
from synthex.core.arrays import Image

_GAUSSIAN = A.GaussianBlur(p=1.0)
_SHARPEN = A.Sharpen(p=1.0)
_EMBOSS = A.Emboss(p=1.0)
_ELASTIC = A.ElasticTransform(border_mode=cv2.BORDER_REFLECT_101, interpolation=cv2.INTER_LINEAR, p=1.0)
_CENTRE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.float32)


class GaussianBlur(PixelOperation):
    """Gaussian blur of ``sigma_px``; kernel out to 3.5 sigma."""

    name = "gaussian_blur"

    def _render(self, unit: Image, frame: Frame, *, sigma_px: float) -> Image:
        return _GAUSSIAN.apply(unit, kernel=gaussian_kernel(sigma_px))


class BoxBlur(PixelOperation):
    """Mean over ``width_px``; an even width covers half of the outermost pixels, so that it stays centred."""

    name = "box_blur"

    def _render(self, unit: Image, frame: Frame, *, width_px: int) -> Image:
        kernel = np.ones(width_px // 2 * 2 + 1, dtype=np.float32)
        if width_px % 2 == 0:
            kernel[[0, -1]] = 0.5
        return _GAUSSIAN.apply(unit, kernel=kernel / kernel.sum())


class Sharpen(PixelOperation):
    """Blend by ``alpha`` with the 3 x 3 Laplacian sharpening of gain ``lightness``."""

    name = "sharpen"

    def _render(self, unit: Image, frame: Frame, *, alpha: float, lightness: float) -> Image:
        effect = np.full((3, 3), -1, dtype=np.float32)
        effect[1, 1] = 8 + lightness
        return _SHARPEN.apply(
            unit, alpha=alpha, sharpening_matrix=np.float32(1 - alpha) * _CENTRE + np.float32(alpha) * effect
        )


class Emboss(PixelOperation):
    """Blend by ``alpha`` with a diagonal relief of ``strength``."""

    name = "emboss"

    def _render(self, unit: Image, frame: Frame, *, alpha: float, strength: float) -> Image:
        effect = np.array(
            [[-1 - strength, -strength, 0], [-strength, 1, strength], [0, strength, 1 + strength]], dtype=np.float32
        )
        return _EMBOSS.apply(unit, emboss_matrix=np.float32(1 - alpha) * _CENTRE + np.float32(alpha) * effect)


class Pool(PixelOperation):
    """Every ``size_px`` x ``size_px`` block becomes one value; the image keeps its size."""

    statistic: Callable[[np.ndarray], np.ndarray]

    def _render(self, unit: Image, frame: Frame, *, size_px: int) -> Image:
        height, width = unit.shape
        pad = ((0, -height % size_px), (0, -width % size_px))
        padded = np.pad(unit, pad, mode="edge")
        rows, columns = padded.shape[0] // size_px, padded.shape[1] // size_px
        blocks = padded.reshape(rows, size_px, columns, size_px).transpose(1, 3, 0, 2).reshape(-1, rows, columns)
        pooled = type(self).statistic(blocks)
        return pooled.repeat(size_px, axis=0).repeat(size_px, axis=1)[:height, :width]


def _median(blocks: np.ndarray) -> np.ndarray:
    """Median over axis 0 of an even number of values (sorting is much faster than numpy.median here)."""
    ordered = np.sort(blocks, axis=0)
    half = len(blocks) // 2
    return (ordered[half - 1] + ordered[half]) / 2


class AveragePool(Pool):
    """The mean of each block."""

    name = "average_pool"
    statistic = staticmethod(lambda blocks: blocks.mean(axis=0))


class MaxPool(Pool):
    """The maximum of each block."""

    name = "max_pool"
    statistic = staticmethod(lambda blocks: blocks.max(axis=0))


class MinPool(Pool):
    """The minimum of each block."""

    name = "min_pool"
    statistic = staticmethod(lambda blocks: blocks.min(axis=0))


class MedianPool(Pool):
    """The median of each block (of an even ``size_px``)."""

    name = "median_pool"
    statistic = staticmethod(_median)


class Elastic(PixelOperation):
    """Each pixel is read ``alpha_px`` * U(-1, 1) away, smoothed by ``sigma_px``.

    At the original's sigma of 0.25 px neighbours move independently with zero mean: glass, not a warp of
    the anatomy, so labels stay where they are.
    """

    name = "elastic"

    def _render(self, unit: Image, frame: Frame, *, alpha_px: float, sigma_px: float, seed: int) -> Image:
        height, width = unit.shape
        moves = generator(seed).random((2, height, width), dtype=np.float32) * 2 - 1
        columns, rows = (np.float32(alpha_px) * cv2.GaussianBlur(move, (0, 0), sigma_px) for move in moves)
        columns = columns + np.arange(width, dtype=np.float32)
        rows = rows + np.arange(height, dtype=np.float32)[:, None]
        return _ELASTIC.apply(unit, map_x=columns, map_y=rows)


def gaussian_kernel(sigma_px: float) -> np.ndarray:
    """Normalised samples of a Gaussian out to 3.5 sigma, odd length; 1 tap where that is below one pixel."""
    radius = int(3.5 * sigma_px)
    if radius == 0:
        return np.ones(1, dtype=np.float32)
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (x / sigma_px) ** 2)
    return (weights / weights.sum()).astype(np.float32)
