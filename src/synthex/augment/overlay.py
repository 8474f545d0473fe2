"""What is drawn over the image or happens to it on the way to the screen: lines, letters, markers, local blur."""

import numpy as np

from synthex.augment.library import A, cv2
from synthex.augment.operation import Frame, PixelOperation, generator
from synthex.augment.physical import smooth_field
from synthex.augment.texture import gaussian_kernel
from synthex.core.arrays import Image

_GAUSSIAN = A.GaussianBlur(p=1.0)

TEXTS = ("R", "L", "AP", "PA", "LAT", "R2", "L 07", "SUPINE", "ERECT", "12:34", "72 kV", "A+B", "#3", "INLET")
SHAPES = ("ring", "disc", "cross", "arrow", "ruler")


class GridLines(PixelOperation):
    """Parallel lines: the shadow of an anti-scatter grid, a cosine of ``amplitude`` and ``period_px``."""

    name = "grid_lines"

    def _render(
        self, unit: Image, frame: Frame, *, period_px: float, amplitude: float, angle_deg: float, phase: float
    ) -> Image:
        angle = np.deg2rad(angle_deg)
        columns = np.arange(frame.width) * np.cos(angle)
        rows = np.arange(frame.height)[:, None] * np.sin(angle)
        wave = np.cos(2 * np.pi * ((columns + rows) / period_px + phase))
        return np.clip(unit + np.float32(amplitude) * wave.astype(np.float32), 0, 1)


class Graticule(PixelOperation):
    """Thin lines both ways every ``spacing_mm`` of the detector: a ruled grid or a graticule on the cassette."""

    name = "graticule"

    def _render(
        self, unit: Image, frame: Frame, *, spacing_mm: float, x: float, y: float, level: float, opacity: float
    ) -> Image:
        spacing = max(spacing_mm / frame.pixel_mm, 4.0)
        column, row = (
            np.mod(np.arange(size) + shift * spacing, spacing) < 1.0
            for size, shift in ((frame.width, x), (frame.height, y))
        )
        return blend(unit, (row[:, None] | column).astype(np.float32), level, opacity)


class Letters(PixelOperation):
    """``text`` in the Hershey font that OpenCV carries, ``size`` of the image's height, at (x, y) of its size."""

    name = "letters"

    def _render(
        self, unit: Image, frame: Frame, *, text: str, size: float, x: float, y: float, level: float, opacity: float
    ) -> Image:
        font = cv2.FONT_HERSHEY_SIMPLEX
        pixels = max(size * frame.height, 7.0)
        thickness = max(1, round(pixels / 9))
        scale = pixels / 22  # capitals of this font are 22 px high at scale 1
        (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
        corner = (round(x * max(frame.width - width, 0)), round(height + y * max(frame.height - height, 0)))
        canvas = np.zeros(unit.shape, dtype=np.uint8)
        cv2.putText(canvas, text, corner, font, scale, 255, thickness, cv2.LINE_AA)
        return blend(unit, canvas.astype(np.float32) / 255, level, opacity)


class Marker(PixelOperation):
    """A ``shape`` of ``size`` of the image's height at (x, y) of its size: ring, disc, cross, arrow or ruler."""

    name = "marker"

    def _render(
        self,
        unit: Image,
        frame: Frame,
        *,
        shape: str,
        size: float,
        x: float,
        y: float,
        angle_deg: float,
        level: float,
        opacity: float,
    ) -> Image:
        canvas = np.zeros(unit.shape, dtype=np.uint8)
        radius = max(size * frame.height / 2, 2.0)
        centre = np.array([x * frame.width, y * frame.height])
        step = radius * np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))])
        normal = np.array([-step[1], step[0]])
        width = max(1, round(radius / 6))

        def line(start: np.ndarray, end: np.ndarray) -> None:
            cv2.line(canvas, pixel(start), pixel(end), 255, width, cv2.LINE_AA)

        if shape in ("ring", "disc"):
            cv2.circle(canvas, pixel(centre), round(radius), 255, -1 if shape == "disc" else width, cv2.LINE_AA)
        elif shape == "cross":
            line(centre - step, centre + step)
            line(centre - normal, centre + normal)
        elif shape == "arrow":
            cv2.arrowedLine(canvas, pixel(centre - step), pixel(centre + step), 255, width, cv2.LINE_AA, tipLength=0.35)
        else:
            line(centre - 2 * step, centre + 2 * step)
            for tick in np.linspace(-2, 2, 9):
                line(centre + tick * step, centre + tick * step + 0.4 * normal)
        return blend(unit, canvas.astype(np.float32) / 255, level, opacity)


class UnevenBlur(PixelOperation):
    """Gaussian blur of ``sigma_px`` that comes and goes over the image: motion and parallax are never uniform."""

    name = "uneven_blur"

    def _render(self, unit: Image, frame: Frame, *, sigma_px: float, seed: int) -> Image:
        weight = np.clip(0.5 + 0.5 * smooth_field(generator(seed), unit.shape), 0, 1)
        return unit + weight * (_GAUSSIAN.apply(unit, kernel=gaussian_kernel(sigma_px)) - unit)


def blend(unit: Image, cover: Image, level: float, opacity: float = 1.0) -> Image:
    """``level`` over the image where ``cover`` is 1, as opaque as ``opacity``."""
    return unit + np.float32(opacity) * cover * (np.float32(level) - unit)


def pixel(point: np.ndarray | tuple[float, float]) -> tuple[int, int]:
    """The pixel that a point lies in, (column, row), for OpenCV's drawing."""
    return (int(np.floor(point[0])), int(np.floor(point[1])))
