"""What instruments check of their settings and joints: numbers within limits, or one line that says which."""

import math
from collections.abc import Sequence

import numpy as np

from synthex.core import ConfigError
from synthex.physics import get_material

Number = float | int


def is_number(value: object) -> bool:
    """Whether a value from a config is a finite number; ``true`` and ``"3"`` are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_range(value: object, low: Number, high: Number) -> bool:
    """Whether a value from a config, a list of its own type, is [lowest, highest] within ``low`` to ``high``."""
    # Of a text each letter is a text, which is no number.
    if not isinstance(value, Sequence) or len(value) != 2 or not all(map(is_number, value)):
        return False
    return bool(low <= value[0] <= value[1] <= high)


def check_number(name: str, value: object) -> None:
    """Refuse a setting that is no number.

    Raises:
        ConfigError: It is none.
    """
    if not is_number(value):
        raise ConfigError(f"{name}={value!r} must be a number")


def check_within(name: str, value: Number, low: Number, high: Number) -> None:
    """Refuse a setting outside of ``low`` to ``high``.

    Raises:
        ConfigError: It is outside, or not a number.
    """
    check_number(name, value)
    if not low <= value <= high:
        raise ConfigError(f"{name}={value} must lie in {low:g} to {high:g}")


def checked_range(name: str, value: Sequence[Number], low: Number, high: Number) -> tuple[float, float]:
    """A range (lowest, highest) within ``low`` to ``high``; configs hand over lists.

    Raises:
        ConfigError: It is not one.
    """
    if not is_range(value, low, high):
        raise ConfigError(f"{name}={value!r} must be two numbers in {low:g} to {high:g}, the smaller one first")
    return float(value[0]), float(value[1])


def check_name(name: object) -> None:
    """Refuse names that would not work as the first part of a solid's.

    Raises:
        ConfigError: It is empty, no text, or has a slash.
    """
    if not isinstance(name, str) or not name or "/" in name:
        raise ConfigError(f"name={name!r} must be a word without '/': solids are called <name>/<part>")


def check_material(name: str, value: object) -> None:
    """Refuse a setting that names no material.

    Raises:
        ConfigError: It does not; suggests near names.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{name}={value!r} must be the name of a material")
    get_material(value)


def numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """A number (shape ()), or a list of them, that somebody gave by hand, as float64.

    Raises:
        ConfigError: Something else, another number of them, or values that are not finite.
    """
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"{name}={value!r} must be made of numbers") from None
    if found.shape != shape or not np.isfinite(found).all():
        wanted = f"{shape[0]} finite numbers" if shape else "one finite number"
        raise ConfigError(f"{name} needs {wanted}, got {value!r}")
    return found


def uniform(rng: np.random.Generator, limits: Sequence[Number]) -> float:
    """A number drawn evenly from a range."""
    return float(rng.uniform(limits[0], limits[1]))
