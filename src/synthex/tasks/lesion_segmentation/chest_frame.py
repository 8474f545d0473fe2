"""Where devices lie in a chest, from its lungs and its skin alone: phantoms and labelled CTs alike."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter, map_coordinates

from synthex.core import Anatomy, ConfigError, Volume
from synthex.core.arrays import Point3, Points3

Side = Literal["left", "right"]
SIGN: dict[Side, float] = {"left": -1.0, "right": 1.0}

_COARSE_MM = 8.0
"""Voxels about so far apart find lungs as well as any device is placed: our choice."""

_SKIN_HU = -300
"""Denser than this is skin or what lies under it: between air (-1000) and fat (-100)."""

_GRID_MM, _FRONT_MM = 12.0, 6.0
"""Steps of the grid on which the skin is found, across and to the front: our choice, smoothed afterwards."""

_TRACHEA_HU = -700
"""More air than this beside no lung is the trachea (lungs are left out by their labels)."""

_CARINA = 0.25
"""Height of the carina below the apices as a share of the lungs' height where it is not a landmark: our choice, as
chest phantoms have it (0.23 to 0.29)."""

_SVC, _TRACHEA, _ESOPHAGUS, _HEART = 0.57, 0.43, 0.34, 0.64
"""Where organs lie between the back (0) and the front (1) of the box around the lungs: our choice, read off the
phantom's organs and rounded."""


