"""What lies over a displayed radiograph: shutters and round fields, masked corners, seams, rulers, annotations.

Levels are on the display scale of the image's range, 0 for black and 1 for white. Widths of lines and edges are in
pixels: they belong to the screen.
"""

import numpy as np

from synthex.augment.library import cv2
from synthex.augment.operation import Frame, PixelOperation, generator
from synthex.augment.overlay import blend, pixel
from synthex.core.arrays import Image

ANNOTATIONS = ("ellipse", "box", "line", "arrow", "angle", "length", "cross", "dashes")
_EDGE_PX = 0.7
"""Half-width of an antialiased edge."""


class RoundField(PixelOperation):
    """The round field of an image intensifier: outside a circle the screen shows one ``level``.

    ``radius`` is a fraction of half the shorter side (beyond 1 the circle is cut by the image's sides, at 1.4 little is
    left of the corners), ``x`` and ``y`` the centre off the image's as fractions of that half. Within ``rim`` of the
    radius the image fades out (optics and dose fall off at the border of the input screen).
    """

    name = "round_field"

    def _render(
        self, unit: Image, frame: Frame, *, radius: float, x: float, y: float, rim: float, level: float
    ) -> Image:
        half = min(frame.width, frame.height) / 2
        columns = np.arange(frame.width, dtype=np.float32) + np.float32(0.5 - frame.width / 2 - x * half)
        rows = (np.arange(frame.height, dtype=np.float32) + np.float32(0.5 - frame.height / 2 - y * half))[:, None]
        beyond = np.sqrt(columns**2 + rows**2) - np.float32(radius * half)
        width = np.float32(max(rim * radius * half, 2 * _EDGE_PX))
        return blend(unit, np.clip(beyond / width + 1, 0, 1), level)


class Shutter(PixelOperation):
    """Straight leaves: past ``position`` (fraction of half the image from its centre) there is one ``level``.

    One edge, or with ``leaves`` 2 the opposite one too; ``angle_deg`` is the direction of the first one's outside from
    +column to +row.
    """

    name = "shutter"

    def _render(
        self, unit: Image, frame: Frame, *, leaves: int, position: float, angle_deg: float, level: float
    ) -> Image:
        angle = np.deg2rad(angle_deg)
        columns = (np.arange(frame.width, dtype=np.float32) + np.float32(0.5 - frame.width / 2)) * np.float32(
            2 / frame.width * np.cos(angle)
        )
        rows = (np.arange(frame.height, dtype=np.float32) + np.float32(0.5 - frame.height / 2)) * np.float32(
            2 / frame.height * np.sin(angle)
        )
        along = rows[:, None] + columns
        beyond = (along if leaves == 1 else np.abs(along)) - np.float32(position)
        pixels = beyond * np.float32(min(frame.width, frame.height) / 2)
        return blend(unit, np.clip(pixels / np.float32(2 * _EDGE_PX) + np.float32(0.5), 0, 1), level)


class CornerMask(PixelOperation):
    """A ``corner`` (0 to 3, clockwise from the top left) covered by a ``shape``: box, or triangle as of a cut film.

    Names and stamps are covered so; ``width`` and ``height`` are fractions of the image's.
    """

    name = "corner_mask"

    def _render(
        self, unit: Image, frame: Frame, *, corner: int, shape: str, width: float, height: float, level: float
    ) -> Image:
        right, bottom = corner in (1, 2), corner in (2, 3)
        columns = (np.arange(frame.width, dtype=np.float32) + np.float32(0.5)) / np.float32(frame.width)
        rows = ((np.arange(frame.height, dtype=np.float32) + np.float32(0.5)) / np.float32(frame.height))[:, None]
        across = (1 - columns if right else columns) / np.float32(width)
        down = (1 - rows if bottom else rows) / np.float32(height)
        covered = np.maximum(across, down) < 1 if shape == "box" else across + down < 1
        return blend(unit, covered.astype(np.float32), level)


class Seam(PixelOperation):
    """Two exposures put together along a straight seam: beyond it the grey is multiplied by ``gain`` and shifted.

    ``position`` as :class:`Shutter` has it, ``line`` the share of white or black (``level``) in the seam itself.
    """

    name = "seam"

    def _render(
        self,
        unit: Image,
        frame: Frame,
        *,
        position: float,
        angle_deg: float,
        gain: float,
        offset: float,
        line: float,
        level: float,
    ) -> Image:
        angle = np.deg2rad(angle_deg)
        columns = (np.arange(frame.width, dtype=np.float32) + np.float32(0.5)) / np.float32(frame.width / 2) - 1
        rows = ((np.arange(frame.height, dtype=np.float32) + np.float32(0.5)) / np.float32(frame.height / 2) - 1)[
            :, None
        ]
        along = np.float32(np.cos(angle)) * columns + np.float32(np.sin(angle)) * rows - np.float32(position)
        changed = np.where(along > 0, np.clip(np.float32(gain) * unit + np.float32(offset), 0, 1), unit)
        near = np.abs(along) * np.float32(min(frame.width, frame.height) / 2) < 0.75
        return blend(changed, near.astype(np.float32), level, line)


