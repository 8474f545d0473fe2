"""What a sweep searches: settings with ranges, in Hydra's grammar, as distributions of Optuna and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from synthex.core import ConfigError


@dataclass(frozen=True)
class Choices:
    """A setting that takes one of several values, as they are written in overrides."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """A setting that takes a number.

    Attributes:
        low: The least.
        high: The greatest.
        whole: Whole numbers only.
        log: Proposed evenly in the logarithm.
        step: Between neighbours; None for none.
    """

    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None


Space = dict[str, Choices | Numbers]


def read_space(configured: Mapping[str, Any], arguments: Sequence[str]) -> tuple[Space, list[str]]:
    """Split what is searched from what is fixed.

    Args:
        configured: Setting to its range, as in ``hydra.sweeper.space``.
        arguments: Overrides of the command line; those with several values are searched, and a fixed one ends the
            search of a configured setting.

    Returns:
        Setting to its range, and the overrides that are the same for all trials.

    Raises:
        ConfigError: A range cannot be read or searched, or there is nothing to search.
    """
    parser = OverridesParser.create()
    fixed = [one for one in parser.parse_overrides(list(arguments)) if not one.is_sweep_override()]
    given = [one for one in parser.parse_overrides(list(arguments)) if one.is_sweep_override()]
    taken = {one.get_key_element() for one in (*fixed, *given)}
    own = [f"{key}={value}" for key, value in configured.items() if key not in taken]
    space: Space = {}
    for override in (*parser.parse_overrides(own), *given):
        space[override.get_key_element()] = _range(override)
    if not space:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing to search; give ranges, such as 'optimizer.lr=tag(log,interval(1e-4,1e-2))' "
            "or augment=none,strong"
        )
    return space, [one.input_line or "" for one in fixed]


def first_trial(space: Space) -> list[str]:
    """Overrides of some trial, to compose and check what all have in common."""
    return [written(key, found.values[0] if isinstance(found, Choices) else found.low) for key, found in space.items()]


def written(key: str, value: str | float) -> str:
    """A proposed value as an override."""
    return f"{key}={value if isinstance(value, str) else repr(value)}"


def _range(override: Override) -> Choices | Numbers:
    value, name = override.value(), override.input_line
    if isinstance(value, ChoiceSweep) or (isinstance(value, str) and override.is_sweep_override()):
        return Choices(tuple(override.sweep_string_iterator()))
    if not isinstance(value, IntervalSweep | RangeSweep):
        raise ConfigError(f"{name}: give a range, such as interval(0.1, 0.5), range(1, 5) or choice(a, b)")
    log = "log" in value.tags
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        if low is None or high is None or not low < high or (log and low <= 0):
            raise ConfigError(
                f"{name}: give an interval from less to more{', above 0 where it is in logarithms' * log}"
            )
        whole = isinstance(low, int) and isinstance(high, int)
        return Numbers(low, high, whole=whole, log=log)
    low, high, step = value.start, value.stop, value.step
    if low is None or high is None or step <= 0 or not low < high or log:
        raise ConfigError(f"{name}: give a range from less to more, with a step above 0, and without the tag log")
    whole = all(isinstance(number, int) for number in (low, high, step))
    count = math.ceil((high - low) / step - 1e-9)  # Hydra's ranges leave out their end; rounding must not add it
    return Numbers(low, low + (count - 1) * step, whole=whole, step=step)
