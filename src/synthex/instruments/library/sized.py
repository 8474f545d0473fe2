"""Instruments whose sizes are drawn: ranges that are checked, drawn from and recorded alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from synthex.core import ConfigError, Solid
from synthex.instruments.checks import check_material, check_name, is_range
from synthex.instruments.sweep import Surface

Number = float | int
Range = Number | Sequence[Number]
"""A number, or [low, high] that is drawn from uniformly."""

SECTIONS = 16
"""Sides of the polygons that stand for circles in the library: our choice. Areas are those of the circles."""


@dataclass(frozen=True)
class Sized:
    """What the library's instruments share: named ranges, uniform draws, the middle at rest.

    Attributes:
        name: Of the instrument.
    """

    name: str

    landmarks: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Attribute that is a range to the smallest and largest value that its shape can be made of."""

    def __post_init__(self) -> None:
        check_name(self.name)
        for item in fields(self):
            if item.name.endswith("material"):
                check_material(item.name, getattr(self, item.name))
        for key, (least, most) in self.limits.items():
            value = getattr(self, key)
            pair = (value, value) if isinstance(value, (int, float)) else value
            if not is_range(pair, least, most):
                raise ConfigError(
                    f"{key}={value} of {self.name} must be a number or [low, high] in {least:g} to {most:g}"
                )
            object.__setattr__(self, key, (float(pair[0]), float(pair[1])))

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Every size, uniform within its range."""
        return {key: float(rng.uniform(*getattr(self, key))) for key in self.limits}

    def sizes(self, joints: Mapping[str, Any]) -> dict[str, float]:
        """The sizes of a body: those given, and the middle of the range for the others.

        Raises:
            ConfigError: A size that the instrument does not have, or one outside of its range.
        """
        for key, value in joints.items():
            if key not in self.limits:
                raise ConfigError(f"{self.name} has no {key!r}; it has: {', '.join(self.limits)}")
            low, high = getattr(self, key)
            if not low <= value <= high:
                raise ConfigError(f"{key} of {self.name} is {value}; its range is [{low:g}, {high:g}]")
        middles = {key: sum(getattr(self, key)) / 2 for key in self.limits}
        return {key: float(joints.get(key, middle)) for key, middle in middles.items()}

    def solid(self, part: str, surface: Surface, material: str, density_g_cm3: Number | None = None) -> Solid:
        """A part of the instrument."""
        return Solid(f"{self.name}/{part}", *surface, material, density_g_cm3)
