"""What a painter needs to know of a person: shapes, no densities."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8

from synthex.anatomy.hip_geometry import HipJoint
from synthex.anatomy.voxel_grid import Box, Grid
from synthex.core import Rigid
from synthex.core.arrays import Point3

BAND_MM = 12.0
"""Distances to bones are exact to here and cut off beyond."""


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone on the grid.

    Attributes:
        kind: ``femur``, ``hip``, ``sacrum``, ``vertebra``, or anything else: bone of average looks.
        structure: Name of the structure whose label it gets; empty: bone without a label.
        box: The voxels around it.
        distance: Signed distance to its surface in mm over that box, negative inside.
        side: ``left``, ``right``, or empty.
        shell: Of a part of a broken bone: distance to the surface of the whole, which alone has a shell.
        motion: Of such a part: how it has moved since it was whole, world to world.
    """

    kind: str
    structure: str
    box: Box
    distance: Float32[np.ndarray, "I J K"]
    side: str = ""
    shell: Float32[np.ndarray, "I J K"] | None = None
    motion: Rigid | None = None


@dataclass(frozen=True, eq=False)
class Body:
    """A person's shapes on one grid.

    Attributes:
        grid: Cubic voxels in RAS.
        bones: By name.
        skin: Signed distance to the skin, mm, negative inside.
        muscle: Share of muscle in each voxel, 0 to 1; the rest is fat.
        cavity: Signed distance to the wall of the abdominal cavity, mm, negative inside.
        organs: Ids of :attr:`organ_names`, counted from 1; 0 is none.
        organ_names: Names of organs (``urinary_bladder``, ``colon``, …).
        discs: Share of disc and cartilage in each voxel.
        joints: Hip joints by side.
        landmarks: RAS mm.
        absent: Landmarks known to lie outside.
    """

    grid: Grid
    bones: Mapping[str, Bone]
    skin: Float32[np.ndarray, "I J K"]
    muscle: Float32[np.ndarray, "I J K"]
    cavity: Float32[np.ndarray, "I J K"]
    organs: UInt8[np.ndarray, "I J K"]
    organ_names: tuple[str, ...]
    discs: Float32[np.ndarray, "I J K"]
    joints: Mapping[str, HipJoint] = field(default_factory=dict)
    landmarks: Mapping[str, Point3] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
