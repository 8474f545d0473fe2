"""The extreme point of a surface sampled at about one point per voxel."""

import numpy as np

from synthex.core.arrays import Point3, Points3


def extreme_point(points: Points3, direction: Point3, spacing_mm: float) -> tuple[Point3, float]:
    """The point farthest along ``direction``, and how clearly it stands out.

    One voxel more or less must not move it: the position across the direction is the mean of the cap of
    half a voxel (at least 0.5 mm) below the top, weighted to zero at the cap's foot, around the highest point.

    Returns:
        Position, and a clarity in (0, 1]: about 1 where the cap is a few mm wide, low where the top is flat
        and the position across it is therefore arbitrary.
    """
    unit = direction / np.linalg.norm(direction)
    height = points @ unit
    top = int(np.argmax(height))
    depth = max(0.5, 0.5 * spacing_mm)
    weight = np.clip(height - (height[top] - depth), 0.0, None)
    weight[((points - points[top]) ** 2).sum(axis=1) > 8.0**2] = 0.0
    weight = weight / weight.sum()
    position = weight @ points
    spread = float(np.sqrt(weight @ ((points - position) ** 2).sum(axis=1)))
    position = position + (height[top] - position @ unit) * unit
    return position, float(1 / (1 + (spread / (3.0 + spacing_mm)) ** 2))
