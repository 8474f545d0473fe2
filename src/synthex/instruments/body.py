"""What an instrument is to a scene: bodies, named points and a centre line, in a frame of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from synthex.core import Rigid, Solid
from synthex.core.arrays import Point3


@dataclass(frozen=True, eq=False)
class InstrumentBody:
    """An instrument in one configuration of its joints.

    Frame of an instrument that has not been placed: mm, origin at its base (where the inserted part begins), +z
    along the straight instrument from the hand to the tip; the shaft lies at z < 0.

    Attributes:
        name: Names the instrument; solids are called ``<name>/<part>``.
        solids: In the order they displace each other (later ones win). A part's silhouette belongs to the
            instrument, whatever it is filled with (fluid in a lumen too).
        landmarks: Name to position.
        centerline: P x 3, along the inserted part from base to tip.
        shaft: Q x 3, along the shaft from its far end to the base; at least two points.
        radius_mm: Largest radius of the inserted part about its centre line: what a drilled tunnel must hold.
        record: JSON values of the joints.
        attachments: What goes along without being it (a drill sleeve, a chuck): it hides and displaces as metal does,
            and belongs to no mask. Its names begin otherwise than ``<name>/``.
    """

    name: str
    solids: tuple[Solid, ...]
    landmarks: Mapping[str, Point3]
    centerline: Float[np.ndarray, "P 3"]
    shaft: Float[np.ndarray, "Q 3"]
    radius_mm: float
    record: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Solid, ...] = ()

    def __post_init__(self) -> None:
        points = {name: np.array(point, dtype=np.float64) for name, point in self.landmarks.items()}
        object.__setattr__(self, "landmarks", MappingProxyType(points))

    def moved(self, world_from_instrument: Rigid) -> "InstrumentBody":
        """The same instrument elsewhere."""
        names = tuple(self.landmarks)
        points = np.array([self.landmarks[name] for name in names], dtype=np.float64).reshape(-1, 3)
        return replace(
            self,
            solids=tuple(solid.moved(world_from_instrument) for solid in self.solids),
            attachments=tuple(solid.moved(world_from_instrument) for solid in self.attachments),
            landmarks=dict(zip(names, world_from_instrument.apply(points), strict=True)),
            centerline=world_from_instrument.apply(self.centerline),
            shaft=world_from_instrument.apply(self.shaft),
        )


@runtime_checkable
class Instrument(Protocol):
    """A kind of instrument, rigid or with joints.

    Contract: ``draw`` takes all its randomness from ``rng`` and returns JSON values within the joint limits;
    ``body(draw(rng))`` never fails and is a pure function of its argument; ``body({})`` is the instrument at rest
    (straight). Bodies have the landmarks of ``landmarks``, in that order.
    """

    name: str
    landmarks: tuple[str, ...]

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """A configuration of the joints; empty for a rigid instrument."""
        ...

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The instrument in its own frame with its joints so."""
        ...
