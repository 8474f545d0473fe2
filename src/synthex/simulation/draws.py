"""Parameters that are a number or a range, and how they are drawn: physics-level domain randomisation.

Every parameter has a random stream of its own, found by its name: a new parameter, or one that turns from a
range into a number, leaves all other draws of the same image as they were.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints

import numpy as np

from synthex.core import ConfigError, derive_rng

Number = float | int
Setting = Number | Sequence[Number]
"""A number, or (low, high) to draw from; configs hand over lists."""


@dataclass(frozen=True)
class Limits:
    """What a parameter may be; annotates its field: ``kvp: Annotated[Setting, Limits(40, 150, "kV")] = (70, 110)``.

    Attributes:
        low: Least valid value.
        high: Largest valid value.
        unit: Unit, for messages.
        log: A range is drawn log-uniformly, as suits quantities that span decades; it must then be positive.
    """

    low: Number
    high: Number
    unit: str = ""
    log: bool = False


class Parameters:
    """Base of frozen dataclasses with fields annotated by :class:`Limits`: checked when constructed, then drawn."""

    def __post_init__(self) -> None:
        for name, limits in _limits(type(self)).items():  # type: ignore[arg-type]  # mypy takes the class for an instance
            setting = checked(f"{self.path()}.{name}", getattr(self, name), limits)
            object.__setattr__(self, name, setting)

    @classmethod
    def path(cls) -> str:
        """Where the config has these parameters, for messages."""
        return f"simulation.{cls.__name__.lower()}"

    def draw(self, key: int) -> dict[str, float]:
        """One number for each parameter, in the order of the fields; a number stands for itself.

        Args:
            key: What the streams depend on, beside the names of this class and of the parameter.
        """
        values: dict[str, float] = {}
        for name, limits in _limits(type(self)).items():  # type: ignore[arg-type]
            low, high = self.bounds(name)
            values[name] = low
            if low < high:
                fraction = float(derive_rng(key, type(self).__name__.lower(), name).random())
                values[name] = low * (high / low) ** fraction if limits.log else low + (high - low) * fraction
        return values

    def bounds(self, name: str) -> tuple[float, float]:
        """Least and largest value that a parameter can be drawn as."""
        setting = getattr(self, name)
        return (setting, setting) if isinstance(setting, float) else setting


@cache
def _limits(group: type) -> dict[str, Limits]:
    """Limits of a class's parameters, in the order of its fields."""
    hints = get_type_hints(group, include_extras=True)
    found = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: extras[0] for name, extras in found.items() if extras and isinstance(extras[0], Limits)}


def image_key(rng: np.random.Generator) -> int:
    """The key of all streams of one image: the only number that is taken from ``rng``."""
    return int(rng.integers(0, 2**63 - 1))


def checked(name: str, setting: Setting, limits: Limits) -> float | tuple[float, float]:
    """A setting as a float, or as (low, high) of floats.

    Raises:
        ConfigError: Not one or two finite numbers, the range is inverted, or a value is outside the limits.
    """
    unit = f" {limits.unit}" if limits.unit else ""
    values = [setting] if isinstance(setting, Number) else setting
    if isinstance(values, str) or not isinstance(values, Sequence) or (values is setting and len(values) != 2):
        raise ConfigError(f"{name} is a number or a range [low, high], got {setting!r}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, Number) or not math.isfinite(value):
            raise ConfigError(f"{name} is a number or a range [low, high] of finite numbers, got {value!r}")
        if not limits.low <= value <= limits.high:
            raise ConfigError(f"{name} must lie in {limits.low:g}..{limits.high:g}{unit}, got {value:g}")
    low, high = float(values[0]), float(values[-1])
    if isinstance(setting, Number):
        return low
    if low > high:
        raise ConfigError(f"{name} is an inverted range [{low:g}, {high:g}]; write [{high:g}, {low:g}]")
    if limits.log and low <= 0:
        raise ConfigError(f"{name} is drawn log-uniformly, so its range must be above 0, got [{low:g}, {high:g}]")
    return low, high
