"""A sheet of radiographs with the outlines of their masks and their landmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthex.core import Sample, atomic_path
from synthex.evaluation.pictures import radiological_display
from synthex.views.anatomy_picture import frame, mark, outline

COLOURS = ("#38c8ff", "#ff5f5f", "#7dff7a", "#ffd24d", "#d18cff", "#ff9d4d")
_COLUMNS = 3


def draw_samples(samples: Sequence[tuple[Sample, Sequence[str]]], output: Path, *, lungs: bool = False) -> None:
    """Write images, bone bright, as one PNG.

    Args:
        samples: With the names of their landmarks.
        output: The file.
        lungs: Show everything from the air to the bones: lungs are hardly darker than the air beside the patient, and
            the window of the body would make them black.

    Raises:
        InputError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(samples))
    lines = -(-len(samples) // columns)
    figure = Figure(figsize=(4.4 * columns, 4.6 * lines), dpi=110, facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (sample, landmarks) in zip(panels, samples, strict=False):
        _panel(panel, sample, landmarks, lungs)
    for panel in panels[len(samples) :]:
        panel.set_axis_off()
    with atomic_path(output) as path:
        figure.savefig(path, format="png", facecolor="black")


def _panel(panel: Any, sample: Sample, landmarks: Sequence[str], lungs: bool) -> None:
    height, width = sample.image.shape
    shown = radiological_display(sample.image, sample.domain, whole=lungs)
    panel.imshow(shown, cmap="gray", extent=(0, width, height, 0))
    for channel, mask in enumerate(sample.masks):
        outline(panel, mask, COLOURS[channel % len(COLOURS)], offset=0.5)
    panel.set_xlim(0, width)
    panel.set_ylim(height, 0)
    for (column, row), visible, name in zip(sample.landmarks, sample.visible, landmarks, strict=True):
        if visible:
            mark(panel, column, row, name)
    frame(panel, sample.case_id)
