"""Reading ``study.yaml`` and ``published.yaml``, with mistakes explained in one line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthex.core import InputError, check_name, nearest
from synthex.core.documents import read_yaml
from synthex.studies.expand import ALL_FOLDS
from synthex.studies.schema import (
    KEEP,
    RESERVED,
    TERMS,
    AxisValue,
    Curve,
    Layout,
    Preparation,
    Published,
    Size,
    Study,
    TestSet,
    Unequal,
)

STUDY_FILE, PUBLISHED_FILE = "study.yaml", "published.yaml"


def read_study(folder: str | Path) -> Study:
    """The study of a folder.

    Raises:
        InputError: A file is missing, is no YAML, or says something that a study does not have.
    """
    folder = Path(folder)
    node = _Node.load(folder / STUDY_FILE)
    node.only("title", "overrides", "axes", "exclude", "unequal", "sizes", "table")
    axes = {name: _axis(value) for name, value in node.get("axes").items()}
    for name in axes:
        if name in RESERVED or not name.isidentifier():
            raise node.get("axes").error(f"an axis cannot be called {name!r}", "choose another name")
    sizes = {name: _size(value, axes) for name, value in node.get("sizes").items()}
    if not axes or not sizes:
        raise node.error("has no axes or no sizes", "give at least one of each")
    for values in axes.values():
        for value in values.values():
            for size in value.by_size:
                node.known(size, (*sizes, *_OF_VALUES), "size of an axis value")
    exclude = tuple(_exclude(one, axes) for one in node.list("exclude"))
    unequal = tuple(_unequal(one, axes) for one in node.list("unequal"))
    layout = _layout(node.get("table"), axes)
    for axis in axes:
        if axis not in (*layout.rows, *layout.columns):
            raise node.get("table").error(f"has no place for the axis {axis}", "name it in rows or columns")
    source, published = _published(folder / PUBLISHED_FILE, axes)
    return Study(
        name=folder.resolve().name,
        title=node.text("title"),
        axes=axes,
        sizes=sizes,
        layout=layout,
        overrides=node.strings("overrides"),
        exclude=exclude,
        unequal=unequal,
        source=source,
        published=published,
        path=folder / STUDY_FILE,
    )


class _Node:
    """A mapping of a YAML file that knows where it is."""

    def __init__(self, path: Path, where: str, value: Any) -> None:
        self.path, self.where = path, where
        if not isinstance(value, dict):
            raise self.error("is not a mapping", "write key: value")
        self.value = {str(key): entry for key, entry in value.items()}

    @classmethod
    def load(cls, path: Path) -> "_Node":
        return cls(path, "", read_yaml(path, "mend it, or see `synthex study list`"))

    def error(self, problem: str, remedy: str) -> InputError:
        return InputError(self.path, f"{self.where} {problem}".strip(), remedy)

    def only(self, *names: str) -> None:
        for key in self.value:
            self.known(key, names, "key")

    def known(self, key: str, names: Iterable[str], what: str) -> None:
        if key not in names:
            raise self.error(f"{key}: there is no such {what}", nearest(key, names))

    def get(self, name: str) -> "_Node":
        where = f"{self.where}.{name}".strip(".")
        if name not in self.value:
            raise InputError(self.path, f"has no {where}", "docs/studies.md says what it is")
        return _Node(self.path, where, self.value[name])

    def items(self) -> list[tuple[str, "_Node"]]:
        return [(name, self.child(name)) for name in self.value]

    def child(self, name: str) -> "_Node":
        """A mapping, or a list that stands for its ``overrides``."""
        value = self.value[name]
        return _Node(self.path, f"{self.where}.{name}".strip("."), {"overrides": value} if _is_list(value) else value)

    def list(self, name: str) -> list["_Node"]:
        value = self.value.get(name) or []
        if not _is_list(value):
            raise self.error(f"{name} is not a list", "write - item")
        return [_Node(self.path, f"{self.where}.{name}[{index}]".strip("."), one) for index, one in enumerate(value)]

    def text(self, name: str) -> str:
        value = self.value.get(name, "")
        if not isinstance(value, str):
            raise self.error(f"{name}={value} is no text", "quote it")
        return value

    def strings(self, name: str, default: Sequence[Any] = ()) -> tuple[str, ...]:
        value = self.value.get(name)
        value = default if value is None else value
        if not _is_list(value) or not all(isinstance(one, str | int | float) for one in value):
            raise self.error(f"{name}={value} is no list of texts and numbers", "write [one, two]")
        return tuple(str(one) for one in value)

    def flag(self, name: str) -> bool:
        value = self.value.get(name, False)
        if not isinstance(value, bool):
            raise self.error(f"{name}={value} is neither true nor false", "give one of them")
        return value

    def number(self, name: str) -> float | None:
        value = self.value.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
            raise self.error(f"{name}={value} is no number above 0", "give one, or leave it out")
        return value


_OF_VALUES = ("overrides", "pending", "once")
"""Keys of an axis value beside the sizes."""


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _axis(node: _Node) -> dict[str, AxisValue]:
    values = {name: _axis_value(value) for name, value in node.items()}
    if not values:
        raise node.error("has no values", "give at least one")
    return values


def _axis_value(node: _Node) -> AxisValue:
    sizes = [name for name in node.value if name not in _OF_VALUES]
    return AxisValue(
        overrides=node.strings("overrides"),
        by_size={name: node.strings(name) for name in sizes},
        pending=node.text("pending") or None,
        once=node.flag("once"),
    )


def _size(node: _Node, axes: Mapping[str, Mapping[str, AxisValue]]) -> Size:
    node.only("overrides", "folds", "seeds", "tests", "prepare", "values", "exclude", "budget_minutes", "keep", "note")
    seeds = node.strings("seeds", (0,))
    if not all(seed.isdecimal() for seed in seeds) or not seeds:
        raise node.error(f"seeds={list(seeds)} are no whole numbers", "write seeds: [0, 1, 2]")
    folds = node.strings("folds", (0,))
    for name, given in (("seeds", seeds), ("folds", folds)):
        if len(set(given)) < len(given) or not given:
            raise node.error(f"{name}={list(given)}: there is none, or one twice", "name each once")
    if ALL_FOLDS in folds:
        raise node.error(f"folds={list(folds)}: {ALL_FOLDS} is the fold of what has none", "choose another name")
    keep = node.text("keep") or "weights"
    node.known(keep, KEEP, "choice of keep")
    values = {axis: entry.value for axis, entry in _optional(node, "values", lambda one: one).items()}
    chosen: dict[str, tuple[str, ...]] = {}
    for axis, entry in values.items():
        node.known(axis, axes, "axis")
        names = tuple(str(one) for one in entry["overrides"])
        for name in names:
            node.known(name, axes[axis], f"value of {axis}")
        chosen[axis] = names
    tests = _optional(node, "tests", _test)
    for name in tests:
        check_name(node.path, name, "test")
    if not tests:
        raise node.error("has no tests", "name at least one, such as simulated: []")
    return Size(
        overrides=node.strings("overrides"),
        folds=folds,
        seeds=tuple(int(seed) for seed in seeds),
        tests=tests,
        prepare=_optional(node, "prepare", _preparation),
        values=chosen,
        exclude=tuple(_exclude(one, axes) for one in node.list("exclude")),
        budget_minutes=node.number("budget_minutes"),
        keep=keep,
        note=node.text("note"),
    )


def _optional(node: _Node, name: str, make: Callable[[_Node], Any]) -> dict[str, Any]:
    return {key: make(value) for key, value in node.get(name).items()} if node.value.get(name) else {}


def _test(node: _Node) -> TestSet:
    node.only("overrides", "predict", "once", "evaluate")
    predict = (*node.strings("overrides"), *node.strings("predict"))
    return TestSet(predict, node.strings("once", predict), node.strings("evaluate"))


def _preparation(node: _Node) -> Preparation:
    node.only("command", "overrides", "output")
    if not node.text("command"):
        raise node.error("has no command", "give one, such as simulate")
    return Preparation(node.text("command"), node.strings("overrides"), node.text("output") or "output")


def _exclude(node: _Node, axes: Mapping[str, Mapping[str, AxisValue]]) -> dict[str, tuple[str, ...]]:
    found = {}
    for axis, given in node.value.items():
        node.known(axis, axes, "axis")
        names = tuple(str(one) for one in (given if _is_list(given) else [given]))
        for name in names:
            node.known(name, axes[axis], f"value of {axis}")
        found[axis] = names
    return found


def _unequal(node: _Node, axes: Mapping[str, Mapping[str, AxisValue]]) -> Unequal:
    node.only("axis", "values", "terms", "why")
    axis, terms, why = node.text("axis"), node.strings("terms"), node.text("why")
    node.known(axis, axes, "axis")
    values = node.strings("values", tuple(axes[axis]))
    for value in values:
        node.known(value, axes[axis], f"value of {axis}")
    for term in terms:
        node.known(term, TERMS, "term")
    if not terms or not why:
        raise node.error("has no terms, or no why", "name what differs, and why that is meant")
    return Unequal(axis, values, terms, why)


def _layout(node: _Node, axes: Mapping[str, Mapping[str, AxisValue]]) -> Layout:
    node.only("rows", "columns", "figures", "curves")
    rows, columns, figures = node.strings("rows"), node.strings("columns"), node.strings("figures")
    for axis in (*rows, *columns):
        node.known(axis, axes, "axis")
    if not figures or len({*rows, *columns}) < len((*rows, *columns)):
        raise node.error("has no figures, or an axis twice", "name each once")
    curves = []
    for one in node.list("curves"):
        one.only("x", "figure")
        x, figure = one.text("x"), one.text("figure")
        one.known(x, axes, "axis")
        one.known(figure, figures, "figure of the table")
        curves.append(Curve(x, figure))
    return Layout(rows, columns, figures, tuple(curves))


def _published(path: Path, axes: Mapping[str, Mapping[str, AxisValue]]) -> tuple[str, tuple[Published, ...]]:
    if not path.exists():
        return "", ()
    node = _Node.load(path)
    node.only("source", "cells")
    if not node.text("source"):
        raise node.error("has no source", "say who published the numbers, and where")
    return node.text("source"), tuple(_published_cell(one, axes) for one in node.list("cells"))


def _published_cell(node: _Node, axes: Mapping[str, Mapping[str, AxisValue]]) -> Published:
    node.only("cell", "test", "figures")
    cell = {axis: str(value) for axis, value in node.get("cell").value.items()}
    for axis, value in cell.items():
        node.known(axis, axes, "axis")
        node.known(value, axes[axis], f"value of {axis}")
    figures = {}
    for name, given in node.get("figures").value.items():
        numbers = given if _is_list(given) else [given]
        real = all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers)
        if not 1 <= len(numbers) <= 3 or not real:
            raise node.error(f"{name}={given} is not [mean, std, ci]", "give one to three numbers")
        padded = [*(float(one) for one in numbers), None, None]
        figures[name] = (float(numbers[0]), padded[1], padded[2])
    return Published(cell, node.text("test"), figures)
