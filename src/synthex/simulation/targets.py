"""Ground truth of a simulated radiograph, from geometry alone."""

from collections.abc import Sequence

import numpy as np

from synthex.core import Anatomy, Camera
from synthex.core.arrays import Flags, Landmarks2, MaskStack, PathStack


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
    """Project landmarks by name.

    Args:
        anatomy: The subject.
        names: Landmarks in the order of the result; a name may be unknown to the anatomy.
        camera: The camera.

    Returns:
        ``(landmarks, visible, annotated)``: L x 2 (column, row), NaN where not visible; whether each
        lies in front of the source and inside the image; whether its presence or absence is known
        (False for names in neither ``anatomy.landmarks`` nor ``anatomy.absent``).
    """
    landmarks = np.full((len(names), 2), np.nan)
    known = [index for index, name in enumerate(names) if name in anatomy.landmarks]
    if known:
        landmarks[known] = camera.project(np.stack([anatomy.landmarks[names[index]] for index in known]))
    visible = camera.contains(landmarks)
    landmarks[~visible] = np.nan
    annotated = np.array([name in anatomy.landmarks or name in anatomy.absent for name in names], dtype=bool)
    return landmarks, visible, annotated
