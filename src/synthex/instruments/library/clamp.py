"""A clamp: two crossed arms with rings, as lie about in a surgical field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import SECTIONS, Range, Sized
from synthex.instruments.sweep import Surface, merge_surfaces, swept_tube


@dataclass(frozen=True)
class Clamp(Sized):
    """A haemostatic clamp or a bone forceps; an :class:`~synthex.instruments.Instrument`.

    All sizes are our choice, around those of clamps of 14 to 24 cm.

    Attributes:
        name: Of the instrument.
        jaws_mm: From the joint (the base) to the tip.
        arms_mm: From the joint back to the rings.
        opening_deg: Of each arm from the axis.
        curve_mm: How far the jaws' tips are bent out of the plane.
        rod_mm: Thickness of the arms.
        ring_mm: Diameter of the rings.
        material: A name that :func:`synthex.physics.get_material` knows.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "jaws_mm": (10.0, 120.0),
        "arms_mm": (30.0, 250.0),
        "opening_deg": (1.0, 40.0),
        "curve_mm": (0.0, 30.0),
        "rod_mm": (1.5, 8.0),
        "ring_mm": (10.0, 40.0),
    }

    name: str = "clamp"
    jaws_mm: Range = (25.0, 60.0)
    arms_mm: Range = (80.0, 150.0)
    opening_deg: Range = (2.0, 14.0)
    curve_mm: Range = (0.0, 12.0)
    rod_mm: Range = (3.0, 5.0)
    ring_mm: Range = (18.0, 26.0)
    material: str = "steel_304"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The clamp in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        tip = np.array((0.0, sizes["curve_mm"], sizes["jaws_mm"]))
        surface = merge_surfaces([part for side in (-1, 1) for part in _arm(sizes, side)])
        return InstrumentBody(
            self.name,
            (self.solid("arms", surface, self.material),),
            {"base": np.zeros(3), "tip": tip},
            np.stack([np.zeros(3), tip]),
            np.array([(0.0, 0, -sizes["arms_mm"]), (0, 0, 0)]),
            sizes["rod_mm"],
            sizes,
        )


def _arm(sizes: Mapping[str, float], side: int) -> list[Surface]:
    """One arm through the joint, and its ring."""
    sine, cosine = np.sin(np.deg2rad(sizes["opening_deg"])), np.cos(np.deg2rad(sizes["opening_deg"]))
    share = np.linspace(0, 1, 7)
    forward = sizes["jaws_mm"] * share
    jaw = np.stack([side * sine * forward * (1 - 0.5 * share), sizes["curve_mm"] * share**2, cosine * forward], axis=1)
    back = np.array((-side * sine, 0.0, -cosine)) * sizes["arms_mm"]
    rod = sizes["rod_mm"] / 2
    bar = swept_tube(np.concatenate([back[None], jaw]), np.array((rod, rod, *np.linspace(rod, 0.5 * rod, 6))), 8)
    angles = np.linspace(0, 2 * np.pi, SECTIONS + 1)
    radius = sizes["ring_mm"] / 2
    centre = back + radius * np.array((-side, 0.0, -0.4))
    circle = centre + radius * np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    return [bar, swept_tube(circle, 0.7 * rod, 8)]
