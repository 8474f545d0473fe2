"""A guide wire with what guides and drives it: sleeves, handle, angle plate, parallel guides, chuck."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from synthex.core import ConfigError, Solid
from synthex.core.arrays import Point3
from synthex.instruments import shapes
from synthex.instruments.body import InstrumentBody
from synthex.instruments.checks import is_number
from synthex.instruments.library.sized import SECTIONS, Number, Range, Sized
from synthex.instruments.sweep import Surface, lathe, merge_surfaces, swept_tube

PARTS = ("sleeve", "outer", "handle", "plate", "parallel", "chuck")
_NEEDS_SLEEVE = ("outer", "handle", "plate", "parallel")
_PLAY_MM = 0.15
"""Between wire and sleeve, and between sleeves, on either side: our choice."""

_FORWARD = np.array((0.0, 0.0, 1.0))


@dataclass(frozen=True)
class GuideWire(Sized):
    """A wire drilled through a sleeve, as pins and guide wires are; an :class:`~synthex.instruments.Instrument`.

    The base is the sleeve's mouth, the inserted part what stands out of it. Sleeves and what else goes along are
    attachments of the body: they belong to no mask of the wire. All sizes are our choice, around those of sets for hip
    screws and nails.

    Attributes:
        name: Of the instrument.
        diameter_mm: Of the wire.
        inserted_mm: From the sleeve's mouth to the tip; short ones are more frequent than long ones (the square of a
            uniform draw), for they are harder to see.
        point_diameters: Length of the trocar point over the wire's diameter.
        shaft_mm: Of the wire behind the base.
        bow_mm: How far the far end of a wire without a sleeve has been bent off the axis.
        sleeve_mm: Length of the sleeve.
        wall_mm: Of the sleeve, and of the outer one.
        setback_mm: How far the mouth of the outer sleeve lies behind the inner one's.
        handle_mm: Length of the handle across the sleeve.
        spread_mm: Distance of parallel guides from the sleeve's axis.
        turn_deg: Which way handle, plate and parallel guides lie about the axis.
        parts: Probability of each of :data:`PARTS`; all but a chuck come with a sleeve only.
        material: A name that :func:`synthex.physics.get_material` knows, as are the next.
        sleeve_material: Of sleeves, parallel guides and plate.
        handle_material: Of the handle.

    Raises:
        ConfigError: A part or a material is unknown, a probability or a size makes no sense.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "diameter_mm": (0.8, 6.0),
        "inserted_mm": (0.3, 150.0),
        "point_diameters": (0.3, 4.0),
        "shaft_mm": (20.0, 400.0),
        "bow_mm": (0.0, 50.0),
        "sleeve_mm": (10.0, 300.0),
        "wall_mm": (0.3, 5.0),
        "setback_mm": (0.0, 100.0),
        "handle_mm": (20.0, 200.0),
        "spread_mm": (3.0, 30.0),
        "turn_deg": (-360.0, 360.0),
    }

    name: str = "k_wire"
    diameter_mm: Range = (1.5, 3.2)
    inserted_mm: Range = (0.5, 80.0)
    point_diameters: Range = (1.0, 2.5)
    shaft_mm: Range = (100.0, 250.0)
    bow_mm: Range = (0.0, 4.0)
    sleeve_mm: Range = (40.0, 160.0)
    wall_mm: Range = (0.7, 2.5)
    setback_mm: Range = (3.0, 45.0)
    handle_mm: Range = (70.0, 130.0)
    spread_mm: Range = (5.0, 14.0)
    turn_deg: Range = (-180.0, 180.0)
    parts: Mapping[str, Number] = field(
        default_factory=lambda: {
            "sleeve": 0.75,
            "outer": 0.35,
            "handle": 0.4,
            "plate": 0.12,
            "parallel": 0.15,
            "chuck": 0.4,
        }
    )
    material: str = "steel_316l"
    sleeve_material: str = "steel_304"
    handle_material: str = "aluminium"

    def __post_init__(self) -> None:
        super().__post_init__()
        for part, share in self.parts.items():
            if part not in PARTS:
                raise ConfigError(f"parts of {self.name} has no {part!r}; choose from {', '.join(PARTS)}")
            if not is_number(share) or not 0 <= share <= 1:
                raise ConfigError(f"parts.{part}={share!r} of {self.name} must be a probability between 0 and 1")
        object.__setattr__(self, "parts", dict(self.parts))

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Every size, uniform within its range except the length that stands out, and the parts that are there."""
        low, high = self.inserted_mm
        sizes = super().draw(rng) | {"inserted_mm": float(low + (high - low) * rng.random() ** 2)}
        found = [part for part in PARTS if rng.random() < self.parts.get(part, 0)]
        return {**sizes, "parts": [part for part in found if part not in _NEEDS_SLEEVE or "sleeve" in found]}

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The wire and its parts; at rest a bare wire of middle sizes."""
        parts = [str(part) for part in joints.get("parts", ())]
        sizes = self.sizes({key: value for key, value in joints.items() if key != "parts"})
        radius, length, behind = sizes["diameter_mm"] / 2, sizes["inserted_mm"], sizes["shaft_mm"]
        share = np.linspace(1, 0, 25)
        bow = 0.0 if "sleeve" in parts else sizes["bow_mm"]  # a sleeve holds it straight
        shaft = np.stack([bow * share**2, np.zeros_like(share), -behind * share], axis=1)
        point = min(2 * radius * sizes["point_diameters"], behind / 2)
        line = np.concatenate([shaft[shaft[:, 2] < length - point - 0.5], [[0, 0, length - point], [0, 0, length]]])
        radii = np.full(len(line), radius)
        radii[-1] = 0.0
        tip = np.array((0.0, 0, length))
        return InstrumentBody(
            self.name,
            (self.solid("wire", swept_tube(line, radii, 12), self.material),),
            {"base": np.zeros(3), "tip": tip},
            np.stack([np.zeros(3), tip]),
            shaft,
            radius,
            {**sizes, "parts": parts},
            tuple(solid for part in parts for solid in self._attachment(part, sizes)),
        )

    def _attachment(self, part: str, sizes: Mapping[str, float]) -> list[Solid]:
        inner = sizes["diameter_mm"] / 2 + _PLAY_MM
        outer, back = inner + sizes["wall_mm"], -sizes["sleeve_mm"]
        turn = np.deg2rad(sizes["turn_deg"])
        across = np.array((np.cos(turn), np.sin(turn), 0.0))
        if part == "sleeve":
            return [self._fitting(part, _sleeve(inner, outer, back, 0.0), self.sleeve_material)]
        if part == "outer":
            mouth = -min(sizes["setback_mm"], 0.6 * sizes["sleeve_mm"])
            wide = _sleeve(outer + _PLAY_MM, outer + _PLAY_MM + sizes["wall_mm"], 0.97 * back, mouth)
            return [self._fitting(part, wide, self.sleeve_material)]
        if part == "handle":
            end = sizes["handle_mm"] * across
            at = np.array((0.0, 0, 0.85 * back))
            grip = swept_tube(
                np.array([at + outer * across, at + 0.3 * end, at + end]), np.array((4.0, 6, 8)), SECTIONS
            )
            return [self._fitting(part, grip, self.handle_material)]
        if part == "plate":
            # The angle guide of a hip screw: its flat side lies on the shaft, at 45 degrees or so to the wire.
            direction = (across - 0.9 * _FORWARD) / np.sqrt(1.81)
            at = np.array((0.0, 0, -4.0))
            bar = swept_tube(np.array([at - 8 * direction, at + 45 * direction]), 4.5, 4)
            return [self._fitting(part, bar, self.sleeve_material)]
        if part == "parallel":
            tubes = [_moved(_sleeve(inner, outer, back, -2.0), side * sizes["spread_mm"] * across) for side in (-1, 1)]
            # Guides that touch are one block.
            bridge = _block(np.array((2 * sizes["spread_mm"], 2 * outer, 8.0)), sizes["turn_deg"], 0.6 * back)
            return [self._fitting(part, merge_surfaces([*tubes, bridge]), self.sleeve_material)]
        return self._chuck(-sizes["shaft_mm"])

    def _chuck(self, back: float) -> list[Solid]:
        jaws = lathe(np.array([(back - 30, 10.0), (back - 4, 10), (back + 8, 4)]), SECTIONS)
        drive = lathe(np.array([(back - 140, 16.0), (back - 45, 18), (back - 31, 12)]), SECTIONS)
        return [
            self._fitting("drive", drive, "aluminium"),
            self._fitting("chuck", jaws, "steel_304"),
        ]

    def _fitting(self, part: str, surface: Surface, material: str) -> Solid:
        """An attachment; its name is not the instrument's, so that no mask has it."""
        return Solid(f"{self.name}_guide/{part}", *surface, material)


def _sleeve(inner: float, outer: float, back: float, mouth: float) -> Surface:
    """A tube from ``back`` to ``mouth`` whose mouth is chamfered."""
    slope = min(2 * (outer - inner), (mouth - back) / 2)
    corners = [(back, inner), (back, outer), (mouth - slope, outer), (mouth, inner + 0.4 * (outer - inner))]
    return lathe(np.array([*corners, (mouth, inner), (back, inner)]), SECTIONS)


def _moved(surface: Surface, by: Point3) -> Surface:
    return surface[0] + by, surface[1]


def _block(size: Point3, turn_deg: float, z: float) -> Surface:
    """A box across the axis at ``z``, its first edge at ``turn_deg``."""
    vertices, faces = shapes.box(size)
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return vertices @ rotation.T + (0.0, 0.0, z), faces
