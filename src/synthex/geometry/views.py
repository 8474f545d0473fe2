"""Where a C-arm looks from: one view as a JSON-able value, and ranges to draw views from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from synthex.core import Camera
from synthex.core.arrays import Matrix3, Point3

if TYPE_CHECKING:
    from synthex.geometry.carm import CArm

Number = float | int
SourceSide = Literal["anterior", "posterior"]
Range = Sequence[Number]
"""(low, high); configs hand over lists of integers too."""
NO_AIMS: Mapping[str, Point3] = MappingProxyType({})


@runtime_checkable
class Shot(Protocol):
    """One image as it is taken; :class:`View` and :class:`~synthex.geometry.cameras.CameraView` are such."""

    @property
    def isocenter_world(self) -> Point3:
        """The point that the image is about, RAS mm."""
        ...

    @property
    def source_isocenter_mm(self) -> Number:
        """How far it lies from the source along the central axis, mm."""
        ...

    def camera(self, carm: "CArm") -> Camera:
        """The camera, read out with as many columns as ``carm``."""
        ...

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values that say what it is."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """One pose of a C-arm about a supine or standing patient.

    The beam axis runs through the isocentre. Its *anterior end* is the end on the patient's front; it
    carries the source or the detector (see :class:`~synthex.geometry.carm.CArm`). With all angles 0 it
    points anterior (+A): the frontal view, shown head up with the patient's right on the image's left.

    Attributes:
        isocenter_world: RAS mm.
        lao_rao_deg: Positive (LAO) swings the anterior end of the beam axis about the patient's long axis
            towards the patient's left, negative (RAO) towards the right; 90 puts it at the left side.
        cranial_caudal_deg: Positive (cranial) then tilts the anterior end towards the head, about the
            axis that the first rotation has turned left-right.
        roll_deg: Positive turns the content of the displayed image clockwise about the central ray.
        source_isocenter_mm: Distance from the source to the isocentre.
        sdd_mm: Source-to-detector distance where it is not the C-arm's own: a radiographic room moves its tube.
        source_side: Side of the patient that the source is on, where it is not the C-arm's own.
        field_mm: Width of the field at the detector where it is not the whole detector: what is outside is closed by
            the collimator and cut off. The image keeps its number of pixels, which are that much smaller.
            A field beyond the detector is all of it.
        opening: Diameter of a round field over the width of the image, where the image shows no more (an image
            intensifier): 1 touches the sides, 1.42 and more hide nothing.
    """

    isocenter_world: Point3
    lao_rao_deg: Number = 0.0
    cranial_caudal_deg: Number = 0.0
    roll_deg: Number = 0.0
    source_isocenter_mm: Number = 530.0
    sdd_mm: Number | None = None
    source_side: SourceSide | None = None
    field_mm: Number | None = None
    opening: Number | None = None

    def __post_init__(self) -> None:
        isocenter = np.array(self.isocenter_world, dtype=np.float64)
        if isocenter.shape != (3,) or not np.isfinite(isocenter).all():
            raise ValueError("a view needs an isocentre of three finite numbers (RAS mm)")
        if not self.source_isocenter_mm > 0:
            raise ValueError(f"source-to-isocentre distance must be positive, got {self.source_isocenter_mm}")
        if self.source_side not in (None, "anterior", "posterior"):
            raise ValueError(f"source_side is 'anterior' or 'posterior', got {self.source_side!r}")
        if self.field_mm is not None and not self.field_mm > 0:
            raise ValueError(f"field_mm must be positive, got {self.field_mm}")
        if self.opening is not None and not self.opening > 0:
            raise ValueError(f"opening must be positive, got {self.opening}")
        isocenter.setflags(write=False)
        object.__setattr__(self, "isocenter_world", isocenter)

    @property
    def rotation(self) -> Matrix3:
        """Rotation of the gantry in the world: about +S by LAO/RAO after about +R by cranial/caudal."""
        lao, cranial = np.deg2rad((self.lao_rao_deg, self.cranial_caudal_deg))
        about_s = np.array(((np.cos(lao), -np.sin(lao), 0), (np.sin(lao), np.cos(lao), 0), (0, 0, 1)))
        about_r = np.array(((1, 0, 0), (0, np.cos(cranial), -np.sin(cranial)), (0, np.sin(cranial), np.cos(cranial))))
        return about_s @ about_r

    def camera(self, carm: "CArm") -> Camera:
        """The camera of ``carm`` in this view."""
        return carm.camera(self)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values from which :meth:`from_record` makes the same view again, exactly."""
        record: dict[str, Any] = {
            "isocenter_world": self.isocenter_world.tolist(),
            "lao_rao_deg": float(self.lao_rao_deg),
            "cranial_caudal_deg": float(self.cranial_caudal_deg),
            "roll_deg": float(self.roll_deg),
            "source_isocenter_mm": float(self.source_isocenter_mm),
        }
        own = {name: getattr(self, name) for name in ("sdd_mm", "source_side", "field_mm", "opening")}
        return record | {name: value for name, value in own.items() if value is not None}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "View":
        """The view of :meth:`to_record`."""
        return cls(**{**record, "isocenter_world": np.array(record["isocenter_world"], dtype=np.float64)})


