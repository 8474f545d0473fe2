"""What a model says about one radiograph, by the names of its landmarks and structures."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synthex.core.arrays import Image
from synthex.data.encoding import encode_rle

_PER_INCH = 100
_LONGER_SIDE_INCHES = 9.0
_MASK_COLOR = "#35e0d0"
_CONFIDENCE = colormaps["plasma"]


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
        scale = _LONGER_SIDE_INCHES / max(height, width)
        figure = Figure(figsize=(width * scale, height * scale), dpi=_PER_INCH, facecolor="black")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        low, high = np.percentile(self.image, (0.5, 99.5))
        shown: dict[str, Any] = {"vmin": low, "vmax": max(high, low + 1e-6), "extent": (0, width, height, 0)}
        axes.imshow(self.image, cmap="gray", interpolation="bilinear", **shown)
        for mask in self.masks.values():
            if mask.any():
                thin = max(1, max(height, width) // 700)  # outlines finer than the picture's pixels cost seconds
                padded = np.pad(mask[::thin, ::thin], 1).astype(np.float32)
                columns = (np.arange(padded.shape[1]) - 1) * thin + 0.5
                rows = (np.arange(padded.shape[0]) - 1) * thin + 0.5
                axes.contour(columns, rows, padded, levels=[0.5], colors=[_MASK_COLOR], linewidths=0.9)
        for name, one in self.landmarks.items():
            if one.present:
                color = _CONFIDENCE(0.25 + 0.75 * one.confidence)
                axes.plot(*one.xy, "o", markersize=5, color=color, markeredgecolor="black", markeredgewidth=0.6)
                label: dict[str, Any] = {"xytext": (6, 4), "textcoords": "offset points", "color": color, "fontsize": 8}
                axes.annotate(f"{name} {100 * one.confidence:.0f}", one.xy, **label)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()


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
