"""What a radiographic workstation does to an image before anybody sees it: windows, tone curves, frequency processing.

Public chest images are screen captures and exports of processed images, each vendor's and each journal's
different. All operations work on the display scale, the image's own range as [0, 1] with 0 for black, and stay
within it. Lengths are fractions of the image's shorter side, for the processing belongs to the anatomy on the film
and not to the pixels a network sees; only sharpening at the finest scale is in pixels.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator

from synthex.augment.library import cv2
from synthex.augment.operation import Frame, PixelOperation, generator
from synthex.core.arrays import Image

_NARROWEST = 0.05
"""Least width of a window, of the image's range: our choice, so that an image with one plateau is not made binary."""

_KNOTS = np.linspace(0, 1, 6)
_CURVE_POINTS = np.linspace(0, 1, 257)
_NOISE_FLOOR = 0.01
"""Of the image's range; weaker detail is not amplified any more, lest it be noise. Our choice."""


class LinearWindow(PixelOperation):
    """A linear window: black up to the ``black_quantile`` of the image's values, white from the ``white_quantile``.

    DICOM PS3.3, C.11.2.1.2. Limits are quantiles, because consoles set windows by the image's histogram; the range
    itself hangs on a few pixels of bare beam or metal.
    """

    name = "linear_window"

    def _render(self, unit: Image, frame: Frame, *, black_quantile: float, white_quantile: float) -> Image:
        black, white = _quantiles(unit, black_quantile, white_quantile)
        return np.clip((unit - black) / max(white - black, np.float32(_NARROWEST)), 0, 1)


class SigmoidWindow(PixelOperation):
    """A sigmoid window, 1 / (1 + exp(-4 (value - c) / w)), stretched so that the image's range stays the range.

    DICOM PS3.3, C.11.2.1.3.1. The centre c is the ``centre_quantile`` of the image's values, the width w is ``width``
    times what lies between the 5 % and the 95 % quantile.
    """

    name = "sigmoid_window"

    def _render(self, unit: Image, frame: Frame, *, centre_quantile: float, width: float) -> Image:
        centre, low, high = _quantiles(unit, centre_quantile, 0.05, 0.95)
        scale = 4 / max(np.float32(width) * (high - low), np.float32(_NARROWEST))
        return stretched(1 / (1 + np.exp(scale * (centre - unit))))


class ToneSpline(PixelOperation):
    """A random increasing curve from (0, 0) to (1, 1): the lookup table of an unknown console or film.

    Five equal steps of input rise by lognormal amounts (log standard deviation ``strength``, cut at two of them),
    joined by the monotone cubics of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984).
    """

    name = "tone_spline"

    def _render(self, unit: Image, frame: Frame, *, strength: float, seed: int) -> Image:
        rises = np.exp(strength * np.clip(generator(seed).standard_normal(len(_KNOTS) - 1), -2, 2))
        heights = np.concatenate(([0.0], np.cumsum(rises) / rises.sum()))
        curve = PchipInterpolator(_KNOTS, heights)(_CURVE_POINTS)
        return _interpolated(unit, np.maximum.accumulate(curve))


class LocalEqualization(PixelOperation):
    """Contrast-limited adaptive histogram equalisation on 8 bits, blended in by ``amount``.

    Zuiderveld, Graphics Gems IV (1994), as OpenCV has it: ``tiles`` x ``tiles`` histograms, cut at ``clip_limit``
    times their mean.
    """

    name = "local_equalization"

    def _render(self, unit: Image, frame: Frame, *, clip_limit: float, tiles: int, amount: float) -> Image:
        equalized = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles)).apply(to_bytes(unit))
        return unit + np.float32(amount) * (from_bytes(equalized) - unit)


class UnsharpMask(PixelOperation):
    """Adds ``amount`` times what a Gaussian of ``sigma`` (fraction of the shorter side) takes away; clipped."""

    name = "unsharp_mask"

    def _render(self, unit: Image, frame: Frame, *, sigma: float, amount: float) -> Image:
        detail = unit - low_pass(unit, sigma * min(unit.shape))
        return np.clip(unit + np.float32(amount) * detail, 0, 1)


