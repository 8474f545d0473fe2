"""Captioned images side by side, and the noise in them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from scipy.ndimage import convolve

from synthex.core import atomic_path
from synthex.core.arrays import Image
from synthex.data import normalize

matplotlib.use("Agg")

from matplotlib import pyplot as plt

DPI = 110
LAPLACIAN = np.array(((1, -2, 1), (-2, 4, -2), (1, -2, 1)), dtype=np.float32)
"""Insensitive to planes and, nearly, to edges: the mask of Immerkaer (1996)."""


def noise_of(image: Image) -> float:
    """Standard deviation of white noise in an image (Immerkaer 1996, Computer Vision and Image Understanding 64:300).

    The mean of ``|image * LAPLACIAN|`` over the inner pixels, times sqrt(pi / 2) / 6. Fine structure adds to it,
    and what blurs the noise lowers it.
    """
    response = np.abs(convolve(image.astype(np.float64), LAPLACIAN))[1:-1, 1:-1]
    return float(response.mean() * np.sqrt(np.pi / 2) / 6) if response.size else 0.0


def draw_grid(output: Path, rows: Sequence[Sequence[tuple[str, Image]]]) -> None:
    """Write the captioned images, each in the contrast of its own 0.5 to 99.5 percentiles, no pixel lost."""
    columns = max(map(len, rows))
    size = max(max(image.shape) for row in rows for _, image in row)
    inches = max(2.2, size / DPI)
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(inches * columns, (inches + 0.2) * len(rows)), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, (caption, image) in _places(axes, rows):
        shown = normalize(image)
        low, high = np.percentile(shown, (0.5, 99.5))
        axis.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axis.set_title(caption, fontsize=8, pad=3)
    figure.tight_layout(pad=0.3)
    with atomic_path(output) as path:
        figure.savefig(path, dpi=DPI, format="png")
    plt.close(figure)


def _places(axes: np.ndarray, rows: Sequence[Sequence[tuple[str, Image]]]) -> Iterator[tuple[Any, tuple[str, Image]]]:
    for row, images in zip(axes, rows, strict=True):
        yield from zip(row, images, strict=False)
