"""A powered surgical drill with a twist bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthex.instruments import shapes
from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import SECTIONS, Range, Sized
from synthex.instruments.library.twist import Along, with_helix
from synthex.instruments.sweep import Surface, lathe, merge_surfaces, swept_tube

_PITCH_DIAMETERS = 6.0
_WEB = 0.45
_RINGS_A_TURN = 12
_BIT_SIDES = 12


@dataclass(frozen=True)
class SurgicalDrill(Sized):
    """A twist bit in a chuck, on a motor with a pistol grip; an :class:`~synthex.instruments.Instrument`.

    All sizes are our choice, around those of orthopaedic drills.

    Attributes:
        name: Of the instrument.
        bit_diameter_mm: Of the bit.
        inserted_mm: From the base to the tip.
        shaft_mm: Of the bit, from the base back to the chuck.
        flutes_mm: Length of the two helical flutes, from the tip; at most all of the bit.
        motor_diameter_mm: Of the motor's housing.
        motor_mm: Length of the housing.
        grip_deg: Which way the grip points, about the axis.
        bit_material: A name that :func:`synthex.physics.get_material` knows, as is the next.
        housing_material: Of motor (about air and a rotor of iron) and grip.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "bit_diameter_mm": (1.0, 12.0),
        "inserted_mm": (5.0, 200.0),
        "shaft_mm": (5.0, 300.0),
        "flutes_mm": (10.0, 200.0),
        "motor_diameter_mm": (15.0, 60.0),
        "motor_mm": (40.0, 200.0),
        "grip_deg": (-360.0, 360.0),
    }

    name: str = "surgical_drill"
    bit_diameter_mm: Range = (2.5, 6.0)
    inserted_mm: Range = (20.0, 70.0)
    shaft_mm: Range = (40.0, 120.0)
    flutes_mm: Range = (40.0, 80.0)
    motor_diameter_mm: Range = (28.0, 36.0)
    motor_mm: Range = (90.0, 130.0)
    grip_deg: Range = (-180.0, 180.0)
    bit_material: str = "steel_316l"
    housing_material: str = "aluminium"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The drill in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        length, chuck = sizes["inserted_mm"], -sizes["shaft_mm"]
        motor = sizes["motor_diameter_mm"] / 2
        back = chuck - 25 - sizes["motor_mm"]
        turn = np.deg2rad(sizes["grip_deg"])
        down = np.array((np.cos(turn), np.sin(turn), 0.0))
        top = np.array((0, 0, back + 0.35 * sizes["motor_mm"]))
        grip = swept_tube(np.array([top, top + 110 * down - (0, 0, 15.0)]), np.array((15.0, 18.0)), SECTIONS)
        housing = lathe(
            np.array([(back, 0.8 * motor), (back + 6, motor), (chuck - 32, motor), (chuck - 25, 0.7 * motor)]), SECTIONS
        )
        rotor = lathe(np.array([(back + 12, 0.55 * motor), (chuck - 30, 0.55 * motor)]), SECTIONS)
        jaws = lathe(np.array([(chuck - 27, 10.0), (chuck - 8, 10), (chuck, 4.5)]), SECTIONS)
        inside = shapes.placed(np.array((0, 0, back + 6)), np.array((0, 0, 1.0)))
        cavity = lathe(np.array([(0, motor - 3), (chuck - 38 - back, motor - 3)]), SECTIONS)
        tip = np.array((0.0, 0, length))
        return InstrumentBody(
            self.name,
            (
                self.solid("housing", merge_surfaces([housing, grip]), self.housing_material),
                self.solid("cavity", (inside.apply(cavity[0]), cavity[1]), "air"),
                self.solid("rotor", rotor, "iron"),
                self.solid("chuck", jaws, "steel_304"),
                self.solid("bit", self._bit(sizes), self.bit_material),
            ),
            {"base": np.zeros(3), "tip": tip},
            np.stack([np.zeros(3), tip]),
            np.array([(0.0, 0, back), (0, 0, 0)]),
            sizes["bit_diameter_mm"] / 2,
            sizes,
        )

    def _bit(self, sizes: Mapping[str, float]) -> Surface:
        radius, length, chuck = sizes["bit_diameter_mm"] / 2, sizes["inserted_mm"], -sizes["shaft_mm"]
        pitch = 2 * radius * _PITCH_DIAMETERS
        start = max(length - sizes["flutes_mm"], chuck + 1)
        point = length - 1.2 * radius
        rings = np.linspace(start, point, max(3, round((point - start) / pitch * _RINGS_A_TURN)))
        profile = np.array([(chuck - 20, radius), *((z, radius) for z in rings), (length, 0)])

        def flute(phase: Along, z: Along) -> Along:
            run_out = np.clip((z - start) / (2 * radius), 0, 1)
            return np.where(z < length - 1e-6, radius * (1 - _WEB) * np.sin(np.pi * phase) ** 2 * run_out, 0.0)

        return with_helix(lathe(profile, _BIT_SIDES), flute, pitch, starts=2)
