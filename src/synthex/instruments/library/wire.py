"""A Kirschner wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import Range, Sized
from synthex.instruments.sweep import swept_tube

_TIP_DIAMETERS = 2.5
_SHAFT_POINTS = 25


@dataclass(frozen=True)
class KWire(Sized):
    """A thin wire with a point; an :class:`~synthex.instruments.Instrument`.

    All sizes are our choice, around the usual wires of 1.6 to 3.2 mm and 150 to 300 mm.

    Attributes:
        name: Of the instrument.
        diameter_mm: Of the wire.
        inserted_mm: From the base to the tip, straight.
        shaft_mm: Behind the base.
        bow_mm: How far the shaft's far end has been bent off the axis.
        material: A name that :func:`synthex.physics.get_material` knows.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "diameter_mm": (0.3, 6.0),
        "inserted_mm": (16.0, 300.0),
        "shaft_mm": (20.0, 400.0),
        "bow_mm": (0.0, 50.0),
    }

    name: str = "k_wire"
    diameter_mm: Range = (1.6, 3.2)
    inserted_mm: Range = (30.0, 90.0)
    shaft_mm: Range = (100.0, 200.0)
    bow_mm: Range = (0.0, 8.0)
    material: str = "steel_316l"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The wire in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        radius, length, behind = sizes["diameter_mm"] / 2, sizes["inserted_mm"], sizes["shaft_mm"]
        share = np.linspace(1, 0, _SHAFT_POINTS)
        # A parabola, flat at the base.
        shaft = np.stack([sizes["bow_mm"] * share**2, np.zeros_like(share), -behind * share], axis=1)
        start = length - _TIP_DIAMETERS * 2 * radius
        line = np.concatenate([shaft, [[0, 0, start], [0, 0, length]]])
        radii = np.full(len(line), radius)
        radii[-1] = 0.0
        return InstrumentBody(
            self.name,
            (self.solid("wire", swept_tube(line, radii, 12), self.material),),
            {"base": np.zeros(3), "tip": np.array((0.0, 0, length))},
            np.array([(0.0, 0, 0), (0, 0, length)]),
            shaft,
            radius,
            sizes,
        )
