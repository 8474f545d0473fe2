"""How a displayed image becomes a file: grey levels, JPEG, other sizes, and letters on a plate."""

import numpy as np

from synthex.augment.display import from_bytes, to_bytes
from synthex.augment.library import cv2
from synthex.augment.operation import Frame, PixelOperation
from synthex.core.arrays import Image

_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
INTERPOLATIONS = tuple(_INTERPOLATIONS)
PLATES = ("box", "disc")


class Jpeg(PixelOperation):
    """Eight bits and JPEG compression at ``quality`` (1 to 100 in libjpeg's scale, rounded), decoded again."""

    name = "jpeg"

    def _render(self, unit: Image, frame: Frame, *, quality: float) -> Image:
        _, data = cv2.imencode(".jpg", to_bytes(unit), [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
        return from_bytes(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)))


class Quantize(PixelOperation):
    """Rounded to ``levels`` equally spaced grey values."""

    name = "quantize"

    def _render(self, unit: Image, frame: Frame, *, levels: int) -> Image:
        steps = np.float32(levels - 1)
        return np.rint(unit * steps) / steps


class Resample(PixelOperation):
    """Shrunk to ``factor`` of its size by area and enlarged again by ``interpolation``; what is centred stays so."""

    name = "resample"

    def _render(self, unit: Image, frame: Frame, *, factor: float, interpolation: str) -> Image:
        size = (max(2, round(frame.width * factor)), max(2, round(frame.height * factor)))
        small = cv2.resize(unit, size, interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, (frame.width, frame.height), interpolation=_INTERPOLATIONS[interpolation])
        return np.clip(large, 0, 1)


class LetterPlate(PixelOperation):
    """``text`` on a ``plate`` (box or disc) of ``level``, itself of the opposite level.

    Height of the letters ``size`` of the image's, the plate's corner at (x, y) of what the image leaves.
    """

    name = "letter_plate"

    def _render(
        self, unit: Image, frame: Frame, *, text: str, plate: str, size: float, x: float, y: float, level: float
    ) -> Image:
        pixels = max(size * frame.height, 6.0)
        font, scale, thickness = cv2.FONT_HERSHEY_SIMPLEX, pixels / 22, max(1, round(pixels / 9))
        (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
        wide, high = round(width + 0.8 * pixels), round(height + 0.8 * pixels)
        if plate == "disc":
            wide = high = max(wide, high)
        left, top = round(x * max(frame.width - wide, 0)), round(y * max(frame.height - high, 0))
        ground, letters = np.zeros((2, *unit.shape), dtype=np.uint8)
        if plate == "disc":
            cv2.circle(ground, (left + wide // 2, top + high // 2), wide // 2, 255, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(ground, (left, top), (left + wide - 1, top + high - 1), 255, -1)
        corner = (left + (wide - width) // 2, top + (high + height) // 2)
        cv2.putText(letters, text, corner, font, scale, 255, thickness, cv2.LINE_AA)
        paper, ink = from_bytes(ground), from_bytes(np.minimum(ground, letters))
        shown = unit + paper * (np.float32(level) - unit)
        return shown + ink * (np.float32(1 - level) - shown)
