"""Cameras given as matrices: any K and [R|t], principal points off the centre, replayed in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from synthex.core import Camera, ConfigError, InputError, Rigid
from synthex.core.arrays import Point3
from synthex.core.documents import read_json
from synthex.core.limits import MAX_PIXELS
from synthex.geometry.views import NO_AIMS

if TYPE_CHECKING:
    from synthex.geometry.carm import CArm

_NEEDED = ("intrinsics", "camera_from_world", "height", "width", "pixel_mm")


@dataclass(frozen=True, eq=False)
class CameraView:
    """An image that a camera takes as it stands; a :class:`~synthex.geometry.Shot`.

    Attributes:
        taken_by: The camera.
        isocenter_world: The point that the image is about, RAS mm.
    """

    taken_by: Camera
    isocenter_world: Point3

    @property
    def source_isocenter_mm(self) -> float:
        """Depth of the point along the central axis, mm."""
        return float(self.taken_by.depth(np.asarray(self.isocenter_world)[None])[0])

    def camera(self, carm: "CArm") -> Camera:
        """The camera, read out with as many columns as ``carm``: its field and its principal ray stay.

        Raises:
            ConfigError: Rows would not come out whole with square pixels.
        """
        rows, remainder = divmod(self.taken_by.height * carm.columns, self.taken_by.width)
        if remainder or rows < 1:
            raise ConfigError(
                f"a camera of {self.taken_by.height} x {self.taken_by.width} pixels cannot be read out with data.size="
                f"{carm.columns} columns and square pixels; choose a size that leaves whole rows"
            )
        return self.taken_by.resized(rows, carm.columns)

    def to_record(self) -> dict[str, Any]:
        """What the image is about; samples record the camera itself beside it."""
        return {
            "isocenter_world": np.asarray(self.isocenter_world).tolist(),
            "source_isocenter_mm": self.source_isocenter_mm,
        }


@dataclass(frozen=True)
class FixedCameras:
    """Cameras that are listed, image ``i`` by camera ``i`` modulo their number; stands where view ranges do.

    Attributes:
        cameras: Each a :class:`synthex.core.Camera`, or a mapping as its ``to_record`` (and so the ``camera`` of a
            sample's record) has it: ``intrinsics`` K, 3 x 3 in pixels, whose image covers [0, width] x [0, height]
            with pixel centres at +0.5; ``camera_from_world`` [R|t], 3 x 4 or 4 x 4, world in RAS mm, +z from the
            source to the detector; ``height``, ``width`` in pixels; ``pixel_mm``, pitch at the detector. A negative
            fx is an image that was read out mirrored. ``opening_mm`` may be given too.
        file: A JSON file with such a list, instead of ``cameras``.
        frame: What the world of [R|t] is: ``world``, that of the CT, or ``aim``: its origin is the scene's centre.

    Raises:
        ConfigError: No camera, or one that cannot be.
        InputError: The file cannot be read.
    """

    cameras: Sequence[Camera | Mapping[str, Any]] = ()
    file: str | Path | None = None
    frame: Literal["world", "aim"] = "world"
    _made: tuple[Camera, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.frame not in ("world", "aim"):
            raise ConfigError(f"views.frame is 'world' or 'aim', got {self.frame!r}")
        if (self.file is None) == (not self.cameras):
            raise ConfigError("give cameras in one place: views.cameras, or views.file (JSON)")
        listed = self.cameras if self.file is None else _read(Path(self.file).expanduser())
        made = (
            entry if isinstance(entry, Camera) else camera_from_matrices(entry, f"camera {number}")
            for number, entry in enumerate(listed)
        )
        object.__setattr__(self, "_made", tuple(made))

    def sample(
        self, rng: np.random.Generator, center_world: Point3, aims: Mapping[str, Point3] = NO_AIMS, case: int = 0
    ) -> CameraView:
        """The camera of image ``case``; draws nothing.

        Raises:
            ConfigError: The scene's centre lies behind its source.
        """
        number = case % len(self._made)
        camera = self._made[number]
        if self.frame == "aim":
            offset = Rigid.from_parts(np.eye(3), -np.asarray(center_world, dtype=np.float64))
            pose = Rigid(camera.camera_from_world.matrix @ offset.matrix)
            camera = replace(camera, camera_from_world=pose)
        view = CameraView(camera, center_world)
        if view.source_isocenter_mm <= 0:
            raise ConfigError(
                f"views: the scene lies behind the source of camera {number}; +z must point from the source to the "
                "detector (in other conventions it points back: negate the first and third row of [R|t])"
            )
        return view


def camera_from_matrices(entry: Mapping[str, Any], name: str = "the camera") -> Camera:
    """A camera from plain values; see :class:`FixedCameras` for the keys.

    Raises:
        ConfigError: A key is missing or unknown, or no camera has such values.
    """
    unknown = sorted((set(entry) ^ set(_NEEDED)) - {"opening_mm"}) if isinstance(entry, Mapping) else [repr(entry)]
    if unknown:
        raise ConfigError(f"{name} needs {', '.join(_NEEDED)} and nothing else; see {', '.join(unknown)}")
    try:
        pose = np.array(entry["camera_from_world"], dtype=np.float64)
        if pose.shape == (3, 4):
            pose = np.vstack((pose, (0, 0, 0, 1)))
        intrinsics = np.array(entry["intrinsics"], dtype=np.float64)
        if intrinsics.shape != (3, 3) or pose.shape != (4, 4):
            raise ValueError(f"K is 3 x 3 and [R|t] 3 x 4 or 4 x 4, got shapes {intrinsics.shape} and {pose.shape}")
        height, width = int(entry["height"]), int(entry["width"])
        if height * width > MAX_PIXELS:
            raise ValueError(f"images have at most {MAX_PIXELS} pixels, not {height} x {width}")
        opening = entry.get("opening_mm")
        opening_mm = None if opening is None else float(opening)
        return Camera(intrinsics, Rigid(pose), height, width, float(entry["pixel_mm"]), opening_mm)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} cannot be: {error}") from error


def _read(path: Path) -> Sequence[Mapping[str, Any]]:
    """The list of cameras in a JSON file.

    Raises:
        InputError: There is none.
    """
    remedy = "give a JSON list of cameras, each with " + ", ".join(_NEEDED)
    listed = read_json(path, remedy)
    if not isinstance(listed, list) or not listed:
        raise InputError(path, "holds no list of cameras", remedy)
    return listed
