"""Voxel grids at the door: is the affine usable, and which way round are its axes."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from jaxtyping import Num

from synthex.core import Affine, InputError
from synthex.core.arrays import Matrix4, VoxelArray

TurnedArray = Num[np.ndarray, "A B C"]
"""Voxels whose axes or extents differ from the array they were made of."""

RAS_FROM_LPS = np.diag((-1.0, -1.0, 1.0, 1.0))
"""DICOM and ITK count x to the patient's left and y to the back; our world is RAS."""

SPACING_RANGE_MM = (0.02, 20.0)
"""Voxel edges outside it are taken for a missing or wrong header (micro-CT to thick topogram slices lie inside)."""

SHEAR_TOLERANCE = 2e-3
"""Largest cosine between two voxel axes: headers in single precision and mild rounding stay below it."""


@dataclass(frozen=True, eq=False)
class RawVolume:
    """Voxels as the file orders them.

    Attributes:
        data: Voxels [i, j, k] of the file's own dtype, or None where only the header was read.
        shape: Voxels along i, j, k.
        world_from_ijk: RAS mm.
        notes: What a person should know of the reading: objects that were passed over, a tilted gantry.
    """

    data: VoxelArray | None
    shape: tuple[int, int, int]
    world_from_ijk: Affine
    notes: tuple[str, ...] = ()


def checked_affine(path: Path, matrix: Matrix4) -> Affine:
    """The affine of a file header, once it is known to be usable.

    A left-handed but orthogonal matrix (LAS, for instance) is legitimate and passes.

    Args:
        path: The file, for messages.
        matrix: 4 x 4, RAS mm from voxel indices.

    Raises:
        InputError: Not finite, zero or absurd spacing, sheared, or singular.
    """
    if not np.isfinite(matrix).all():
        raise InputError(path, "the header's affine has values that are not numbers", "export the image again")
    linear = matrix[:3, :3]
    spacing = np.linalg.norm(linear, axis=0)
    low, high = SPACING_RANGE_MM
    if not ((spacing >= low) & (spacing <= high)).all():
        seen = " x ".join(f"{value:g}" for value in spacing)
        raise InputError(
            path,
            f"wrong or missing spacing: {seen} mm (expected {low:g} to {high:g})",
            "correct the header or export the image again",
        )
    cosines = (linear / spacing).T @ (linear / spacing)
    worst = float(np.abs(cosines - np.eye(3)).max())
    if worst > SHEAR_TOLERANCE:
        kind = "singular" if abs(np.linalg.det(linear / spacing)) < 1e-3 else "sheared"
        raise InputError(
            path,
            f"the affine is {kind}: voxel axes are {np.degrees(np.arccos(min(worst, 1.0))):.1f} degrees apart, not 90",
            "resample it to a rectangular grid (a tilted gantry does this)",
        )
    return Affine(matrix)


def axis_codes(world_from_ijk: Affine) -> str:
    """Closest anatomical direction each voxel axis grows to, for instance ``"LAS"``."""
    permutation, signs = _closest_axes(world_from_ijk)
    return "".join(("LR", "PA", "IS")[axis][int(sign > 0)] for axis, sign in zip(permutation, signs, strict=True))


def to_ras(data: VoxelArray, world_from_ijk: Affine) -> tuple[TurnedArray, Affine]:
    """Reorder and flip voxel axes to the closest RAS orientation; no voxel moves in the world.

    An oblique rotation stays in the affine.

    Returns:
        A view of ``data`` and its affine.
    """
    permutation, signs = _closest_axes(world_from_ijk)
    order = [permutation.index(axis) for axis in range(3)]  # the file's axis that runs along each world axis
    matrix = world_from_ijk.matrix.copy()
    for axis in range(3):
        if signs[axis] < 0:
            matrix[:3, 3] += matrix[:3, axis] * (data.shape[axis] - 1)
            matrix[:3, axis] *= -1
    flipped = data[tuple(slice(None, None, -1 if sign < 0 else 1) for sign in signs)]
    return np.transpose(flipped, order), Affine(matrix[:, [*order, 3]] + 0.0)  # no negative zeros


def _closest_axes(world_from_ijk: Affine) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """World axis and sign that each voxel axis is closest to: the best of the six assignments together."""
    directions = world_from_ijk.linear / np.linalg.norm(world_from_ijk.linear, axis=0)
    best = max(permutations(range(3)), key=lambda order: sum(abs(directions[order[i], i]) for i in range(3)))
    return best, tuple(float(np.sign(directions[best[i], i])) for i in range(3))
