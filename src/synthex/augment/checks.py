"""Settings that make no sense are refused when the policy is built, in one line."""

import difflib
from collections.abc import Iterable, Sequence

import numpy as np

from synthex.augment.tree import Number, Uniform
from synthex.core import ConfigError


def check_names(names: Iterable[str], known: Iterable[str], setting: str) -> None:
    """Refuse names that do not exist.

    Raises:
        ConfigError: With the nearest valid names.
    """
    known = sorted(set(known))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5) or known
            raise ConfigError(f"{setting}: {name!r} does not exist; choose from {', '.join(near)}")


def probability(name: str, value: Number) -> float:
    """``value`` as a float.

    Raises:
        ConfigError: It is not above 0 and at most 1.
    """
    if not 0 < value <= 1:
        raise ConfigError(
            f"augment: {name}={value} must be above 0 and at most 1 (leave operations out with without=[...], "
            "or everything with augment=none)"
        )
    return float(value)


def interval(
    name: str, limits: Sequence[Number], *, identity: Number | None = None, lowest: Number = 0, highest: Number = np.inf
) -> Uniform:
    """The uniform distribution over ``limits``.

    Args:
        name: The setting, for the message.
        limits: Lowest and highest value.
        identity: The value that changes nothing, if there is one.
        lowest: Smallest value that makes sense.
        highest: Largest value that makes sense.

    Raises:
        ConfigError: They are not two ascending finite numbers within these bounds, or both are the identity.
    """
    values = [float(value) for value in limits]
    if len(values) != 2 or not lowest <= values[0] <= values[1] <= highest or not np.isfinite(values[1]):
        raise ConfigError(
            f"augment: {name}={values} must be two finite numbers [low, high] between {lowest:g} and {highest:g}"
        )
    if values[0] == values[1] == identity:
        raise ConfigError(f"augment: {name}={values} changes nothing; leave the operation out with without=[...]")
    return Uniform(values[0], values[1])
