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

END_MM, LEAST_KEPT, SMALLEST_CUT_MM2 = 6.0, 0.5, 60.0
"""A flat end keeps this share of the section that many mm deeper. Where the end is rounded, the section grows as
the depth: with d in the last slice it keeps d / (d + 6), at most a third at 3 mm slices. Hip bones of the real CT
and the phantoms keep up to 0.33 at their own ends, 0.60 where the scan ends."""


@dataclass(frozen=True, eq=False)
class BoneSurface:
    """One bone in world coordinates.

    Attributes:
        points: N x 3, surface points (0.5 level of the smoothed mask between voxel centres), RAS mm.
        inside: N x 3, centres of the bone's voxels, RAS mm.
        cut: N x 3, centres of the bone's voxels that lie on the border of the volume, or on a flat face across
            the body axis where the scan ended inside a padded volume.
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
    on_border |= _on_flat_end(mask, voxels, labels.world_from_ijk)
    return BoneSurface(
        points=world_from_crop.apply(crossings),
        inside=world_from_crop.apply(voxels),
        cut=world_from_crop.apply(voxels[on_border]),
        spacing_mm=float(labels.spacing_mm.max()),
        quality=_smoothness(mask) * kept / total,
        level=level,
        level_from_frame=world_from_crop.inverse(),
    )


def _on_flat_end(
    mask: Bool[np.ndarray, "I J K"], voxels: Float[np.ndarray, "V 3"], world_from_ijk: Affine
) -> Bool[np.ndarray, " V"]:
    """Which voxels lie on an end face that is a scan's cut, not the bone's own end.

    A cut bone keeps its section up to the last slice; the bone's own end is rounded, so that ``END_MM`` deeper its
    section is a multiple. Only the grid axis nearest the world's z is looked at: scans end there, and the
    symphyseal face is itself flat across x.
    """
    linear = world_from_ijk.linear
    spacing = np.linalg.norm(linear, axis=0)
    axis = int(np.argmax(np.abs(linear[2]) / spacing))
    slices = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    deeper = max(2, int(np.ceil(END_MM / spacing[axis])))
    pixel = spacing.prod() / spacing[axis]
    on_end = np.zeros(len(voxels), dtype=bool)
    for end, inward in ((slices[0], deeper), (slices[-1], -deeper)):
        face, section = mask.take(end, axis), mask.take(np.clip(end + inward, 0, mask.shape[axis] - 1), axis)
        if face.sum() * pixel > SMALLEST_CUT_MM2 and (face & section).sum() > LEAST_KEPT * section.sum():
            on_end |= voxels[:, axis] == end
    return on_end


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