@runtime_checkable
class Views(Protocol):
    """Anything that views are drawn from."""

    def sample(
        self, rng: np.random.Generator, center_world: Point3, aims: Mapping[str, Point3] = NO_AIMS, case: int = 0
    ) -> Shot:
        """Draw a view, all randomness from ``rng``.

        Args:
            rng: Source of randomness.
            center_world: The point that the view is about where it names none, RAS mm.
            aims: Points that it may name, RAS mm.
            case: Number of the image in its split: what is replayed in turn.
        """
        ...


@dataclass(frozen=True)
class ViewRanges:
    """Uniform ranges (low, high) that views are drawn from; see :class:`View` for signs.

    Attributes:
        lao_rao_deg: Degrees.
        cranial_caudal_deg: Degrees.
        roll_deg: Degrees.
        isocenter_jitter_mm: One range per world axis (lateral R, anterior A, cranial S), mm.
        source_isocenter_mm: mm.
    """

    lao_rao_deg: Range = (0.0, 0.0)
    cranial_caudal_deg: Range = (0.0, 0.0)
    roll_deg: Range = (0.0, 0.0)
    isocenter_jitter_mm: Sequence[Range] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    source_isocenter_mm: Range = (530.0, 530.0)

    def __post_init__(self) -> None:
        for name in ("lao_rao_deg", "cranial_caudal_deg", "roll_deg", "source_isocenter_mm"):
            object.__setattr__(self, name, checked_range(name, getattr(self, name)))
        jitter = self.isocenter_jitter_mm
        if not (isinstance(jitter, Sequence) and len(jitter) == 3):
            raise ValueError(
                "isocenter_jitter_mm needs three ranges [[low, high], [low, high], [low, high]] (lateral, AP, "
                f"cranio-caudal), got {jitter!r}"
            )
        jitter = tuple(checked_range("isocenter_jitter_mm", axis) for axis in jitter)
        object.__setattr__(self, "isocenter_jitter_mm", jitter)
        if self.source_isocenter_mm[0] <= 0:
            raise ValueError(f"source_isocenter_mm must be positive, got {self.source_isocenter_mm}")

    def sample(
        self, rng: np.random.Generator, center_world: Point3, aims: Mapping[str, Point3] = NO_AIMS, case: int = 0
    ) -> View:
        """Draw a view whose isocentre is ``center_world`` (RAS mm) plus jitter; always 7 draws."""
        jitter = np.array([_uniform(rng, axis) for axis in self.isocenter_jitter_mm])
        return View(
            isocenter_world=np.asarray(center_world, dtype=np.float64) + jitter,
            lao_rao_deg=_uniform(rng, self.lao_rao_deg),
            cranial_caudal_deg=_uniform(rng, self.cranial_caudal_deg),
            roll_deg=_uniform(rng, self.roll_deg),
            source_isocenter_mm=_uniform(rng, self.source_isocenter_mm),
        )


def checked_range(name: str, values: Range) -> tuple[float, float]:
    """A range as two finite numbers in order.

    Raises:
        ValueError: It is not.
    """
    problem = f"{name} needs (low, high) with low <= high, got {values!r}"
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ValueError(problem) from error
    if not (np.isfinite((low, high)).all() and low <= high):
        raise ValueError(problem)
    return low, high


def _uniform(rng: np.random.Generator, limits: Range) -> float:
    low, high = limits
    return float(rng.uniform(low, high))
