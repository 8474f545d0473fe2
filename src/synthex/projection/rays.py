"""The rays of a camera in the index space of a volume."""

from dataclasses import dataclass

from synthex.core import Affine, Camera
from synthex.core.arrays import Matrix3, Point3


@dataclass(frozen=True, eq=False)
class IndexRays:
    """One ray a pixel: ``source + depth * (direction @ (column, row, 1))`` with ``depth`` in mm.

    Depth is the distance from the source along the camera's central axis.

    Attributes:
        source: The X-ray source in voxel indices.
        index_from_pixel: 3 x 3; maps homogeneous pixel-centre coordinates to voxels per mm of depth.
        world_from_pixel: 3 x 3; the same directions in world mm per mm of depth (for path lengths).
        max_depth: Depth of the detector in mm, where rays end.
    """

    source: Point3
    index_from_pixel: Matrix3
    world_from_pixel: Matrix3
    max_depth: float

    @classmethod
    def of(cls, camera: Camera, world_from_ijk: Affine) -> "IndexRays":
        """The rays of ``camera`` through a grid."""
        ijk_from_world = world_from_ijk.inverse()
        directions = camera.world_from_pixel
        return cls(
            source=ijk_from_world.apply(camera.source_world[None])[0],
            index_from_pixel=ijk_from_world.linear @ directions,
            world_from_pixel=directions,
            max_depth=camera.sdd_mm,
        )