class MultiScaleContrast(PixelOperation):
    """Detail of three scales amplified each by its gain, faint detail more than strong; then stretched to the range.

    The law of multi-scale image contrast amplification (Vuylsteke and Schoeters, SPIE 2167, 1994): a detail d of a
    band whose largest is m becomes d * (abs(d) / m) ** (``exponent`` - 1). The bands, from the finest, end at
    Gaussians of 3, 9 and 27 pixels at 224 px, and in proportion at other sizes; theirs is a pyramid of more levels.
    """

    name = "multi_scale_contrast"

    def _render(
        self, unit: Image, frame: Frame, *, fine: float, medium: float, coarse: float, exponent: float
    ) -> Image:
        finest = min(unit.shape) / 224
        smooth = [unit, *(low_pass(unit, finest * sigma) for sigma in (3.0, 9.0, 27.0))]
        result = smooth[-1]
        for gain, sharper, smoother in zip((fine, medium, coarse), smooth, smooth[1:], strict=False):
            detail = sharper - smoother
            size = np.abs(detail) + np.float32(_NOISE_FLOOR)
            result = result + np.float32(gain) * detail * (size / size.max()) ** np.float32(exponent - 1)
        return stretched(result)


class RangeCompression(PixelOperation):
    """Takes ``strength`` of the low frequencies away, and stretches what is left to the range.

    Dynamic range compression as computed radiography does it: lung and mediastinum come nearer to each other
    while detail keeps its contrast. Low means below a Gaussian of ``sigma`` (fraction of the shorter side).
    """

    name = "range_compression"

    def _render(self, unit: Image, frame: Frame, *, sigma: float, strength: float) -> Image:
        return stretched(unit - np.float32(strength) * low_pass(unit, sigma * min(unit.shape)))


class Vignette(PixelOperation):
    """Darker towards the corners, by 1 - ``strength`` (r / half the diagonal)²; r from a centre (x, y) off the middle.

    Photographs of films on light boxes have it.
    """

    name = "vignette"

    def _render(self, unit: Image, frame: Frame, *, strength: float, x: float, y: float) -> Image:
        columns = np.arange(frame.width, dtype=np.float32) + np.float32(0.5 - (0.5 + x) * frame.width)
        rows = (np.arange(frame.height, dtype=np.float32) + np.float32(0.5 - (0.5 + y) * frame.height))[:, None]
        square = (columns**2 + rows**2) / np.float32((frame.width**2 + frame.height**2) / 4)
        return unit * (1 - np.float32(strength) * np.minimum(square, 1))


def _interpolated(unit: Image, curve: np.ndarray) -> Image:
    """``np.interp(unit, _CURVE_POINTS, curve)``, bit for bit; its search takes four times as long as an index."""
    index = (unit * np.float32(len(curve) - 1)).astype(np.intp)
    slopes = np.append(np.diff(curve) / np.diff(_CURVE_POINTS), 0.0)
    return (slopes[index] * (unit - _CURVE_POINTS[index]) + curve[index]).astype(np.float32)


def low_pass(image: Image, sigma_px: float) -> Image:
    """Gaussian blur of ``sigma_px`` with a mirrored border; wide ones on a smaller grid, for speed."""
    if sigma_px < 0.3:  # below that the samples of the Gaussian beside the middle one are under 1 %
        return image
    shrink = max(1, int(sigma_px / 2))
    if shrink == 1:
        return cv2.GaussianBlur(image, (0, 0), sigma_px)
    height, width = image.shape
    small = cv2.resize(image, (max(2, width // shrink), max(2, height // shrink)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px * small.shape[1] / width)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)


def stretched(image: Image) -> Image:
    """``image`` mapped linearly to [0, 1] by its extremes; a constant one becomes 0."""
    low, high = image.min(), image.max()
    return (image - low) / (high - low) if high > low else np.zeros_like(image)


def to_bytes(unit: Image) -> np.ndarray:
    """[0, 1] as uint8, rounded."""
    return np.clip(np.rint(unit * np.float32(255)), 0, 255).astype(np.uint8)


def from_bytes(values: np.ndarray) -> Image:
    """uint8 as [0, 1]."""
    return values.astype(np.float32) / np.float32(255)


def _quantiles(unit: Image, *levels: float) -> np.ndarray:
    """Quantiles of every other pixel each way: a quarter of the sorting, and a window needs no more."""
    return np.quantile(unit[::2, ::2], levels).astype(np.float32)
