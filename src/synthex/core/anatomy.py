"""Volumes, the anatomy of one subject, and the scene that is X-rayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from synthex.core.arrays import Point3, Points3, VoxelArray
from synthex.core.solid import Solid
from synthex.core.transforms import Affine


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D grid in the world.

    Attributes:
        data: Voxels indexed [i, j, k]; may be a read-only memory map. Not copied.
        world_from_ijk: Maps voxel indices to RAS mm; a voxel's centre is at its integer index.
    """

    data: VoxelArray
    world_from_ijk: Affine

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j, k."""
        i, j, k = self.data.shape
        return (i, j, k)

    @property
    def spacing_mm(self) -> Point3:
        """Voxel edge lengths along i, j, k in mm."""
        return np.linalg.norm(self.world_from_ijk.linear, axis=0)

    @property
    def center_world(self) -> Point3:
        """Centre of the grid in world coordinates, mm."""
        return self.world_from_ijk.apply((np.array(self.shape, dtype=np.float64)[None] - 1) / 2)[0]

    def same_grid(self, other: "Volume") -> bool:
        """Whether both volumes have the same voxels in the same places (to 1e-3 mm)."""
        return self.shape == other.shape and np.allclose(
            self.world_from_ijk.matrix, other.world_from_ijk.matrix, atol=1e-3
        )


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One subject: CT, labels and landmarks in one world frame.

    Attributes:
        subject_id: Name used for splits, statistics and files; never a patient's identity.
        ct: Hounsfield units, int16.
        labels: Structure ids on the grid of ``ct``, uint8, 0 is background.
        structures: Name of each structure to its id in ``labels``.
        landmarks: Name to RAS position in mm, for the landmarks that lie in the volume.
        absent: Landmarks known to lie outside the volume. A name that is in neither ``landmarks`` nor
            ``absent`` is not annotated: nothing may be taught or scored about it.
    """

    subject_id: str
    ct: Volume
    labels: Volume
    structures: Mapping[str, int]
    landmarks: Mapping[str, Point3]
    absent: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.ct.data.dtype != np.int16 or self.labels.data.dtype != np.uint8:
            raise ValueError(
                f"anatomy needs int16 HU and uint8 labels, got {self.ct.data.dtype}, {self.labels.data.dtype}"
            )
        if not self.ct.same_grid(self.labels):
            raise ValueError(f"labels {self.labels.shape} are on another grid than the CT {self.ct.shape}")
        points = {name: np.array(point, dtype=np.float64) for name, point in self.landmarks.items()}
        object.__setattr__(self, "structures", MappingProxyType(dict(self.structures)))
        object.__setattr__(self, "landmarks", MappingProxyType(points))


@dataclass(frozen=True, eq=False)
class Scene:
    """What is X-rayed: an anatomy, and what was done to it.

    Attributes:
        anatomy: The subject.
        record: JSON values that say how the scene was made (subject, variant, …).
        solids: Instruments and implants; where two overlap, the later one displaces the earlier.
        center_world: The point that views are aimed at, RAS mm; None is the centre of the CT.
        landmarks: Named points of what was brought in (an instrument's tip), RAS mm.
        polylines: Named lines of it (its centre line), P x 3, RAS mm.
        volumes: Named volumes that only targets read (the matter that a lesion adds), int16 HU.
        aims: Points that a view may be about by name (``hip_left``) instead of ``center_world``, RAS mm.
    """

    anatomy: Anatomy
    record: Mapping[str, object] = field(default_factory=dict)
    solids: tuple[Solid, ...] = ()
    center_world: Point3 | None = None
    landmarks: Mapping[str, Point3] = field(default_factory=dict)
    polylines: Mapping[str, Points3] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    aims: Mapping[str, Point3] = field(default_factory=dict)

    @property
    def aim_world(self) -> Point3:
        """:attr:`center_world`, or else the centre of the CT."""
        return self.anatomy.ct.center_world if self.center_world is None else self.center_world
