"""The X-ray camera: a point source and a flat detector, as one frozen value.

Camera frame: origin at the source, +z towards the detector, +x along increasing columns (decreasing
ones where ``fx`` is negative), +y along increasing rows. Pixel convention, owned by this module: the
centre of the pixel in row ``r`` and column ``c`` is at ``(c + 0.5, r + 0.5)``; the image covers
``[0, width] x [0, height]``; image points are (column, row).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthex.core.arrays import Flags, Matrix3, PixelFlags, Point3, Points2, Points3
from synthex.core.transforms import Rigid


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole X-ray camera.

    Attributes:
        intrinsics: 3 x 3, in pixels: ``[[fx, skew, cx], [0, fy, cy], [0, 0, 1]]``. A negative ``fx`` is an
            image read out mirrored (columns run along -x), so that the pose stays a proper rotation.
        camera_from_world: Pose; world is RAS in mm.
        height: Rows.
        width: Columns.
        pixel_mm: Pixel pitch on the detector in mm (square pixels).
        opening_mm: Diameter on the detector, in mm, of a round field about the middle of the image (an image
            intensifier's, or that of an iris): nothing is seen outside. None is the whole image.
    """

    intrinsics: Matrix3
    camera_from_world: Rigid
    height: int
    width: int
    pixel_mm: float
    opening_mm: float | None = None

    def __post_init__(self) -> None:
        intrinsics = np.array(self.intrinsics, dtype=np.float64)
        if intrinsics.shape != (3, 3) or not np.isfinite(intrinsics).all():
            raise ValueError("camera intrinsics must be a finite 3 x 3 matrix")
        if intrinsics[0, 0] == 0 or intrinsics[1, 1] <= 0 or not np.allclose(intrinsics[2], (0, 0, 1)):
            raise ValueError("camera intrinsics need fx other than 0, a positive fy and the last row 0 0 1")
        if self.height < 1 or self.width < 1 or not 0 < self.pixel_mm < np.inf:
            raise ValueError(f"bad detector: {self.height} x {self.width} pixels of {self.pixel_mm} mm")
        if self.opening_mm is not None and not self.opening_mm > 0:
            raise ValueError(f"a round field needs a positive opening_mm, got {self.opening_mm}")
        intrinsics.setflags(write=False)
        object.__setattr__(self, "intrinsics", intrinsics)

    @property
    def sdd_mm(self) -> float:
        """Source-to-detector distance in mm (focal length times pixel pitch)."""
        return float(0.5 * (abs(self.intrinsics[0, 0]) + self.intrinsics[1, 1]) * self.pixel_mm)

    @property
    def source_world(self) -> Point3:
        """The X-ray source in world coordinates, mm."""
        return self.camera_from_world.inverse().translation

    def depth(self, points_world: Points3) -> np.ndarray:
        """Distance of points from the source along the central axis, mm, shape (N,)."""
        return self.camera_from_world.apply(points_world)[:, 2]

    def magnification(self, point_world: Point3) -> float:
        """SDD over depth: how much larger than life an object at ``point_world`` is on the detector."""
        return self.sdd_mm / float(self.depth(np.asarray(point_world)[None])[0])

    def project(self, points_world: Points3) -> Points2:
        """Perspective projection to (column, row), shape (N, 2); NaN for points behind the source."""
        camera = self.camera_from_world.apply(points_world)
        depth = np.where(camera[:, 2:] > 1e-6, camera[:, 2:], np.nan)
        return (camera / depth) @ self.intrinsics[:2].T

    def contains(self, points_px: Points2) -> Flags:
        """Whether image points lie on the detector and in its opening (NaN does not), shape (N,)."""
        column, row = points_px[:, 0], points_px[:, 1]
        inside = (column >= 0) & (column <= self.width) & (row >= 0) & (row <= self.height)
        if self.opening_mm is None:
            return inside
        from_middle = np.hypot(column - self.width / 2, row - self.height / 2)
        return inside & (from_middle * self.pixel_mm <= self.opening_mm / 2)

    def open_pixels(self) -> PixelFlags | None:
        """Which pixels lie in the opening, H x W; None where all do."""
        half_mm = self.pixel_mm * np.hypot(self.width, self.height) / 2
        if self.opening_mm is None or self.opening_mm / 2 >= half_mm:
            return None
        column = (np.arange(self.width) + 0.5 - self.width / 2) * self.pixel_mm
        row = (np.arange(self.height) + 0.5 - self.height / 2) * self.pixel_mm
        return column[None, :] ** 2 + row[:, None] ** 2 <= (self.opening_mm / 2) ** 2

    @property
    def world_from_pixel(self) -> Matrix3:
        """3 x 3 map from homogeneous (column, row, 1) to a ray direction in world coordinates.

        The direction has depth 1 mm along the central axis: ``source + depth * direction``.
        """
        return self.camera_from_world.linear.T @ np.linalg.inv(self.intrinsics)

    def resized(self, height: int, width: int) -> "Camera":
        """The same physical detector read out with other pixel counts (binning): field and SDD stay.

        Raises:
            ValueError: The aspect ratio would change, so that pixels would not be square.
        """
        if height * self.width != width * self.height:
            raise ValueError(f"cannot read {self.height} x {self.width} out as {height} x {width}: aspect changes")
        factor = width / self.width
        scale = np.diag((factor, factor, 1.0))
        return replace(
            self, intrinsics=scale @ self.intrinsics, height=height, width=width, pixel_mm=self.pixel_mm / factor
        )

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values from which :meth:`from_record` makes the same camera again, exactly."""
        record = {
            "intrinsics": self.intrinsics.tolist(),
            "camera_from_world": self.camera_from_world.matrix.tolist(),
            "height": self.height,
            "width": self.width,
            "pixel_mm": self.pixel_mm,
        }
        return record if self.opening_mm is None else {**record, "opening_mm": self.opening_mm}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Camera":
        """The camera of :meth:`to_record`."""
        pose = Rigid(np.array(record["camera_from_world"]))
        size = (record["height"], record["width"], record["pixel_mm"])
        return cls(np.array(record["intrinsics"]), pose, *size, record.get("opening_mm"))
