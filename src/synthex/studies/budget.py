"""Equal terms: what trainings of one study may spend, and which of them differ in it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthex.core import ConfigError
from synthex.studies.expand import Cell
from synthex.studies.schema import Study, Unequal

Budget = Mapping[str, Any]
"""Dotted names to plain values, the first part of each one of :data:`~synthex.studies.schema.TERMS`:

``updates``
    Steps of the optimizer that the network has taken, those of the weights that it starts from included; None where
    the number depends on data that are not at hand.
``images_seen``
    Images that it has seen in them, however often each.
``distinct_images``
    How many different ones there are to see, before randomisation; None where nobody knows yet: not compared.
``network``, ``optimizer``, ``scheduler``
    Settings of each.
``size``
    Pixels of the images, and of the network input.
``selection``
    Which weights of the training are kept, by what.
"""

UNKNOWN = "distinct_images"
"""The one term that is not compared where it is not known: a folder of real images knows what it holds."""


def check_budgets(study: Study, size: str, budgets: Sequence[tuple[Cell, Budget]]) -> None:
    """Check that all trainings of a size are on equal terms, but for what the study declares.

    Args:
        study: The study.
        size: Name of the size.
        budgets: A training of every combination, with what it spends.

    Raises:
        ConfigError: Two differ in what is not declared.
    """
    found = list(_differences(study.unequal, budgets))
    if not found:
        return
    first, second, name, one, other = found[0]
    more = len({(second_.label(), name_) for _, second_, name_, *_ in found}) - 1
    raise ConfigError(
        f"{study.path}, size={size}: {_cell(second)} has {name}={_told(other)}, {_cell(first)} {name}={_told(one)}"
        f"{f' ({more} more differences)' if more else ''}; give all cells the same, or say why not in the study's "
        f"unequal: [{{axis: ..., terms: [{name.partition('.')[0]}], why: ...}}]"
    )


def _differences(
    declared: Sequence[Unequal], budgets: Sequence[tuple[Cell, Budget]]
) -> Iterator[tuple[Cell, Cell, str, Any, Any]]:
    """Pairs of cells that should be equal in a term and are not."""
    names = dict.fromkeys(name for _, budget in budgets for name in budget)
    for name in names:
        firsts: dict[tuple[str | None, ...], tuple[Cell, Any]] = {}
        for cell, budget in budgets:
            value = budget.get(name)
            if value is None and name == UNKNOWN:
                continue
            apart = tuple(_apart(one, cell) for one in declared if name.partition(".")[0] in one.terms)
            first, wanted = firsts.setdefault(apart, (cell, value))
            if value != wanted:
                yield first, cell, name, wanted, value


def _apart(one: Unequal, cell: Cell) -> str | None:
    """The value of a declaration's axis, where it is one that may differ: such cells are compared with their like."""
    value = cell.values[one.axis]
    return value if value in one.values else None


def _cell(cell: Cell) -> str:
    return " ".join(f"{axis}={value}" for axis, value in cell.values.items())


def _told(value: Any) -> str:
    return "(depends on the data: give trainer.max_steps)" if value is None else str(value)
