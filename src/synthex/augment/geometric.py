"""The affine moves: the operations that move labels, by the matrix that moves the image.

The border of the usual move is mirrored (OpenCV's REFLECT_101: the edge pixel is not repeated), like the
original's reflect padding by half the size and centre crop. Masks are mirrored too: the mirrored strip shows bone, so a
mask that called it background would be wrong. Landmarks are not mirrored: each is one point of the
anatomy, and it is where the matrix puts it or not in the image.
"""

from typing import Any

import numpy as np

from synthex.augment.library import A, cv2
from synthex.augment.operation import Frame
from synthex.core.arrays import Image, Matrix3, Points2


def affine_matrix(
    frame: Frame,
    *,
    rotation_deg: float,
    direction_deg: float,
    distance_mm: float,
    shear_x_deg: float,
    shear_y_deg: float,
    scale: float,
    aspect: float = 1.0,
) -> Matrix3:
    """3 x 3 map of image points (column, row, pixel centres at +0.5) to where the content goes.

    About the image's centre (W/2, H/2): scale, and ``aspect`` (width over height of what was square, at the same
    area), then rotation (from +column to +row), then shear, then the translation of ``distance_mm`` (at the
    detector) towards ``direction_deg`` (from +column to +row).
    """
    centre = np.array([[1, 0, frame.width / 2], [0, 1, frame.height / 2], [0, 0, 1]])
    angle = np.deg2rad(rotation_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn * np.sqrt([aspect, 1 / aspect])
    shear = np.array([[1, np.tan(np.deg2rad(shear_x_deg))], [np.tan(np.deg2rad(shear_y_deg)), 1]])
    direction = np.deg2rad(direction_deg)
    move = np.eye(3)
    move[:2, :2] = shear @ turn
    move[:2, 2] = distance_mm / frame.pixel_mm * np.array([np.cos(direction), np.sin(direction)])
    return centre @ move @ np.linalg.inv(centre)


class AffineMove(A.Affine):
    """albumentations' affine warp (bilinear image, nearest masks) with our matrix and our landmark rule.

    albumentations' own rule for keypoints under a mirrored border is to add eight mirrored copies of each.
    """

    name = "affine"

    def __init__(self) -> None:
        super().__init__(
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_NEAREST,
            border_mode=cv2.BORDER_REFLECT_101,
            p=1.0,
        )

    def apply(self, img: Image, frame: Frame, **params: Any) -> Image:
        """The warped image, within the range of ``img``."""
        # A quarter is exact in floating point and keeps OpenCV's differences of extreme values from overflowing.
        warped = super().apply(
            img * np.float32(0.25), matrix=_index_matrix(frame, params), output_shape=(frame.height, frame.width)
        )
        return np.clip(warped, img.min() / 4, img.max() / 4) * np.float32(4)

    def apply_to_mask(self, mask: np.ndarray, frame: Frame, **params: Any) -> np.ndarray:
        """The warped mask."""
        return super().apply_to_mask(
            mask, matrix=_index_matrix(frame, params), output_shape=(frame.height, frame.width)
        )

    def apply_to_keypoints(self, keypoints: Points2, frame: Frame, **params: Any) -> Points2:
        """The moved points (N x 2, pixel centres at integers)."""
        matrix = _index_matrix(frame, params)
        return keypoints @ matrix[:2, :2].T + matrix[:2, 2]


class FramedAffine(AffineMove):
    """The same move onto an empty sheet: what it does not cover shows one ``level`` on the scale of the image's range.

    Digitised film lies crooked in the scanner, and public images come letterboxed. Masks end at the border of the
    film, for behind it nothing is shown; landmarks go where the matrix puts them.
    """

    name = "framed_affine"

    def __init__(self) -> None:
        super().__init__()
        self.border_mode = cv2.BORDER_CONSTANT  # albumentations fills with 0, for image and masks

    def apply(self, img: Image, frame: Frame, **params: Any) -> Image:
        """The warped image on its sheet, within the range of ``img`` and the sheet."""
        low, high = np.float32(img.min() / 4), np.float32(img.max() / 4)
        sheet = low + np.float32(params["level"]) * (high - low)
        # Filled with 0: the sheet's level is taken off before and put on again. Quarters keep from overflowing.
        warped = A.Affine.apply(
            self,
            img * np.float32(0.25) - sheet,
            matrix=_index_matrix(frame, params),
            output_shape=(frame.height, frame.width),
        )
        limit = np.finfo(np.float32).max
        moved = np.clip(warped + sheet, min(low, sheet), max(high, sheet))
        return np.clip(moved.astype(np.float64) * 4, -limit, limit).astype(np.float32)


def _index_matrix(frame: Frame, params: dict[str, Any]) -> Matrix3:
    """The matrix between OpenCV's coordinates, whose pixel centres are at integers."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    moves = {name: value for name, value in params.items() if name != "level"}
    return np.linalg.inv(half) @ affine_matrix(frame, **moves) @ half