class ScaleBar(PixelOperation):
    """A ruler with ticks along a ``side`` (0 to 3, clockwise from the top), as viewers draw it.

    ``length`` and ``inset`` are fractions of the image's size, ``at`` where it lies along its side.
    """

    name = "scale_bar"

    def _render(
        self,
        unit: Image,
        frame: Frame,
        *,
        side: int,
        length: float,
        at: float,
        inset: float,
        ticks: int,
        level: float,
        opacity: float,
    ) -> Image:
        canvas = np.zeros(unit.shape, dtype=np.uint8)
        flat = side % 2 == 0
        size, depth = (frame.width, frame.height) if flat else (frame.height, frame.width)
        start, run = at * (1 - length) * size, length * size
        base = inset * depth if side in (0, 3) else depth - inset * depth
        inwards = 1 if side in (0, 3) else -1

        def draw(along: float, from_: float, until: float, to: float) -> None:
            first, last = (along, from_), (until, to)
            if not flat:
                first, last = first[::-1], last[::-1]
            cv2.line(canvas, pixel(first), pixel(last), 255, 1, cv2.LINE_AA)

        draw(start, base, start + run, base)
        for number in range(ticks + 1):
            place = start + run * number / ticks
            draw(place, base, place, base + inwards * depth * (0.03 if number % 5 == 0 else 0.015))
        return blend(unit, canvas.astype(np.float32) / 255, level, opacity)


class Annotation(PixelOperation):
    """A drawing that a reader left in the picture: thin, about (``x``, ``y``) of its size, ``size`` of its height long.

    Shapes are :data:`ANNOTATIONS`; ``length`` is a measuring line with end marks and a number, ``angle`` two lines from
    a point. ``seed`` draws what else a shape has: its number, its second side.
    """

    name = "annotation"

    def _render(
        self,
        unit: Image,
        frame: Frame,
        *,
        shape: str,
        x: float,
        y: float,
        size: float,
        angle_deg: float,
        thickness_px: int,
        level: float,
        opacity: float,
        seed: int,
    ) -> Image:
        rng = generator(seed)
        canvas = np.zeros(unit.shape, dtype=np.uint8)
        reach = size * frame.height / 2
        centre = np.array([x * frame.width, y * frame.height])
        angle = np.deg2rad(angle_deg)
        step = reach * np.array([np.cos(angle), np.sin(angle)])
        normal = np.array([-step[1], step[0]])
        start, end = centre - step, centre + step

        def line(first: np.ndarray, last: np.ndarray) -> None:
            cv2.line(canvas, pixel(first), pixel(last), 255, thickness_px, cv2.LINE_AA)

        ratio = float(rng.uniform(0.3, 1.0))
        if shape == "ellipse":
            axes = (max(1, round(reach)), max(1, round(reach * ratio)))
            cv2.ellipse(canvas, pixel(centre), axes, angle_deg, 0, 360, 255, thickness_px, cv2.LINE_AA)
        elif shape == "box":
            corners = [start - ratio * normal, end - ratio * normal, end + ratio * normal, start + ratio * normal]
            for index, corner in enumerate(corners):
                line(corners[index - 1], corner)
        elif shape == "arrow":
            cv2.arrowedLine(canvas, pixel(start), pixel(end), 255, thickness_px, cv2.LINE_AA, tipLength=0.3)
        elif shape == "cross":
            line(start, end)
            line(centre - normal, centre + normal)
        elif shape == "dashes":
            for share in np.arange(-1, 1, 0.2):
                line(centre + share * step, centre + (share + 0.1) * step)
        else:
            line(start, end)
            if shape == "angle":
                opening = np.deg2rad(rng.uniform(15, 150))
                turn = np.array([[np.cos(opening), -np.sin(opening)], [np.sin(opening), np.cos(opening)]])
                line(start, start + 2 * turn @ step)
            elif shape == "length":
                for place in (start, end):
                    line(place - 0.1 * normal, place + 0.1 * normal)
            if shape != "line":
                text = f"{rng.uniform(10, 150):.1f}" + ("" if shape == "angle" else " mm")
                scale = max(0.04 * frame.height, 7) / 22
                cv2.putText(canvas, text, pixel(end), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
        return blend(unit, canvas.astype(np.float32) / 255, level, opacity)
