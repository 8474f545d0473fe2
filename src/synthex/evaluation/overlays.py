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
_HALO = [withStroke(linewidth=2.2, foreground="black")]
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
    width = picture.image.shape[1]
    for index, name in enumerate(names):
        truth, guess, present = picture.truth[index], picture.guess[index], bool(picture.present[index])
        known, guessed = np.isfinite(truth).all(), np.isfinite(guess).all()
        if known and guessed:
            style = "-" if present else ":"
            axes.plot(*np.stack((truth, guess), axis=1), style, color=GUESS_COLOR, linewidth=1.3, path_effects=_HALO)
        if known:
            axes.plot(*truth, "o", color=TRUTH_COLOR, markerfacecolor="none", markersize=7, markeredgewidth=1.5)
            _name(axes, name, truth, guess if guessed else truth - (1, 0), width, TRUTH_COLOR)
        if guessed and present:
            color = FALSE_COLOR if picture.absent[index] else GUESS_COLOR
            axes.plot(*guess, "x", color=color, markersize=6, markeredgewidth=1.5, path_effects=_HALO)
            if picture.absent[index]:
                _name(axes, name, guess, guess - (1, 0), width, color)


def _name(axes: Axes, name: str, point: np.ndarray, avoid: np.ndarray, width: int, color: str) -> None:
    """Write ``name`` beside ``point``, on the side away from ``avoid`` and inside the picture."""
    left = bool(avoid[0] > point[0])
    if point[0] < 0.14 * width:
        left = False
    elif point[0] > 0.86 * width:
        left = True
    axes.annotate(
        name, (point[0], point[1]), xytext=(-7 if left else 7, 0), textcoords="offset points",
        ha="right" if left else "left", va="center", color=color, fontsize=7.5, path_effects=_HALO,
    )  # fmt: skip


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
