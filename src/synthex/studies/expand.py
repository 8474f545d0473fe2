"""From a study to its jobs: every combination of axis values, folds and seeds, as overrides."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synthex.core import ConfigError, nearest
from synthex.studies.schema import Preparation, Size, Study

ALL_FOLDS = "all"
"""The fold of what does not depend on it."""

_TOKEN = re.compile(r"<([^<>\s]+)>")


@dataclass(frozen=True)
class Cell:
    """One job of a study, by name.

    Attributes:
        values: Axis to value.
        fold: The fold.
        seed: The seed.
    """

    values: Mapping[str, str]
    fold: str
    seed: int

    def label(self) -> str:
        """For people: ``domain=naive augment=none fold=0 seed=0``."""
        return " ".join(f"{key}={value}" for key, value in self.tokens().items())

    def tokens(self) -> dict[str, str]:
        """What ``<axis>``, ``<fold>`` and ``<seed>`` stand for in overrides."""
        return {**self.values, "fold": self.fold, "seed": str(self.seed)}


@dataclass(frozen=True)
class Plan:
    """A cell's commands, and what they need.

    Attributes:
        cell: The cell.
        train: What trains.
        tests: Name to the overrides of ``predict`` and of ``evaluate``.
        prepared: Name to the preparation that ``<prepared:NAME>`` means here, after those that it needs itself.
        roots: Names of ``<root:NAME>`` in any of these.
    """

    cell: Cell
    train: tuple[str, ...]
    tests: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    prepared: Mapping[str, Preparation] = field(default_factory=dict)
    roots: tuple[str, ...] = ()


def size_of(study: Study, name: str) -> Size:
    """A size by name.

    Raises:
        ConfigError: The study has no such size.
    """
    if name not in study.sizes:
        raise ConfigError(f"size={name}: {study.name} has no such size; {nearest(name, study.sizes)}")
    return study.sizes[name]


def combinations(study: Study, size: Size) -> list[dict[str, str]]:
    """Every combination of axis values that a size has, pending ones too, in the order of the axes."""
    axes = {
        axis: [value for value in known if value in size.values.get(axis, known)] for axis, known in study.axes.items()
    }
    found = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    left_out = (*study.exclude, *size.exclude)
    return [one for one in found if not any(_matches(one, excluded) for excluded in left_out)]


def _matches(one: Mapping[str, str], pattern: Mapping[str, Sequence[str]]) -> bool:
    return all(one[axis] in values for axis, values in pattern.items())


def pending(study: Study, values: Mapping[str, str]) -> str | None:
    """Why a combination has no jobs yet; None if it has."""
    return next((reason for axis, name in values.items() if (reason := study.axes[axis][name].pending)), None)


def once(study: Study, values: Mapping[str, str]) -> bool:
    """Whether a combination does not depend on the fold."""
    return any(study.axes[axis][name].once for axis, name in values.items())


def folds_of(study: Study, size: Size, values: Mapping[str, str]) -> tuple[str, ...]:
    """The folds of a combination: those of the size, or :data:`ALL_FOLDS` alone."""
    return (ALL_FOLDS,) if once(study, values) else size.folds


def plans(study: Study, size_name: str, only: Sequence[str] = ()) -> list[Plan]:
    """The jobs of a size; first the first fold of everything, so that tables fill evenly.

    Args:
        study: The study.
        size_name: One of its sizes.
        only: ``axis:value`` (or ``fold:0``, ``seed:1``); several of one axis are alternatives, several axes must
            all hold.

    Raises:
        ConfigError: There is no such size, axis or value, or an override names what does not exist.
    """
    size = size_of(study, size_name)
    wanted = _chosen(study, size, only)
    found = []
    for seed, fold, values in itertools.product(size.seeds, (ALL_FOLDS, *size.folds), combinations(study, size)):
        cell = Cell(values, fold, seed)
        there = fold in folds_of(study, size, values) and pending(study, values) is None
        if there and _matches(cell.tokens(), wanted):
            found.append(_plan(study, size, size_name, cell))
    return found


def _chosen(study: Study, size: Size, only: Sequence[str]) -> dict[str, list[str]]:
    axes: dict[str, list[str]] = {axis: list(values) for axis, values in study.axes.items()}
    axes |= {"fold": [ALL_FOLDS, *size.folds], "seed": [str(seed) for seed in size.seeds]}
    wanted: dict[str, list[str]] = {}
    for one in only:
        axis, _, value = str(one).partition(":")
        if axis not in axes:
            raise ConfigError(f"only={one}: {study.name} has no axis {axis}; {nearest(axis, axes)}")
        if value not in axes[axis]:
            raise ConfigError(f"only={one}: {axis} has no value {value!r}; {nearest(value, axes[axis])}")
        wanted.setdefault(axis, []).append(value)
    return wanted


def _plan(study: Study, size: Size, size_name: str, cell: Cell) -> Plan:
    chosen = [study.axes[axis][value] for axis, value in cell.values.items()]
    overrides = [*study.overrides, *size.overrides, f"seed={cell.seed}"]
    for value in chosen:
        overrides += [*value.overrides, *value.by_size.get(size_name, ())]
    train = _fill(overrides, cell)
    tests = {
        name: (_fill(test.once if cell.fold == ALL_FOLDS else test.predict, cell), _fill(test.evaluate, cell))
        for name, test in size.tests.items()
    }
    used = [*train, *(part for test in tests.values() for parts in test for part in parts)]
    prepared = _prepared(study, size, cell, used)
    for one in prepared.values():
        used += one.overrides
    return Plan(cell, train, tests, prepared, named_tokens(used, "root"))


def _prepared(
    study: Study, size: Size, cell: Cell, used: Sequence[str], above: tuple[str, ...] = ()
) -> dict[str, Preparation]:
    """What overrides need, and what this needs in turn, which comes first."""
    found: dict[str, Preparation] = {}
    for name in named_tokens(used, "prepared"):
        if name not in size.prepare:
            raise ConfigError(f"{study.name}: <prepared:{name}>: nothing is called so; {nearest(name, size.prepare)}")
        if name in above:
            raise ConfigError(f"{study.name}: prepare.{name} needs itself ({' needs '.join((*above, name))})")
        one = size.prepare[name]
        filled = _fill(one.overrides, cell)
        found |= _prepared(study, size, cell, filled, (*above, name))
        found[name] = Preparation(one.command, filled, one.output)
    return found


def named_tokens(overrides: Sequence[str], kind: str) -> tuple[str, ...]:
    """The names in ``<kind:NAME>`` of overrides."""
    found = (match for one in overrides for match in _TOKEN.findall(one) if match.startswith(f"{kind}:"))
    return tuple(dict.fromkeys(match.partition(":")[2] for match in found))


def _fill(overrides: Sequence[str], cell: Cell) -> tuple[str, ...]:
    return substitute(overrides, cell.tokens(), ("root:", "prepared:"))


def substitute(overrides: Sequence[str], values: Mapping[str, str], later: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Overrides with ``<name>`` replaced.

    Args:
        overrides: What is filled in.
        values: Name to text.
        later: Beginnings of names that are left as they are.

    Raises:
        ConfigError: A name has no value.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith(later) and later:
            return match[0]
        if name not in values:
            raise ConfigError(f"<{name}> stands for nothing; {nearest(name, values)}")
        return values[name]

    return tuple(_TOKEN.sub(replaced, one) for one in overrides)
