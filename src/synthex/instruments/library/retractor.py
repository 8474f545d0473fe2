"""A bone retractor of the Hohmann kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import Range, Sized
from synthex.instruments.sweep import Surface, swept_tube

_CURVE_POINTS = 16


@dataclass(frozen=True)
class Retractor(Sized):
    """A flat lever whose blade curves to a narrow tip; an :class:`~synthex.instruments.Instrument`.

    All sizes are our choice, around those of Hohmann retractors for the hip.

    Attributes:
        name: Of the instrument.
        width_mm: Of the blade at the base.
        tip_width_mm: Of the blade at its tip.
        thickness_mm: Of the metal.
        blade_mm: Length of the curved blade, along its curve.
        curve_deg: Through which the blade turns.
        handle_mm: Length of the straight lever behind the base.
        handle_width_mm: Of the lever.
        material: A name that :func:`synthex.physics.get_material` knows.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "width_mm": (5.0, 80.0),
        "tip_width_mm": (1.0, 80.0),
        "thickness_mm": (0.5, 6.0),
        "blade_mm": (30.0, 150.0),
        "curve_deg": (0.0, 120.0),
        "handle_mm": (30.0, 300.0),
        "handle_width_mm": (5.0, 60.0),
    }

    name: str = "retractor"
    width_mm: Range = (18.0, 35.0)
    tip_width_mm: Range = (4.0, 10.0)
    thickness_mm: Range = (1.5, 2.5)
    blade_mm: Range = (50.0, 80.0)
    curve_deg: Range = (30.0, 80.0)
    handle_mm: Range = (140.0, 200.0)
    handle_width_mm: Range = (14.0, 22.0)
    material: str = "steel_316l"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The retractor in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        arc = np.linspace(0, sizes["blade_mm"], _CURVE_POINTS)
        angle = np.deg2rad(sizes["curve_deg"]) * arc / sizes["blade_mm"]
        # Steps along the mean direction of each piece: a circle's arc to second order, straight where it is none.
        turns = (angle[1:] + angle[:-1]) / 2
        steps = np.diff(arc)[:, None] * np.stack([np.zeros_like(turns), np.sin(turns), np.cos(turns)], axis=1)
        blade = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
        far = -sizes["handle_mm"]
        handle = np.array([(0.0, 0, far), (0, 0, max(0.6 * far, -1.2 * sizes["width_mm"]))])
        share = arc / sizes["blade_mm"]
        widths = sizes["width_mm"] + (sizes["tip_width_mm"] - sizes["width_mm"]) * share**1.5
        handle_width = sizes["handle_width_mm"]
        surface = ribbon(
            np.concatenate([handle, blade]), np.array((handle_width, handle_width, *widths)), sizes["thickness_mm"]
        )
        return InstrumentBody(
            self.name,
            (self.solid("blade", surface, self.material),),
            {"base": blade[0], "tip": blade[-1]},
            blade,
            np.array([(0.0, 0, far), (0, 0, 0)]),
            sizes["width_mm"] / 2,
            sizes,
        )


def ribbon(points: Float[np.ndarray, "P 3"], width_mm: Float[np.ndarray, "P"], thickness_mm: float | int) -> Surface:
    """A flat bar along a polyline in the plane x = 0, its width along x."""
    # A square of the same area as this circle has the thickness as its side; then widen it along x.
    corners = swept_tube(points, thickness_mm / np.sqrt(np.pi), 4, reference=np.array((1.0, 1, 0)))
    vertices, faces = corners
    count = 4 * len(points)
    # Rings of four corners come first, then the middles of the ends, which lie in the plane.
    factors = np.repeat(width_mm / thickness_mm, 4)
    x = np.concatenate([vertices[:count, 0] * factors, vertices[count:, 0]])
    return np.concatenate([x[:, None], vertices[:, 1:]], axis=1), faces