@dataclass(frozen=True, eq=False)
class ChestFrame:
    """One subject's chest. World: RAS mm (x to the right, y to the front, z up).

    Attributes:
        anatomy: The subject.
        lungs: Positions of the coarse voxels of the left and the right lung.
    """

    anatomy: Anatomy
    lungs: dict[Side, Points3]

    @classmethod
    def of(cls, anatomy: Anatomy) -> "ChestFrame":
        """The frame of a subject with the structures ``lung_left`` and ``lung_right``.

        Raises:
            ConfigError: One of them has no voxel.
        """
        stride = np.maximum(1, np.rint(_COARSE_MM / anatomy.labels.spacing_mm)).astype(int)
        i, j, k = stride.tolist()
        coarse = np.asarray(anatomy.labels.data[::i, ::j, ::k])
        lungs: dict[Side, Points3] = {}
        for side in SIGN:
            index = np.argwhere(coarse == anatomy.structures[f"lung_{side}"])
            if not len(index):
                raise ConfigError(f"subject {anatomy.subject_id} has no voxel of lung_{side}")
            lungs[side] = anatomy.labels.world_from_ijk.apply((index * stride).astype(np.float64))
        return cls(anatomy, lungs)

    @cached_property
    def low(self) -> Point3:
        """Lowest corner of the box around both lungs."""
        return np.min([points.min(axis=0) for points in self.lungs.values()], axis=0)

    @cached_property
    def high(self) -> Point3:
        """Highest corner: its z is that of the apices."""
        return np.max([points.max(axis=0) for points in self.lungs.values()], axis=0)

    @cached_property
    def half_width(self) -> float:
        """Half the box's width, mm."""
        return float(self.high[0] - self.low[0]) / 2

    @property
    def middle_x(self) -> float:
        """Midline: the middle of the box."""
        return float(self.high[0] + self.low[0]) / 2

    def height(self, share: float) -> float:
        """The z at a share of the lungs' height below the apices; beyond 0 to 1 above and below the lungs."""
        return float(self.high[2] - share * (self.high[2] - self.low[2]))

    def depth(self, share: float) -> float:
        """The y at a share of the way from the back to the front of the lungs."""
        return float(self.low[1] + share * (self.high[1] - self.low[1]))

    @cached_property
    def carina_z(self) -> float:
        """Where the trachea divides: the landmark ``carina``, or :data:`_CARINA`."""
        if "carina" in self.anatomy.landmarks:
            return float(self.anatomy.landmarks["carina"][2])
        return self.height(_CARINA)

    @cached_property
    def dome_z(self) -> float:
        """Height of the diaphragm, the mean of both sides: the lowest lung in the middle of each lung's section."""
        lowest = []
        for points in self.lungs.values():
            near = np.abs(points[:, :2] - np.median(points[:, :2], axis=0)).max(axis=1) < 20
            lowest.append(points[near, 2].min())
        return float(np.mean(lowest))

    def border(self, side: Side, z: float, share: float) -> float:
        """The x of a lung's medial border at a height and a depth (:meth:`depth`), as far as 8 mm and 15 mm tell.

        Where there is no lung it is a quarter of the way to the side.
        """
        points, sign = self.lungs[side], SIGN[side]
        near = (np.abs(points[:, 2] - z) < 8) & (np.abs(points[:, 1] - self.depth(share)) < 15)
        if not near.any():
            return self.middle_x + sign * self.half_width / 4
        return float(sign * (sign * points[near, 0]).min())

    def cava(self, z: float) -> Point3:
        """The superior vena cava, or the atrium below it: 9 mm beside the right lung (half its width)."""
        return np.array((self.border("right", z, _SVC) - 9.0, self.depth(_SVC), z))

    def esophagus(self, z: float) -> Point3:
        """Before the spine, a little to the left below the carina."""
        left = float(np.clip((self.carina_z - z) / 100.0, 0, 1))
        return np.array((self.middle_x - 12.0 * left, self.depth(_ESOPHAGUS), z))

    def heart(self, across: float, above_dome_mm: float) -> Point3:
        """A point of the heart: ``across`` -1 is its left border, 0 the midline, 1 its right border."""
        z = self.dome_z + above_dome_mm
        side: Side = "left" if across < 0 else "right"
        x = self.middle_x + abs(across) * (self.border(side, self.dome_z + 25.0, _HEART) - self.middle_x)
        return np.array((x, self.depth(_HEART), z))

    def trachea(self, z: float) -> Point3:
        """The middle of the air between the lungs at one height; the midline where there is none.

        Above the lungs, where air may be before the neck too, it goes on straight up.
        """
        seen = min(z, self.height(0.0) - 15.0)
        x, y = np.arange(-26.0, 26.1, 2.0) + self.middle_x, np.arange(self.depth(0.15), self.depth(0.8), 2.0)
        points = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((len(x), len(y)), seen)], axis=-1).reshape(-1, 3)
        hu, labels = nearest(self.anatomy.ct, points, 0), nearest(self.anatomy.labels, points, 0)
        found = points[(hu < _TRACHEA_HU) & (labels == 0)]
        guess = np.array((self.middle_x, self.depth(_TRACHEA), z))
        # A lumen is at least 10 mm wide, and one place: air about the neck or along the lungs' borders is not it.
        if len(found) < 20 or np.ptp(found[:, :2], axis=0).max() > 40:
            return guess
        return np.array((*np.median(found[:, :2], axis=0), z))

    @cached_property
    def _skin(self) -> tuple[Point3, Float[np.ndarray, "X Z"]]:
        """Corner of a grid across x and z, and y of the foremost tissue at its nodes, smoothed."""
        low, high = self.low - np.array((90.0, 40.0, 90.0)), self.high + np.array((90.0, 110.0, 110.0))
        axes = [
            np.arange(a, b, _FRONT_MM if axis == 1 else _GRID_MM)
            for axis, (a, b) in enumerate(zip(low, high, strict=True))
        ]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        tissue: Bool[np.ndarray, "X Y Z"] = (
            nearest(self.anatomy.ct, points.reshape(-1, 3), -1000).reshape(points.shape[:3]) > _SKIN_HU
        )
        there = tissue.any(axis=1)
        front = axes[1][len(axes[1]) - 1 - np.argmax(tissue[:, ::-1], axis=1)]
        # Beside the body the skin goes on as a smooth sheet: a weighted mean of what is near.
        share = gaussian_filter(there.astype(float), 1.0) + 1e-9
        wide = gaussian_filter(there.astype(float), 8.0) + 1e-9
        far = gaussian_filter(np.where(there, front, 0.0), 8.0) / wide
        near = gaussian_filter(np.where(there, front, 0.0), 1.0) / share
        return low, np.where(share > 0.3, near, far)

    def skin(self, xz: Float[np.ndarray, "N 2"], out_mm: float | Float[np.ndarray, "N"] = 0.0) -> Points3:
        """Points on the front of the body at x and z, ``out_mm`` before it (negative: under it)."""
        corner, front = self._skin
        index = (xz - corner[[0, 2]]) / _GRID_MM
        y = map_coordinates(front, index.T, order=1, mode="nearest") + out_mm
        return np.stack([xz[:, 0], y, xz[:, 1]], axis=1)

    def skin_normal(self, x: float, z: float) -> Point3:
        """Unit normal of the front of the body, outwards, over 40 mm."""
        points = self.skin(np.array(((x - 20, z), (x + 20, z), (x, z - 20), (x, z + 20))))
        normal = np.cross(points[3] - points[2], points[1] - points[0])
        return normal / np.linalg.norm(normal)


def nearest(volume: Volume, points: Points3, outside: int) -> np.ndarray:
    """Nearest voxels at points of the world."""
    index = np.rint(volume.world_from_ijk.inverse().apply(points)).astype(np.int64)
    within = ((index >= 0) & (index < volume.shape)).all(axis=1)
    values = np.full(len(points), outside, dtype=np.int64)
    values[within] = volume.data[tuple(index[within].T)]
    return values
