"""Where instruments lie in a scene: the ranges they are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from synthex.core import ConfigError
from synthex.instruments.checks import is_number, is_range
from synthex.physics import get_material

Number = float | int
Range = Sequence[Number]
"""(low, high); configs hand over lists of integers too."""

MODES = ("tunnel", "drilled", "front", "behind", "air")
"""In a wide tunnel of the femoral neck; drilled into the proximal femur without one, as wires are; inside the body
in front of the bone or behind it; before the body."""


@dataclass(frozen=True)
class Placement:
    """Ranges (low, high) that positions are drawn from, uniformly; every default is our choice.

    The study says of its scenes only that the manipulator was placed in and about the femoral head of cadavers, in
    a tunnel as core decompression drills it, so the ranges span what such a procedure can come to.

    Attributes:
        where: Weight of each of :data:`MODES`; those left out are never drawn.
        depth_mm: Tip beyond the centre of the femoral head (negative: short of it), along the axis of the neck.
        axis_tilt_deg: Of the straight instrument from the axis of the neck, about the middle of the neck.
        axis_offset_mm: Of the straight instrument from the middle of the neck, any way across it.
        roll_deg: Turn of the instrument about itself, which is the direction it bends in.
        margin_mm: Bone that stays between the tunnel and the outside of the femur, except at its entry.
        clearance_mm: Radius of the tunnel less that of the instrument; also how far it is drilled beyond the tip.
        tunnel_materials: Weight of each material that can fill the tunnel.
        front_mm: Distance from the middle of the head's front to the instrument, for ``front``.
        behind_mm: The same from its back, for ``behind``.
        air_mm: Distance from the skin of the front to the nearest point of the inserted part, for ``air``.
        drill_tilt_deg: For ``drilled``: of the way in from the axis of the neck.
        drill_any: Share of the ways in that come from any side instead.
        drill_beside_mm: Shift, along each axis of the world, of the point that the way in aims at, which lies on the
            axis of the neck between the head's centre and a little outside of the lateral cortex.
        drill_gap_mm: From the base (the mouth of the sleeve) to the bone, where the instrument has attachments.
        bare_probability: Share of the scenes with nothing but the one femur, as on a bench in a laboratory.
        beside_mm: Shift towards R and towards S from a point between head and lateral cortex (without a femur:
            from the centre of the CT), for the places outside of bone.
        elevation_deg: How far the tip points forward out of the frontal plane, for the same; in ``air``
            it points backward by as much, lest the shaft run through the body.
        distractor_probability: Of each distractor's being there.
        most_distractors: More than so many are never there.
        distractor_mm: Distance of a distractor's middle from that of the instrument.
        on_skin: Names of distractors that lie on the skin of the front, which is their plane x = 0.

    Raises:
        ConfigError: A range whose ends are swapped, an unknown mode or material, weights that are negative or all
            0, a probability outside 0 to 1.
    """

    where: Mapping[str, Number] = field(
        default_factory=lambda: {"tunnel": 0.6, "front": 0.15, "behind": 0.15, "air": 0.1}
    )
    depth_mm: Range = (-12.0, 12.0)
    axis_tilt_deg: Range = (0.0, 6.0)
    axis_offset_mm: Range = (0.0, 3.0)
    roll_deg: Range = (0.0, 360.0)
    margin_mm: Number = 1.0
    clearance_mm: Range = (0.5, 2.0)
    tunnel_materials: Mapping[str, Number] = field(default_factory=lambda: {"blood": 0.4, "water": 0.3, "air": 0.3})
    front_mm: Range = (10.0, 60.0)
    behind_mm: Range = (10.0, 60.0)
    air_mm: Range = (5.0, 60.0)
    beside_mm: Range = (-30.0, 30.0)
    drill_tilt_deg: Range = (0.0, 35.0)
    drill_any: Number = 0.2
    drill_beside_mm: Range = (-12.0, 12.0)
    drill_gap_mm: Range = (0.0, 12.0)
    bare_probability: Number = 0.0
    elevation_deg: Range = (-45.0, 45.0)
    distractor_probability: Number = 0.15
    most_distractors: int = 2
    distractor_mm: Range = (25.0, 110.0)
    on_skin: Sequence[str] = ("ekg_lead",)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith(("_mm", "_deg")) and item.name != "margin_mm":
                object.__setattr__(self, item.name, _checked_range(item.name, value))
        for name, known in (("where", MODES), ("tunnel_materials", None)):
            object.__setattr__(self, name, _checked_weights(name, getattr(self, name), known))
        for material in self.tunnel_materials:
            get_material(material)
        for name in ("axis_tilt_deg", "axis_offset_mm", "distractor_mm", "drill_tilt_deg", "drill_gap_mm"):
            if getattr(self, name)[0] < 0:
                raise ConfigError(f"task.placement.{name}={list(getattr(self, name))} must not be negative")
        if self.clearance_mm[0] <= 0:  # faces of tool and tunnel that coincide would flicker
            raise ConfigError(f"task.placement.clearance_mm={list(self.clearance_mm)} must be above 0")
        if not (is_number(self.margin_mm) and self.margin_mm >= 0):
            raise ConfigError(f"task.placement.margin_mm={self.margin_mm!r} must be a number of at least 0")
        most = self.most_distractors
        for name in ("distractor_probability", "drill_any", "bare_probability"):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value <= 1):
                raise ConfigError(f"task.placement.{name}={value!r} must be a number in 0 to 1")
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            raise ConfigError(f"task.placement.most_distractors={most!r} must be a whole number of at least 0")
        if isinstance(self.on_skin, str) or not isinstance(self.on_skin, Sequence):
            raise ConfigError(f"task.placement.on_skin={self.on_skin!r} must be a list of names")
        object.__setattr__(self, "on_skin", tuple(self.on_skin))

    def within(self, name: str, rng: np.random.Generator, size: int | tuple[int, ...] | None = None) -> Any:
        """Draw from the range called ``name``: a float, or an array of ``size``."""
        low, high = getattr(self, name)
        return float(rng.uniform(low, high)) if size is None else rng.uniform(low, high, size)


def draw_weighted(weights: Mapping[str, Number], rng: np.random.Generator) -> str:
    """A key, with a probability in proportion to its weight; always one draw."""
    values = np.array(list(weights.values()), dtype=np.float64)
    return list(weights)[int(rng.choice(len(values), p=values / values.sum()))]


def _checked_range(name: str, values: Range) -> tuple[float, float]:
    if not is_range(values, -np.inf, np.inf):
        raise ConfigError(f"task.placement.{name} needs [low, high] with low <= high, got {values!r}")
    return float(values[0]), float(values[1])


def _checked_weights(name: str, weights: Mapping[str, Number], known: Sequence[str] | None) -> Mapping[str, float]:
    if not isinstance(weights, Mapping):
        example = ", ".join(f"{key}: 1" for key in (known or ("blood", "air"))[:2])
        raise ConfigError(f"task.placement.{name}={weights!r} must give weights, like {{{example}}}")
    unknown = [key for key in weights if known is not None and key not in known]
    if unknown:
        raise ConfigError(f"task.placement.{name} has no {unknown[0]!r}; choose from {', '.join(known or ())}")
    usable = all(is_number(value) and value >= 0 for value in weights.values())
    if not usable or not sum(weights.values()) > 0:
        raise ConfigError(f"task.placement.{name} needs weights of at least 0, not all of them 0; got {dict(weights)}")
    return MappingProxyType({key: float(value) for key, value in weights.items()})
