"""Size and frame: the operations that change how many pixels a sample has, and what part of the picture it shows.

What comes after :class:`Resize` to the network's size means the same for every picture: a blur of two pixels, a
letter of twelve, are as large in a simulated image of 256 pixels as in a radiograph of 3000.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from synthex.augment.library import cv2
from synthex.augment.operation import SampleOperation
from synthex.core import Sample, to_log
from synthex.core.arrays import Matrix3
from synthex.geometry.resample import resize

MIRROR, EDGE = "mirror", "edge"
_BORDERS = {MIRROR: cv2.BORDER_REFLECT_101, EDGE: cv2.BORDER_REPLICATE}


class LineIntegral(SampleOperation):
    """Intensities become line integrals (bone bright), as preprocessing makes them; others stay as they are."""

    name = "line_integral"

    def apply(self, sample: Sample) -> Sample:
        """The sample in the domain ``log``."""
        return replace(sample, image=to_log(sample), domain="log")


class AsShown(SampleOperation):
    """Grey levels are taken as a picture file has them: bone dark stays dark in the domain ``log``."""

    name = "as_shown"

    def apply(self, sample: Sample) -> Sample:
        """The same pixels in the domain ``log``."""
        return replace(sample, domain="log")


class Resize(SampleOperation):
    """The longer side becomes ``size`` pixels, by the filter of :func:`synthex.data.preprocess`.

    Landmarks keep their place in the picture, ``pixel_mm`` follows.
    """

    name = "resize"

    def apply(self, sample: Sample, *, size: int) -> Sample:
        """The sample on the new grid."""
        height, width = sample.image.shape
        scale = size / max(height, width)
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        if (rows, columns) == (height, width):
            return sample
        image = resize(torch.from_numpy(np.ascontiguousarray(sample.image))[None], rows, columns)[0].numpy()
        masks = resize(torch.from_numpy(np.ascontiguousarray(sample.masks)), rows, columns, mask=True).numpy()
        landmarks = (sample.landmarks * (columns / width, rows / height)).astype(sample.landmarks.dtype)
        return replace(sample, image=image, masks=masks, landmarks=landmarks, pixel_mm=sample.pixel_mm / scale)


class Crop(SampleOperation):
    """A window of the picture, ``width`` and ``height`` of its size, its corner at (``x``, ``y``) of what that leaves.

    A window that is larger than the picture shows the sheet around it. The longer side keeps its number of pixels, so
    that a small window is an enlargement and an oblong one an oblong picture. The picture is turned about the window's
    centre by ``rotation_deg`` (from +column to +row) and squeezed by ``squeeze`` (width over height of what was
    square, at the same area), as careless exports do.

    ``border`` is what shows where the picture ends: ``mirror`` and ``edge`` (its last pixel), or a level on the
    scale of the image's range. Masks are mirrored with the image, for a mirrored bone is one; on a sheet they end.
    ``pixel_mm`` stays what it was without the window: an enlargement passes for a larger patient, as every zoom of
    the other policies does, since no network can tell the two apart.
    """

    name = "crop"

    def apply(
        self,
        sample: Sample,
        *,
        width: float,
        height: float,
        x: float,
        y: float,
        rotation_deg: float,
        squeeze: float,
        border: float | str,
    ) -> Sample:
        """The window."""
        rows, columns = sample.image.shape
        scale = max(rows, columns) / max(height * rows, width * columns)
        shape = (max(8, round(height * rows * scale)), max(8, round(width * columns * scale)))
        corner = np.array([x * (1 - width) * columns, y * (1 - height) * rows])
        matrix = _matrix(corner, (width * columns, height * rows), shape, rotation_deg, squeeze)
        if shape == (rows, columns) and np.array_equal(matrix, np.eye(3)):
            return sample
        points = sample.landmarks @ matrix[:2, :2].T + matrix[:2, 2]
        with np.errstate(invalid="ignore"):
            visible = sample.visible & ((points >= 0) & (points <= shape[::-1])).all(axis=1)
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        index = (np.linalg.inv(half) @ matrix @ half)[:2]  # OpenCV's pixel centres are at integers
        around = cv2.BORDER_REFLECT_101 if border == MIRROR else cv2.BORDER_CONSTANT  # which fills with 0
        masks = [
            cv2.warpAffine(mask.view(np.uint8), index, shape[::-1], flags=cv2.INTER_NEAREST, borderMode=around)
            if mask.any()
            else np.zeros(shape, dtype=np.uint8)
            for mask in np.ascontiguousarray(sample.masks)
        ]
        return replace(
            sample,
            image=_warped(sample, index, shape, border),
            masks=np.array(masks, dtype=bool).reshape(-1, *shape),
            landmarks=np.where(visible[:, None], points, np.nan).astype(sample.landmarks.dtype),
            visible=visible,
        )


def _warped(sample: Sample, index: np.ndarray, shape: tuple[int, int], border: float | str) -> np.ndarray:
    """The image moved by a 2 x 3 matrix; quarters of it, so that differences of extreme values do not overflow."""
    quarter = sample.image * np.float32(0.25)
    if isinstance(border, str):
        around: dict[str, Any] = {"borderMode": _BORDERS[border]}
    else:
        low, high = float(quarter.min()), float(quarter.max())
        around = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": low + border * (high - low)}
    moved = cv2.warpAffine(quarter, index, shape[::-1], flags=cv2.INTER_LINEAR, **around)
    limit = np.finfo(np.float32).max / 4
    return np.clip(moved, -limit, limit, out=moved) * np.float32(4)


def _matrix(
    corner: np.ndarray, window: tuple[float, float], shape: tuple[int, int], rotation_deg: float, squeeze: float
) -> Matrix3:
    """3 x 3 map of the picture's points (column, row, pixel centres at +0.5) to the window's."""
    angle = np.deg2rad(rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    zoom = np.array([shape[1] / window[0], shape[0] / window[1]])
    move = np.eye(3)
    move[:2, :2] = np.diag(zoom * np.sqrt([squeeze, 1 / squeeze])) @ turn
    move[:2, 2] = np.array(shape[::-1]) / 2 - move[:2, :2] @ (corner + np.array(window) / 2)
    return move
