"""What instruments check of their settings and joints: numbers within limits, or one line that says which."""

from collections.abc import Sequence

import numpy as np

from synthex.core import ConfigError

Number = float | int


def check_within(name: str, value: Number, low: Number, high: Number) -> None:
    """Refuse a setting outside of ``low`` to ``high``.

    Raises:
        ConfigError: It is outside, or not a number.
    """
    if not low <= value <= high:
        raise ConfigError(f"{name}={value} must lie in {low:g} to {high:g}")


def checked_range(name: str, value: Sequence[Number], low: Number, high: Number) -> tuple[float, float]:
    """A range (lowest, highest) within ``low`` to ``high``; configs hand over lists.

    Raises:
        ConfigError: It is not one.
    """
    values = tuple(float(each) for each in value)
    if len(values) != 2 or not low <= values[0] <= values[1] <= high:
        raise ConfigError(f"{name}={list(value)} must be two numbers in {low:g} to {high:g}, the smaller one first")
    return values[0], values[1]


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
