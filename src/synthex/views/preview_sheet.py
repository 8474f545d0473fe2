"""A sheet of what training will see: clean with labels, augmented beneath."""

from pathlib import Path

import matplotlib
import numpy as np

from synthex.core import Sample, atomic_path
from synthex.data import normalize, to_log

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes


def draw_sheet(
    output: Path, pairs: list[tuple[Sample, Sample]], landmarks: tuple[str, ...], columns: int, inches: float = 2.6
) -> None:
    """Write the sheet: per sample the clean image with labels, and beneath it the augmented one."""
    rows = -(-len(pairs) // columns)
    figure, axes = plt.subplots(2 * rows, columns, figsize=(inches * columns, inches * 2 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (clean, augmented) in enumerate(pairs):
        row, column = divmod(number, columns)
        _draw(axes[2 * row, column], clean, landmarks, f"{clean.subject_id}")
        _draw(axes[2 * row + 1, column], augmented, landmarks, "augmented")
    figure.tight_layout(pad=0.3)
    with atomic_path(output) as path:
        figure.savefig(path, dpi=110, format="png")
    plt.close(figure)


def _draw(axis: Axes, sample: Sample, names: tuple[str, ...], title: str) -> None:
    image = normalize(to_log(sample))
    height, width = image.shape
    low, high = np.percentile(image, (0.5, 99.5))
    axis.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(0, width, height, 0))
    colors = plt.get_cmap("tab10")
    for index, mask in enumerate(sample.masks):
        if mask.any() and not mask.all():
            grid = (np.arange(width) + 0.5, np.arange(height) + 0.5)
            axis.contour(*grid, mask.astype(float), levels=[0.5], colors=[colors(index)], linewidths=0.8)
    for name, point, visible in zip(names, sample.landmarks, sample.visible, strict=True):
        if visible:
            axis.plot(*point, "+", color="yellow", markersize=5, markeredgewidth=1)
            axis.annotate(name, point, color="yellow", fontsize=5, xytext=(2, 2), textcoords="offset points")
    axis.set_title(title, fontsize=7, pad=2)
