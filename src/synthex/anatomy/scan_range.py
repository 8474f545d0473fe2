"""Scans that end: the part of a subject between two axial planes."""

from dataclasses import replace

import numpy as np

from synthex.core import Affine, Anatomy, Volume


def limit_scan(anatomy: Anatomy, lowest_mm: float = -np.inf, highest_mm: float = np.inf) -> Anatomy:
    """The subject as a scan from ``lowest_mm`` to ``highest_mm`` would have shown it.

    Whole slices are kept or dropped along the volume's axis that runs closest to the body's; nothing is
    resampled or copied. Landmarks beyond the ends become absent.

    Args:
        anatomy: The subject; its arrays are shared, not changed.
        lowest_mm: World S coordinate (RAS mm) of the lower end.
        highest_mm: World S coordinate of the upper end.

    Raises:
        ValueError: Less than two slices would be left.
    """
    grid = anatomy.ct.world_from_ijk
    axis = int(np.argmax(np.abs(grid.linear[2])))
    center = (np.array(anatomy.ct.shape, dtype=np.float64) - 1) / 2
    index = np.repeat(center[None], anatomy.ct.shape[axis], axis=0)
    index[:, axis] = np.arange(anatomy.ct.shape[axis])
    height = grid.apply(index)[:, 2]
    kept = np.flatnonzero((height >= lowest_mm) & (height <= highest_mm))
    if len(kept) < 2:
        raise ValueError(f"a scan from {lowest_mm} to {highest_mm} mm holds {len(kept)} slices of the subject")
    if len(kept) == len(height):
        return anatomy
    first, last = int(kept[0]), int(kept[-1])
    cut = tuple(slice(first, last + 1) if along == axis else slice(None) for along in range(3))
    offset = np.zeros(3)
    offset[axis] = first
    world_from_cut = Affine.from_parts(grid.linear, grid.apply(offset[None])[0])
    ends = sorted((float(height[first]), float(height[last])))
    inside = {name: point for name, point in anatomy.landmarks.items() if ends[0] <= point[2] <= ends[1]}
    return replace(
        anatomy,
        ct=Volume(anatomy.ct.data[cut], world_from_cut),
        labels=Volume(anatomy.labels.data[cut], world_from_cut),
        landmarks=inside,
        absent=anatomy.absent | (anatomy.landmarks.keys() - inside.keys()),
    )
