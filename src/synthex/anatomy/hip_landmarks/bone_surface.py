"""The surface of one labelled bone, with sub-voxel precision, and where the volume cuts it."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from synthex.core import Affine, Volume
from synthex.core.arrays import Points3

SMOOTHING_VOXELS = 0.6
"""Gaussian sigma before the 0.5 level is located. A plate of one voxel keeps a peak of
erf(0.5 / (0.6 sqrt 2)) = 0.595 and so survives; corners lose less than 0.3 voxel."""

SMALLEST_PART = 0.03
"""Connected parts below this fraction of the bone are specks, not bone."""


@dataclass(frozen=True, eq=False)
class BoneSurface:
    """One bone in world coordinates.

    Attributes:
        points: N x 3, surface points (0.5 level of the smoothed mask between voxel centres), RAS mm.
        inside: N x 3, centres of the bone's voxels, RAS mm.
        cut: N x 3, centres of the bone's voxels that lie on the border of the volume.
        spacing_mm: Largest voxel edge.
        quality: 1 for a smooth mask, falling to 0 as labels become ragged or fall apart.
        level: The smoothed mask of which ``points`` is the 0.5 level.
        level_from_frame: Maps the frame of ``points`` to indices of ``level``.
    """

    points: Points3
    inside: Float[np.ndarray, "V 3"]
    cut: Float[np.ndarray, "C 3"]
    spacing_mm: float
    quality: float
    level: Float32[np.ndarray, "I J K"]
    level_from_frame: Affine

    def mapped(self, map_: Affine) -> "BoneSurface":
        """The same bone in another frame (rigid maps only: the spacing is kept)."""
        return replace(
            self,
            points=map_.apply(self.points),
            inside=map_.apply(self.inside),
            cut=map_.apply(self.cut),
            level_from_frame=self.level_from_frame @ map_.inverse(),
        )

    def sample(self, points: Points3) -> Float32[np.ndarray, " N"]:
        """The smoothed mask at points of the frame, trilinear; 0 outside."""
        return ndimage.map_coordinates(self.level, self.level_from_frame.apply(points).T, order=1, prefilter=False)


def extract_surface(labels: Volume, structure_id: int, box: tuple[slice, ...] | None) -> BoneSurface | None:
    """Surface of one structure.

    Args:
        labels: Label map.
        structure_id: Its id.
        box: Bounding box of the structure as from ``scipy.ndimage.find_objects``; None when it is empty.

    Returns:
        The surface, or None where the structure has too few voxels to have one.
    """
    if box is None:
        return None
    start = np.array([s.start for s in box])
    mask = np.pad(labels.data[box] == structure_id, 3)
    total = int(mask.sum())
    mask = _largest_parts(mask)
    kept = int(mask.sum())
    if kept < 30:
        return None
    level = ndimage.gaussian_filter(mask.astype(np.float32), SMOOTHING_VOXELS, truncate=3.0)
    crossings = _level_crossings(level)
    if len(crossings) < 30:
        return None
    world_from_crop = labels.world_from_ijk @ Affine.from_parts(np.eye(3), start - 3)
    voxels = np.argwhere(mask).astype(np.float64)
    ijk = voxels + (start - 3)
    on_border = ((ijk == 0) | (ijk == np.array(labels.shape) - 1)).any(axis=1)
    return BoneSurface(
        points=world_from_crop.apply(crossings),
        inside=world_from_crop.apply(voxels),
        cut=world_from_crop.apply(voxels[on_border]),
        spacing_mm=float(labels.spacing_mm.max()),
        quality=_smoothness(mask) * kept / total,
        level=level,
        level_from_frame=world_from_crop.inverse(),
    )


def _largest_parts(mask: Bool[np.ndarray, "I J K"]) -> Bool[np.ndarray, "I J K"]:
    """The mask without specks, and with single-voxel holes filled."""
    parts, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count > 1:
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        mask = (sizes > SMALLEST_PART * sizes.max())[parts]
    return mask


def _level_crossings(level: np.ndarray) -> Points3:
    """Points, in voxel indices, where the field crosses 0.5 along the grid lines.

    Linear interpolation between neighbouring voxels, as in marching cubes' edge vertices (Lorensen and
    Cline, SIGGRAPH 1987).
    """
    found = []
    for axis in range(3):
        low, high = np.moveaxis(level, axis, 0)[:-1], np.moveaxis(level, axis, 0)[1:]
        index = np.argwhere((low > 0.5) != (high > 0.5))
        first, second = low[tuple(index.T)], high[tuple(index.T)]
        points = np.empty((len(index), 3))
        others = [a for a in range(3) if a != axis]
        points[:, axis] = index[:, 0] + (0.5 - first) / (second - first)
        points[:, others] = index[:, 1:]
        found.append(points)
    return np.concatenate(found)


def _smoothness(mask: Bool[np.ndarray, "I J K"]) -> float:
    """1 minus the share of ragged surface: voxels that a 3 x 3 x 3 majority vote would change.

    A flat or gently curved surface loses few voxels to the vote; salt-and-pepper errors lose nearly all.
    """
    neighbours = ndimage.uniform_filter(mask.astype(np.float32), 3)
    changed = int(((neighbours > 0.5) != mask).sum())
    rim = int((mask & (neighbours < 0.99)).sum())
    return float(np.clip(1.0 - changed / max(rim, 1), 0.0, 1.0))


def box_index(labels: Volume, largest: int) -> list[tuple[slice, ...] | None]:
    """Bounding boxes of ids 1 .. ``largest``, in that order."""
    boxes: list[tuple[slice, ...] | None] = ndimage.find_objects(np.asarray(labels.data), max_label=largest)
    return boxes
