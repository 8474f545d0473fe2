"""Building cameras: intrinsics of a centred flat detector, and poses that look at a point."""

import numpy as np

from synthex.core import Rigid
from synthex.core.arrays import Matrix3, Point3


def intrinsics_for(
    sdd_mm: float | int, pixel_mm: float | int, height: int, width: int, *, mirrored: bool = False
) -> Matrix3:
    """Intrinsics of a detector whose centre is on the central axis.

    Args:
        sdd_mm: Source-to-detector distance.
        pixel_mm: Pixel pitch.
        height: Rows.
        width: Columns.
        mirrored: Read the columns out from right to left (negative ``fx``).

    Returns:
        3 x 3 in pixels; the principal point is the image centre ``(width / 2, height / 2)``.
    """
    focal = sdd_mm / pixel_mm
    return np.array(((-focal if mirrored else focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1)))


def look_at(source_world: Point3, target_world: Point3, up_world: Point3) -> Rigid:
    """``camera_from_world`` of a source that looks at a target with ``up`` towards the image's top.

    Args:
        source_world: X-ray source, RAS mm.
        target_world: Any point on the central axis, RAS mm.
        up_world: Direction shown upwards; need not be perpendicular to the axis.

    Raises:
        ValueError: Source and target coincide, or ``up`` is along the axis.
    """
    axis = np.asarray(target_world, dtype=np.float64) - source_world
    down = -np.asarray(up_world, dtype=np.float64)
    right = np.cross(down, axis)
    if np.linalg.norm(right) < 1e-9 * max(1.0, float(np.linalg.norm(axis))):
        raise ValueError("look_at needs a target away from the source and an up direction across the axis")
    z = axis / np.linalg.norm(axis)
    x = right / np.linalg.norm(right)
    rotation = np.stack((x, np.cross(z, x), z))
    return Rigid.from_parts(rotation, -rotation @ np.asarray(source_world, dtype=np.float64))
