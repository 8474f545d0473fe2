"""What a model says about one radiograph, by the names of its landmarks and structures."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from synthex.core.arrays import Image
from synthex.data.encoding import encode_rle

LONGER_SIDE = 900
"""Pixels of an overlay."""
_MASK_COLOR = (53, 224, 208)


@dataclass(frozen=True)
class FoundLandmark:
    """Where a landmark is thought to be.

    Attributes:
        column: Native pixels from the image's left edge; the centre of the first pixel is at 0.5.
        row: The same from its upper edge.
        confidence: In [0, 1].
        present: Whether the model calls it inside the image; where False the position is its best guess.
    """

    column: float
    row: float
    confidence: float
    present: bool

    @property
    def xy(self) -> tuple[float, float]:
        """(column, row)."""
        return self.column, self.row


@dataclass(frozen=True, eq=False)
class Answer:
    """A model's answer to one radiograph.

    Attributes:
        landmarks: By name.
        masks: By structure, H x W.
        image: The radiograph as it was read, H x W, bone bright where its file says how it is shown.
        pixel_mm: Pitch at the detector; None where it is not known.
        file: Where the radiograph came from; None for an array.
        frame: Which radiograph of the file, from 0.
    """

    landmarks: dict[str, FoundLandmark]
    masks: dict[str, Bool[np.ndarray, "H W"]] = field(repr=False)
    image: Image = field(repr=False)
    pixel_mm: float | None = None
    file: Path | None = None
    frame: int = 0

    def to_json(self, below: Path | None = None) -> dict[str, Any]:
        """Plain JSON values; masks as COCO's uncompressed run lengths (columns first, zeros first).

        Args:
            below: Folder that ``file`` is written relative to; None: its name alone.
        """
        height, width = self.image.shape
        name = None
        if self.file is not None:
            name = self.file.name if below is None else self.file.relative_to(below).as_posix()
        return {
            "file": name,
            "frame": self.frame,
            "width": width,
            "height": height,
            "pixel_mm": self.pixel_mm,
            "landmarks": {
                name: {"column": one.column, "row": one.row, "confidence": one.confidence, "present": one.present}
                for name, one in self.landmarks.items()
            },
            "masks": {name: encode_rle(mask) for name, mask in self.masks.items()},
        }

    def rows(self, below: Path | None = None) -> Iterator[dict[str, Any]]:
        """A row of a table for each landmark; ``column_mm`` and ``row_mm`` at the detector where the pitch is known."""
        found = self.to_json(below)
        for name, one in found["landmarks"].items():
            mm = {f"{axis}_mm": None if self.pixel_mm is None else one[axis] * self.pixel_mm for axis in _AXES}
            yield {"file": found["file"], "frame": self.frame, "landmark": name, **one, **mm}

    def overlay(self) -> bytes:
        """PNG of the radiograph with outlines and present landmarks, the confidence of each in its colour."""
        height, width = self.image.shape
        scale = LONGER_SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        low, high = np.percentile(self.image[:: max(1, height // 512), :: max(1, width // 512)], (0.5, 99.5))
        # Averaged before it is cut to 8 bits; areas become smaller, single pixels larger.
        fine = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(self.image, size, interpolation=fine)
        shown = (np.clip((grey - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
        canvas = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB)
        for mask in self.masks.values():
            if mask.any():
                small = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
                outlines, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
                cv2.polylines(canvas, outlines, True, _MASK_COLOR, 1, cv2.LINE_AA)
        picture = PILImage.fromarray(canvas)
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
        for name, one in self.landmarks.items():
            if one.present:
                x, y = one.column * size[0] / width, one.row * size[1] / height
                color = confidence_color(one.confidence)
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color, outline="black")
                text = f"{name} {100 * one.confidence:.0f}"
                left = x + 7 if x + 7 + draw.textlength(text, font) < size[0] else x - 7 - draw.textlength(text, font)
                top = min(max(y - 16, 0), size[1] - 16)
                draw.text((left, top), text, color, font, stroke_width=1, stroke_fill="black")
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=3)
        return buffer.getvalue()


def confidence_color(confidence: float) -> tuple[int, int, int]:
    """Red, green and blue of a confidence in [0, 1]: from violet over red to yellow."""
    level = np.array([[round(255 * (0.25 + 0.75 * min(max(confidence, 0.0), 1.0)))]], dtype=np.uint8)
    blue, green, red = cv2.applyColorMap(level, cv2.COLORMAP_PLASMA)[0, 0].tolist()
    return red, green, blue


_AXES = ("column", "row")


def landmarks_of(
    names: tuple[str, ...],
    points: Float[np.ndarray, "L 2"],
    confidence: Float[np.ndarray, "L"],
    present: Bool[np.ndarray, "L"],
) -> dict[str, FoundLandmark]:
    """Landmarks by name, from the arrays of a prediction."""
    return {
        name: FoundLandmark(float(point[0]), float(point[1]), float(sure), bool(there))
        for name, point, sure, there in zip(names, points, confidence, present, strict=True)
    }
