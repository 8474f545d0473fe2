"""What the finder says: positions, confidences, and why a landmark is absent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from synthex.core.arrays import Point3


@dataclass(frozen=True, eq=False)
class FoundLandmarks:
    """Landmarks of one subject; every one of the 14 names is in ``positions`` or in ``absent``.

    Attributes:
        positions: Name to RAS position in mm.
        absent: Names without a position.
        unsure: Those of them whose bone lies wholly inside the scan, or is not labelled at all: the point may
            well be in the scan (a prosthesis, a hole in the labels), so nothing may be taught about it.
        confidence: Name to a value in [0, 1]; 0 for absent landmarks. It ranks, it is no probability.
        reasons: For each absent name, why.
    """

    positions: Mapping[str, Point3]
    absent: frozenset[str]
    confidence: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        points = {name: np.array(point, dtype=np.float64) for name, point in self.positions.items()}
        object.__setattr__(self, "positions", MappingProxyType(points))
        object.__setattr__(self, "confidence", MappingProxyType(dict(self.confidence)))
        object.__setattr__(self, "reasons", MappingProxyType(dict(self.reasons)))


@dataclass(frozen=True, eq=False)
class Spot:
    """One landmark as a detector saw it.

    Attributes:
        position: In the frame that the detector worked in, mm.
        clarity: How well the feature defines the point, in (0, 1].
    """

    position: Point3
    clarity: float


class NotFoundError(Exception):
    """A landmark's feature is not in the labels; the message is the reason."""
