"""An electrocardiogram's electrode with its lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.interpolate import CubicSpline

from synthex.core import ConfigError
from synthex.core.arrays import Points3
from synthex.instruments import shapes
from synthex.instruments.body import InstrumentBody
from synthex.instruments.checks import check_within
from synthex.instruments.library.sized import Range, Sized
from synthex.instruments.sweep import Surface, lathe, merge_surfaces, swept_tube

_HEADINGS = 5
_WIRE_POINTS = 60
_HEIGHT_MM = 4.4
"""Of the snap above the skin."""
_X = np.array((1.0, 0, 0))


@dataclass(frozen=True)
class EkgLead(Sized):
    """An adhesive electrode with a snap, its clip, and a wire that lies on the skin.

    The skin is the plane x = 0; the wire comes from z < 0. All sizes are our choice, around those of adult electrodes.
    Insulation and foam, which hardly attenuate, are left out. Nothing of it is inserted: the body's radius is
    the height of its snap above the skin.

    Attributes:
        name: Of the instrument.
        pad_diameter_mm: Of the gel.
        snap_diameter_mm: Of the metal disc below the stud.
        wire_diameter_mm: Of the strand.
        wire_mm: Length of the wire.
        heading_deg: Largest angle between the wire and the z axis.
        lift_mm: How far the wire rises off the skin.
        wire_material: A name that :func:`synthex.physics.get_material` knows, as is the next.
        snap_material: Of snap and clip.
    """

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "pad_diameter_mm": (5.0, 80.0),
        "snap_diameter_mm": (4.0, 30.0),
        "wire_diameter_mm": (0.1, 5.0),
        "wire_mm": (40.0, 800.0),
        "lift_mm": (0.0, 60.0),
    }

    name: str = "ekg_lead"
    pad_diameter_mm: Range = (30.0, 45.0)
    snap_diameter_mm: Range = (8.0, 12.0)
    wire_diameter_mm: Range = (0.6, 1.0)
    wire_mm: Range = (200.0, 450.0)
    lift_mm: Range = (0.0, 15.0)
    heading_deg: float | int = 70.0
    wire_material: str = "copper"
    snap_material: str = "steel_304"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within("heading_deg", self.heading_deg, 0, 85)

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Sizes, and ``headings_deg`` of the wire at five points, from the clip on."""
        headings = rng.uniform(-self.heading_deg, self.heading_deg, _HEADINGS)
        return {**super().draw(rng), "headings_deg": headings.tolist()}

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The lead in these sizes; the middles of the ranges for those left out, and a straight wire.

        Raises:
            ConfigError: Headings that are not five angles within the limit, or as :meth:`sizes`.
        """
        sizes = self.sizes({key: value for key, value in joints.items() if key != "headings_deg"})
        headings = np.array(joints.get("headings_deg", [0.0] * _HEADINGS), dtype=np.float64)
        if headings.shape != (_HEADINGS,) or not (np.abs(headings) <= self.heading_deg).all():
            raise ConfigError(f"headings_deg of {self.name} must be {_HEADINGS} angles within {self.heading_deg}")
        snap, wire = sizes["snap_diameter_mm"] / 2, sizes["wire_diameter_mm"] / 2
        line = self._line(sizes, headings)
        pad = [(0.0, sizes["pad_diameter_mm"] / 2), (1.0, sizes["pad_diameter_mm"] / 2)]
        stud = [
            (1.0, 0.0),
            (1.0, snap),
            (1.5, snap),
            (1.7, 0.5 * snap),
            (3.4, 0.35 * snap),
            (4.0, 0.4 * snap),
            (4.4, 0),
        ]
        ring = [(2.2, 0.55 * snap), (2.2, 0.9 * snap), (3.6, 0.9 * snap), (3.6, 0.55 * snap), (2.2, 0.55 * snap)]
        sleeve = swept_tube(np.array([line[-2], line[-1], (line[-1][0], 0, -0.7 * snap)]), 2.2 * wire, 8)
        return InstrumentBody(
            self.name,
            (
                self.solid("pad", _on_skin(np.array(pad)), "water"),
                self.solid("wire", swept_tube(line, wire, 8), self.wire_material),
                self.solid(
                    "snap",
                    merge_surfaces([_on_skin(np.array(stud)), _on_skin(np.array(ring)), sleeve]),
                    self.snap_material,
                ),
            ),
            {},
            np.array([(0.0, 0, 0), (0, 0, snap)]),
            np.concatenate([line, np.zeros((1, 3))]),
            _HEIGHT_MM,
            {**sizes, "headings_deg": headings.tolist()},
        )

    def _line(self, sizes: Mapping[str, float], headings: np.ndarray) -> Points3:
        """The wire from its far end to the clip."""
        share = np.linspace(0, 1, _WIRE_POINTS)
        # Leaves the clip along the z axis; the spline's overshoot stays short of turning back.
        knots = np.linspace(0, 1, _HEADINGS + 1)
        spline = CubicSpline(knots, np.deg2rad([0.0, *headings]), bc_type="natural")
        heading = np.clip(spline((share[1:] + share[:-1]) / 2), -1.55, 1.55)
        step = sizes["wire_mm"] / (_WIRE_POINTS - 1)
        lift = 3.0 + sizes["lift_mm"] * np.sin(np.pi * share) ** 2
        start = -1.2 * sizes["snap_diameter_mm"]
        along = np.concatenate([[0.0], np.cumsum(step * np.cos(heading))])
        across = np.concatenate([[0.0], np.cumsum(step * np.sin(heading))])
        return np.stack([lift, across, start - along], axis=1)[::-1].copy()


def _on_skin(profile: np.ndarray) -> Surface:
    """A body of revolution about x."""
    vertices, faces = lathe(np.asarray(profile, dtype=np.float64), 20)
    return shapes.placed(np.zeros(3), _X).apply(vertices), faces
