"""The one preprocess function, for synthetic and real radiographs alike.

Train-test skew has nowhere to live: every image a network sees went through :func:`preprocess`, and
every prediction came back through the :class:`PixelMap` it left behind.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from synthex.core import ConfigError, Sample, to_log
from synthex.core.arrays import Points2
from synthex.data.normalization import Normalization, normalize
from synthex.geometry.resample import resize


@dataclass(frozen=True)
class PixelMap:
    """Where native pixels went: ``network = scale * native + offset``, (column, row), pixel centres at +0.5.

    Rows and columns have a scale each, for the resampled image has a whole number of both.

    Attributes:
        rows: Rows of the network's grid that hold the image.
        columns: Columns that hold it.
        column: Offset of the columns in network pixels.
        row: Offset of the rows.
        height: Native rows.
        width: Native columns.
    """

    rows: int
    columns: int
    column: int
    row: int
    height: int
    width: int

    @property
    def scale(self) -> float:
        """Network pixels per native pixel along the longer side."""
        return max(self.rows, self.columns) / max(self.height, self.width)

    def to_network(self, points: Points2) -> Points2:
        """Map native (column, row) points of shape (N, 2) to the network's grid."""
        return np.asarray(points, dtype=np.float64) * self._scales() + (self.column, self.row)

    def to_native(self, points: Points2) -> Points2:
        """Map points of the network's grid back to native pixels."""
        return (np.asarray(points, dtype=np.float64) - (self.column, self.row)) / self._scales()

    def crop(self) -> tuple[slice, slice]:
        """Rows and columns of the network's grid that hold the image (the rest is padding)."""
        return slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)

    def _scales(self) -> tuple[float, float]:
        return self.columns / self.width, self.rows / self.height


def fit(height: int, width: int, size: int, input_size: int | None = None) -> PixelMap:
    """The map of a native image into the network input: aspect kept, the longer side ``size``, centred.

    Args:
        height: Native rows.
        width: Native columns.
        size: Pixels of the resampled image along its longer side.
        input_size: Side of the square input it lies in; None for ``size``.

    Raises:
        ConfigError: The input is smaller than the image.
    """
    side = size if input_size is None else input_size
    if side < size:
        raise ConfigError(f"data.input_size={side} is smaller than data.size={size}; images are padded, not cut")
    scale = size / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    return PixelMap(rows, columns, (side - columns) // 2, (side - rows) // 2, height, width)


def preprocess(
    sample: Sample, size: int, normalization: Normalization = "zscore", input_size: int | None = None
) -> tuple[dict[str, torch.Tensor], PixelMap]:
    """Turn a sample of any origin into network tensors.

    The statistics of the normalisation are those of the image itself, before padding; padding repeats
    the border, so that no false edge appears (the study reflects 16 pixels, which small images do not have).

    Args:
        sample: Native pixels, either domain.
        size: Pixels of the resampled image along its longer side.
        normalization: ``zscore`` (the study's), ``minmax`` or ``robust``.
        input_size: Side N of the square network input that the image is padded to; None for ``size``.

    Returns:
        ``image`` (1, N, N), ``masks`` (S, N, N) bool, ``landmarks`` (L, 2) in network pixels (NaN where
        not visible), ``visible``, ``annotated``, ``masks_annotated``, ``pixel_mm``; and the pixel map.

    Raises:
        ConfigError: ``input_size`` is smaller than ``size``.
    """
    height, width = sample.image.shape
    where = fit(height, width, size, input_size)
    side = size if input_size is None else input_size
    rows, columns = where.crop()
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    image = resize(torch.from_numpy(normalize(to_log(sample), normalization))[None], *shape)
    masks = torch.zeros((len(sample.masks), side, side), dtype=torch.bool)
    masks[:, rows, columns] = resize(torch.from_numpy(np.ascontiguousarray(sample.masks)), *shape, mask=True)
    pad = (columns.start, side - columns.stop, rows.start, side - rows.stop)
    if any(pad):
        image = functional.pad(image[None], pad, mode="replicate")[0]
    landmarks = where.to_network(sample.landmarks)
    landmarks[~sample.visible] = np.nan
    tensors = {
        "image": image,
        "masks": masks,
        "landmarks": torch.from_numpy(landmarks.astype(np.float32)),
        "visible": torch.from_numpy(sample.visible.copy()),
        "annotated": torch.from_numpy(sample.annotated.copy()),
        "masks_annotated": torch.from_numpy(sample.masks_annotated.copy()),
        "pixel_mm": torch.tensor(sample.pixel_mm / where.scale, dtype=torch.float32),
    }
    return tensors, where
