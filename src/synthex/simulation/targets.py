"""Ground truth of a simulated radiograph, from geometry alone."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from synthex.core import Anatomy, Camera
from synthex.core.arrays import Flags, Landmarks2, MaskStack, PathStack, Point3


def visible_masks(label_path_mm: PathStack, min_path_mm: float | int = 0.0) -> MaskStack:
    """Where each structure is in the image: rays that spend more than ``min_path_mm`` in it.

    Args:
        label_path_mm: S x H x W path lengths, mm.
        min_path_mm: Shorter paths do not count; 0 keeps every ray that touches the structure.
    """
    if min_path_mm < 0:
        raise ValueError(f"min_path_mm must not be negative, got {min_path_mm}")
    return label_path_mm > min_path_mm


def project_landmarks(anatomy: Anatomy, names: Sequence[str], camera: Camera) -> tuple[Landmarks2, Flags, Flags]:
    """Project landmarks of a subject by name; see :func:`project_points`."""
    return project_points(anatomy.landmarks, names, camera, anatomy.absent)


def project_points(
    points: Mapping[str, Point3], names: Sequence[str], camera: Camera, absent: Collection[str] = ()
) -> tuple[Landmarks2, Flags, Flags]:
    """Project points by name.

    Args:
        points: Name to RAS mm.
        names: Landmarks in the order of the result; a name may be unknown to ``points``.
        camera: The camera.
        absent: Names known to be nowhere in the image.

    Returns:
        ``(landmarks, visible, annotated)``: L x 2 (column, row), NaN where not visible; whether each
        lies in front of the source and inside the image; whether its presence or absence is known
        (False for names in neither ``points`` nor ``absent``).
    """
    landmarks = np.full((len(names), 2), np.nan)
    known = [index for index, name in enumerate(names) if name in points]
    if known:
        landmarks[known] = camera.project(np.stack([points[names[index]] for index in known]))
    visible = camera.contains(landmarks)
    landmarks[~visible] = np.nan
    annotated = np.array([name in points or name in absent for name in names], dtype=bool)
    return landmarks, visible, annotated
