"""Affine and rigid maps between frames.

They are named ``dst_from_src``, so that composition reads as cancellation:
``camera_from_ijk = camera_from_world @ world_from_ijk``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from synthex.core.arrays import Matrix3, Matrix4, Point3, Points3

# Not typing.Self: beartype, which checks annotations in the tests, refuses it on methods it decorates alone.
AffineT = TypeVar("AffineT", bound="Affine")


@dataclass(frozen=True, eq=False)
class Affine:
    """An invertible affine map of 3-D points.

    Attributes:
        matrix: 4 x 4, float64, last row ``0 0 0 1``; copied and made read-only on construction.
    """

    matrix: Matrix4

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(f"an affine map needs a finite 4 x 4 matrix, got shape {matrix.shape}")
        if not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise ValueError(f"the last row of an affine map is 0 0 0 1, got {matrix[3].tolist()}")
        if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
            raise ValueError("the matrix of an affine map is singular")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls: type[AffineT]) -> AffineT:
        """The map that leaves every point where it is."""
        return cls(np.eye(4))

    @classmethod
    def from_parts(cls: type[AffineT], linear: ArrayLike, translation: ArrayLike | Sequence[float | int]) -> AffineT:
        """Build from a 3 x 3 linear part and a translation of 3 numbers."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(linear, dtype=np.float64)
        matrix[:3, 3] = np.asarray(translation, dtype=np.float64)
        return cls(matrix)

    @property
    def linear(self) -> Matrix3:
        """The 3 x 3 part."""
        return self.matrix[:3, :3]

    @property
    def translation(self) -> Point3:
        """The image of the origin."""
        return self.matrix[:3, 3]

    def __matmul__(self, other: "Affine") -> "Affine":
        """``c_from_b @ b_from_a`` is ``c_from_a``; rigid when both are."""
        kind = Rigid if isinstance(self, Rigid) and isinstance(other, Rigid) else Affine
        return kind(self.matrix @ other.matrix)

    def inverse(self: AffineT) -> AffineT:
        """The map the other way."""
        return type(self)(np.linalg.inv(self.matrix))

    def apply(self, points: Points3) -> Points3:
        """Map points of shape (N, 3)."""
        return np.asarray(points, dtype=np.float64) @ self.linear.T + self.translation

    def apply_vectors(self, vectors: Points3) -> Points3:
        """Map directions of shape (N, 3): no translation."""
        return np.asarray(vectors, dtype=np.float64) @ self.linear.T


@dataclass(frozen=True, eq=False)
class Rigid(Affine):
    """A rotation and a translation; lengths and handedness are kept (checked to 1e-6)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rotation = self.linear
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) or np.linalg.det(rotation) < 0:
            raise ValueError("a rigid map needs a proper rotation (orthonormal, determinant +1)")
