"""A continuum manipulator: a notched nitinol tube that bends in a plane, its shaft and a flexible drill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError, Rigid, Solid
from synthex.core.arrays import Points3
from synthex.instruments.body import InstrumentBody
from synthex.instruments.checks import (
    Number,
    check_material,
    check_name,
    check_number,
    check_within,
    checked_range,
    numbers,
    uniform,
)
from synthex.instruments.joint_profile import PlanarChain, largest_total_bend, smooth_profile
from synthex.instruments.notched_tube import NotchedTube
from synthex.instruments.sweep import Surface, merge_surfaces, swept_tube

_SHAFT_SIDES = 40
_OUTLINE_SIDES = 24
_CABLE_SIDES = 12
_STEP_MM = 0.02
"""Length along which the drill's cable widens to its cutter: a shoulder."""
_DOME = np.array([0.0, 0.4, 0.7, 0.9, 1.0])
"""Where the cutter's round end has cross-sections, as shares of its radius."""


@dataclass(frozen=True)
class ContinuumManipulator:
    """The kind of manipulator that the tool study detects; an :class:`~synthex.instruments.Instrument`.

    Outer and lumen diameter, length and number of notches are those of the manipulator of the study. Where we
    know no published figure, defaults are our choice: they leave notches that can be seen at the pixels of a
    C-arm, and a tube that stays in one piece.

    Solids, later ones displacing earlier ones: ``lumen``, the full outline filled with irrigation fluid, so that
    the silhouette has no holes; ``tube``; ``shaft``; ``drill``, where there is one.

    Attributes:
        name: Of the instrument.
        outer_diameter_mm: Of the flexible tube.
        lumen_diameter_mm: Of the tube and of its shaft.
        flexible_length_mm: From the base to the tip.
        collar_mm: Of the plain ring at the tip, which does not bend; part of the flexible length (our choice).
        notch_pairs: Joints: each has a notch on either side.
        notch_width_mm: Along the tube (our choice).
        notch_depth_mm: From the outer surface, beyond the axis (our choice).
        joint_limit_deg: Largest bend of a joint to either side (our choice: nine tenths of what closes a notch).
        bend: Range of the share of the limit that a draw bends to; (0, 0) keeps it straight.
        unevenness: 0 to 2: by which share control values of a profile may fall below the bend drawn. 0 draws arcs
            of circles; above 1 some parts may bend the other way (our choice).
        control_points: Of the cubic spline along the joints.
        roll_deg: Range of the bending direction about the axis; the notches turn with it.
        shaft_length_mm: Behind the base (our choice: its end, which a robot holds, is hardly ever in the field).
        shaft_diameter_mm: None for that of the tube.
        drill_probability: Share of draws with a drill inside.
        drill_diameter_mm: Of its flexible cable (our choice).
        cutter_diameter_mm: Of its head (our choice).
        cutter_length_mm: Of its head (our choice).
        protrusion_mm: Range of how far the cutter reaches beyond the tip (our choice).
        tube_material: A name that :func:`synthex.physics.get_material` knows, as are the next three.
        shaft_material: Of the shaft.
        drill_material: Of cable and cutter.
        fluid_material: What fills notches and lumen.
        sides: About how many sides the notched tube's polygon has.

    Raises:
        ConfigError: A measure that is impossible, joints that close a notch, or bends of the tube into itself.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")

    name: str = "manipulator"
    outer_diameter_mm: Number = 6.0
    lumen_diameter_mm: Number = 4.0
    flexible_length_mm: Number = 35.0
    collar_mm: Number = 1.0
    notch_pairs: int = 27
    notch_width_mm: Number = 0.46
    notch_depth_mm: Number = 4.0
    joint_limit_deg: Number = 7.9
    bend: Sequence[Number] = (0.0, 1.0)
    unevenness: Number = 1.2
    control_points: int = 5
    roll_deg: Sequence[Number] = (0.0, 360.0)
    shaft_length_mm: Number = 300.0
    shaft_diameter_mm: Number | None = None
    drill_probability: Number = 0.5
    drill_diameter_mm: Number = 2.0
    cutter_diameter_mm: Number = 3.4
    cutter_length_mm: Number = 4.0
    protrusion_mm: Sequence[Number] = (0.0, 3.0)
    tube_material: str = "nitinol"
    shaft_material: str = "steel_316l"
    drill_material: str = "steel_316l"
    fluid_material: str = "water"
    sides: int = 20

    def __post_init__(self) -> None:
        check_name(self.name)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("material"):
                check_material(item.name, value)
            elif isinstance(item.default, (int, float)):
                check_number(item.name, value)
        for name, least, most in (("bend", 0, 1), ("roll_deg", -360, 360), ("protrusion_mm", 0, 50)):
            object.__setattr__(self, name, checked_range(name, getattr(self, name), least, most))
        for name in ("notch_pairs", "control_points", "sides"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"{name}={getattr(self, name)} must be a whole number")
        limits: tuple[tuple[str, Number, Number], ...] = (
            ("outer_diameter_mm", 0.5, 50),
            ("flexible_length_mm", 1, 1000),
            ("notch_pairs", 1, 200),
            ("control_points", 2, 50),
            ("shaft_length_mm", 1, 1000),
            ("unevenness", 0, 2),
            ("drill_probability", 0, 1),
            ("joint_limit_deg", 0, 90),
            ("sides", 8, 96),
            ("lumen_diameter_mm", 0.05, 0.98 * self.outer_diameter_mm),
            ("notch_depth_mm", 0.05 * self.outer_diameter_mm, 0.95 * self.outer_diameter_mm),
            ("collar_mm", 0, 0.5 * self.flexible_length_mm),
            ("notch_width_mm", 0.01, 0.95 * self._bending_mm / max(1, 2 * self.notch_pairs)),
            ("cutter_diameter_mm", 0.04, 0.98 * self.lumen_diameter_mm),
            ("drill_diameter_mm", 0.02, self.cutter_diameter_mm),
            ("cutter_length_mm", 0.5 * self.cutter_diameter_mm + 2 * _STEP_MM, self.flexible_length_mm),
        )
        for name, low, high in limits:
            check_within(name, getattr(self, name), low, high)
        if self.shaft_diameter_mm is not None:
            check_within("shaft_diameter_mm", self.shaft_diameter_mm, 1.02 * self.lumen_diameter_mm, 50)
        self._check_limits()

    def _check_limits(self) -> None:
        """A joint bends by hinging at the bridges of its two notches.

        Each takes half of the angle a whole diameter away, so that the notch inside of the bend closes where outer
        radius times the joint's angle is its width.
        """
        closing = float(np.rad2deg(2 * self.notch_width_mm / self.outer_diameter_mm))
        if self.joint_limit_deg >= closing:
            raise ConfigError(
                f"joint_limit_deg={self.joint_limit_deg} closes the notch of {self.notch_width_mm} mm on the inside of "
                f"the bend; joint_limit_deg may be at most {np.ceil(100 * closing - 1) / 100:.2f}, or widen "
                "notch_width_mm"
            )
        clearance = (self.outer_diameter_mm + self._shaft_diameter) / 2
        total = largest_total_bend(self._bending_mm, clearance, self.collar_mm + self.protrusion_mm[1])
        largest = float(np.rad2deg(total)) / self.notch_pairs
        if self.joint_limit_deg > largest:
            raise ConfigError(
                f"joint_limit_deg={self.joint_limit_deg} bends {self.notch_pairs} joints by "
                f"{self.joint_limit_deg * self.notch_pairs:.0f} degrees, so that the tube can run into its "
                f"shaft; joint_limit_deg may be at most {np.floor(100 * largest) / 100:.2f}"
            )

    @property
    def _shaft_diameter(self) -> Number:
        return self.outer_diameter_mm if self.shaft_diameter_mm is None else self.shaft_diameter_mm

    @property
    def _bending_mm(self) -> Number:
        return self.flexible_length_mm - self.collar_mm

    @property
    def tube(self) -> NotchedTube:
        """Measures of the flexible part."""
        return NotchedTube(
            outer_radius_mm=self.outer_diameter_mm / 2,
            inner_radius_mm=self.lumen_diameter_mm / 2,
            length_mm=self._bending_mm,
            notches=2 * self.notch_pairs,
            width_mm=self.notch_width_mm,
            depth_mm=self.notch_depth_mm,
            collar_mm=self.collar_mm,
        )

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """A smooth bend, its direction, and a drill or none; always as many draws.

        Returns:
            ``angles_deg`` (of each joint, from base to tip; positive towards the bending direction), ``roll_deg``
            (of the bending direction, from +x towards +y), ``drill``, ``protrusion_mm``.
        """
        bend = self.joint_limit_deg * uniform(rng, self.bend)
        controls = bend * (1 - self.unevenness * rng.random(self.control_points))
        roll = uniform(rng, self.roll_deg)
        drill = bool(rng.random() < self.drill_probability)
        protrusion = uniform(rng, self.protrusion_mm)
        return {
            "angles_deg": smooth_profile(controls, self.notch_pairs, self.joint_limit_deg).tolist(),
            "roll_deg": roll,
            "drill": drill,
            "protrusion_mm": protrusion if drill else 0.0,
        }

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The manipulator with its joints so; without any, straight and without a drill.

        Args:
            joints: As :meth:`draw` gives them; what is left out is 0, or no drill.

        Raises:
            ConfigError: Unknown joints, the wrong number of angles, or values outside of the limits.
        """
        angles, roll, drill, protrusion = self._checked(joints)
        chain = PlanarChain(np.deg2rad(angles), self._bending_mm)
        turn = np.eye(4)
        turn[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
        nodes = np.linspace(0.0, self._bending_mm, self.notch_pairs + 1)
        if self.collar_mm > 0:
            nodes = np.append(nodes, self.flexible_length_mm)
        centerline = _spatial(chain, nodes)
        parts: list[tuple[str, Surface, str]] = [
            ("lumen", self._outline(centerline), self.fluid_material),
            ("tube", self.tube.surface(chain, self.sides), self.tube_material),
            ("shaft", self._shaft(), self.shaft_material),
        ]
        if drill:
            parts.append(("drill", self._drill(chain, nodes, protrusion), self.drill_material))
        straight = InstrumentBody(
            name=self.name,
            solids=tuple(Solid(f"{self.name}/{part}", *surface, material) for part, surface, material in parts),
            landmarks={"base": centerline[0], "tip": centerline[-1]},
            centerline=centerline,
            shaft=np.array([[0.0, 0.0, -self.shaft_length_mm], [0.0, 0.0, 0.0]]),
            radius_mm=self.outer_diameter_mm / 2,
            record={
                "angles_deg": angles.tolist(),
                "roll_deg": float(np.rad2deg(roll)),
                "drill": drill,
                "protrusion_mm": protrusion,
            },
        )
        return straight.moved(Rigid(turn))

    def _checked(self, joints: Mapping[str, Any]) -> tuple[Float[np.ndarray, "J"], float, bool, float]:
        known = ("angles_deg", "roll_deg", "drill", "protrusion_mm")
        unknown = [key for key in joints if key not in known]
        if unknown:
            raise ConfigError(f"{self.name} has no joint {unknown[0]!r}; it has {', '.join(known)}")
        angles = numbers("angles_deg", joints.get("angles_deg", [0.0] * self.notch_pairs), (self.notch_pairs,))
        if (np.abs(angles) > self.joint_limit_deg).any():
            worst = angles[np.argmax(np.abs(angles))]
            raise ConfigError(f"angles_deg of {self.name} has {worst:g}; joints bend by {self.joint_limit_deg} at most")
        roll = float(numbers("roll_deg", joints.get("roll_deg", 0.0), ()))
        drill = joints.get("drill", False)
        if not isinstance(drill, bool):
            raise ConfigError(f"drill={drill!r} must be true or false")
        protrusion = float(numbers("protrusion_mm", joints.get("protrusion_mm", 0.0), ()))
        most = self.protrusion_mm[1] if drill else 0
        if not 0 <= protrusion <= most:
            without = "" if drill else " without a drill"
            raise ConfigError(f"protrusion_mm={protrusion:g} of {self.name} must lie in 0 to {most:g}{without}")
        return angles, float(np.deg2rad(roll)), drill, protrusion

    def _outline(self, centerline: Points3) -> Surface:
        """All of tube and shaft with what is inside."""
        far = np.array([[0.0, 0.0, -self.shaft_length_mm]])
        radius = self.outer_diameter_mm / 2
        if self._shaft_diameter == self.outer_diameter_mm:
            return swept_tube(np.concatenate([far, centerline]), radius, _OUTLINE_SIDES)
        shaft = swept_tube(np.concatenate([far, centerline[:1]]), self._shaft_diameter / 2, _OUTLINE_SIDES)
        return merge_surfaces([shaft, swept_tube(centerline, radius, _OUTLINE_SIDES)])

    def _shaft(self) -> Surface:
        ends = np.array([[0.0, 0.0, -self.shaft_length_mm], [0.0, 0.0, 0.0]])
        return swept_tube(ends, self._shaft_diameter / 2, _SHAFT_SIDES, self.lumen_diameter_mm / 2)

    def _drill(self, chain: PlanarChain, nodes: Float[np.ndarray, "P"], protrusion_mm: float) -> Surface:
        """Cable and cutter along the centre line, with a round end."""
        end = self.flexible_length_mm + protrusion_mm
        cable, head = self.drill_diameter_mm / 2, self.cutter_diameter_mm / 2
        shoulder = end - self.cutter_length_mm
        dome = end - head + head * _DOME
        along = nodes[nodes < shoulder - _STEP_MM]
        in_head = nodes[(nodes > shoulder + _STEP_MM) & (nodes < dome[0] - _STEP_MM)]
        arcs = np.concatenate(
            [[-self.shaft_length_mm], along, [shoulder - _STEP_MM / 2, shoulder + _STEP_MM / 2], in_head, dome]
        )
        radii = np.where(arcs < shoulder, cable, head)
        radii[-len(dome) :] = head * np.sqrt(1 - _DOME**2)
        return swept_tube(_spatial(chain, arcs), radii, _CABLE_SIDES)


def _spatial(chain: PlanarChain, arc_mm: Float[np.ndarray, "P"]) -> Float[np.ndarray, "P 3"]:
    """Points of a chain that bends towards +x, before it is turned."""
    across, along = chain.at(arc_mm)[0].T
    return np.stack([across, np.zeros(len(arc_mm)), along], axis=1)
