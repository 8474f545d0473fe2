"""Pictures of truth and prediction on the radiograph."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from synthex.evaluation.pictures import Picture

TRUTH_COLOR = "#35e0d0"
GUESS_COLOR = "#ffb000"
FALSE_COLOR = "#ff5fa2"
_BACKGROUND = "#111418"
_INK = "#e8eaed"
_SIDE_INCHES = 5.2
_FONT = 8.0
_HALO = [withStroke(linewidth=2.2, foreground="black")]
_TEXT_HALO = [withStroke(linewidth=1.5, foreground="black")]
_DPI = 110


def draw_overlay(picture: Picture, landmarks: tuple[str, ...], unit: str = "mm") -> bytes:
    """PNG of one case: landmarks on the left, outlines on the right, where the task has them.

    True points and outlines are turquoise, predictions amber; a line joins each detected landmark with its
    truth, a dotted one marks a guess below the cut, pink a landmark claimed though it is outside the image.

    Args:
        picture: The case.
        landmarks: Landmark names, written beside the true points.
        unit: ``mm`` where cases are ranked by landmark error, ``1 - Dice`` otherwise.
    """
    panels = [
        draw for draw, wanted in ((_draw_landmarks, landmarks), (_draw_masks, len(picture.truth_masks))) if wanted
    ]
    height, width = picture.image.shape
    side = _SIDE_INCHES * min(1.4, max(0.6, height / width))
    figure = Figure(figsize=(_SIDE_INCHES * len(panels), side + 0.72), facecolor=_BACKGROUND, dpi=_DPI)
    FigureCanvasAgg(figure)
    for index, draw in enumerate(panels):
        low, high = 0.36 / (side + 0.72), side / (side + 0.72)
        axes = figure.add_axes((index / len(panels) + 0.003, low, 1 / len(panels) - 0.006, high))
        axes.imshow(
            picture.image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0), interpolation="bilinear"
        )
        draw(axes, picture, landmarks)
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_axis_off()
    rank = picture.rank.replace("-", " ") or "case"
    score = (
        f"mean error {picture.badness:.2f} mm, no miss dropped"
        if unit == "mm"
        else f"mean Dice {1 - picture.badness:.3f}"
    )
    figure.text(0.01, 0.985, f"{rank}: {picture.case_id}", color=_INK, fontsize=10, va="top", weight="bold")
    figure.text(0.99, 0.985, score, color=_INK, fontsize=10, va="top", ha="right")
    handles = [
        Line2D([], [], color=TRUTH_COLOR, marker="o", markerfacecolor="none", label="truth"),
        Line2D([], [], color=GUESS_COLOR, marker="x", label="prediction"),
    ]
    if landmarks:
        handles += [
            Line2D([], [], color=GUESS_COLOR, linestyle=":", label="guess below the cut (missed)"),
            Line2D([], [], color=FALSE_COLOR, marker="x", linestyle="none", label="claimed, not in the image"),
        ]
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), frameon=False, labelcolor=_INK, fontsize=8,
        handlelength=1.6, borderaxespad=0.2,
    )  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_landmarks(axes: Axes, picture: Picture, names: tuple[str, ...]) -> None:
    height, width = picture.image.shape
    marks = np.concatenate((picture.truth, picture.guess[picture.present]))
    labels = _Labels(width, height, marks[np.isfinite(marks).all(axis=1)])
    for index, name in enumerate(names):
        truth, guess, present = picture.truth[index], picture.guess[index], bool(picture.present[index])
        known, guessed = np.isfinite(truth).all(), np.isfinite(guess).all()
        if known and guessed:
            style = "-" if present else ":"
            axes.plot(*np.stack((truth, guess), axis=1), style, color=GUESS_COLOR, linewidth=1.3, path_effects=_HALO)
        if known:
            axes.plot(*truth, "o", color=TRUTH_COLOR, markerfacecolor="none", markersize=7, markeredgewidth=1.5)
            labels.write(axes, name, truth, TRUTH_COLOR)
        if guessed and present:
            color = FALSE_COLOR if picture.absent[index] else GUESS_COLOR
            axes.plot(*guess, "x", color=color, markersize=6, markeredgewidth=1.5, path_effects=_HALO)
            if picture.absent[index]:
                labels.write(axes, name, guess, color)


class _Labels:
    """Places names beside points so that they cover neither marks nor each other, nor leave the picture."""

    def __init__(self, width: int, height: int, marks: np.ndarray) -> None:
        self._size = (width, height)
        self._point = width / (_SIDE_INCHES * 72)  # image pixels in one typographic point
        self._marks = marks
        self._boxes: list[tuple[float, float, float, float]] = []

    def write(self, axes: Axes, name: str, point: np.ndarray, color: str) -> None:
        """Write ``name`` at the least crowded of eight places around ``point``."""
        half_width, half_height = 0.35 * _FONT * len(name) * self._point, 0.6 * _FONT * self._point
        gap = 7 * self._point
        best, least = (0.0, 0.0, 0.0, 0.0), np.inf
        for right, down in ((1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1), (0, -1), (0, 1)):
            x = point[0] + right * (gap + half_width)
            y = point[1] + down * (gap + half_height)
            box = (x - half_width, y - half_height, x + half_width, y + half_height)
            crowd = self._crowd(box)
            if crowd < least:
                best, least = box, crowd
        self._boxes.append(best)
        axes.text(
            (best[0] + best[2]) / 2, (best[1] + best[3]) / 2, name, ha="center", va="center", color=color,
            fontsize=_FONT, weight="bold", path_effects=_TEXT_HALO,
        )  # fmt: skip

    def _crowd(self, box: tuple[float, float, float, float]) -> float:
        left, top, right, bottom = box
        outside = left < 0 or top < 0 or right > self._size[0] or bottom > self._size[1]
        overlaps = sum(left < b[2] and b[0] < right and top < b[3] and b[1] < bottom for b in self._boxes)
        rim = 3 * self._point
        columns, rows = self._marks[:, 0], self._marks[:, 1]
        covered = (columns > left - rim) & (columns < right + rim) & (rows > top - rim) & (rows < bottom + rim)
        return 10.0 * outside + 4.0 * overlaps + float(np.count_nonzero(covered))


def _draw_masks(axes: Axes, picture: Picture, names: tuple[str, ...]) -> None:
    for masks, color, width in ((picture.truth_masks, TRUTH_COLOR, 1.5), (picture.predicted_masks, GUESS_COLOR, 1.1)):
        for mask in masks:
            if not mask.any():
                continue
            # A rim of zeros closes outlines at the image border; pixel centres are at +0.5.
            padded = np.pad(mask, 1).astype(np.float32)
            columns = np.arange(padded.shape[1]) - 0.5
            rows = np.arange(padded.shape[0]) - 0.5
            axes.contour(columns, rows, padded, levels=[0.5], colors=[color], linewidths=width)
