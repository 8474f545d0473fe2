"""How a policy draws: a small tree of coins and choices whose leaves are operations with ranges.

Drawing knows no image: it turns a generator into a flat list of steps, each a JSON object
``{"op": name, parameter: value, …}``. Everything is a frozen dataclass, so policies pickle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

Step = dict[str, Any]

Number = float | int
"""Spelled out because runtime type checks do not take an int for a float, and configs write 1."""


@runtime_checkable
class Distribution(Protocol):
    """Something a parameter is drawn from."""

    def draw(self, rng: np.random.Generator) -> float | int | str:
        """One value, a plain JSON scalar."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Uniform in [low, high]."""

    low: Number
    high: Number

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Pick:
    """One of ``values``, evenly."""

    values: tuple[Number | str, ...]

    def draw(self, rng: np.random.Generator) -> float | int | str:
        """One value."""
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Seed:
    """The seed of a field of pixels."""

    def draw(self, rng: np.random.Generator) -> int:
        """One value, below 2**63."""
        return int(rng.integers(2**63))


@runtime_checkable
class Node(Protocol):
    """A part of a policy."""

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The steps of one sample, in order."""
        ...

    def names(self) -> Iterator[str]:
        """Names of all operations and groups below."""
        ...

    def without(self, names: frozenset[str]) -> "Node | None":
        """The same without these operations and groups; None where nothing is left."""
        ...


@dataclass(frozen=True)
class Op:
    """A leaf: one operation and where its parameters come from."""

    name: str
    parameters: Mapping[str, Distribution]

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """One step."""
        return [{"op": self.name, **{key: value.draw(rng) for key, value in self.parameters.items()}}]

    def names(self) -> Iterator[str]:
        """Its own name."""
        yield self.name

    def without(self, names: frozenset[str]) -> Node | None:
        """Itself or None."""
        return None if self.name in names else self


@dataclass(frozen=True)
class Maybe:
    """``node`` with probability ``p``."""

    p: Number
    node: Node

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The node's steps, or none."""
        return self.node.draw(rng) if rng.random() < self.p else []

    def names(self) -> Iterator[str]:
        """Names below."""
        return self.node.names()

    def without(self, names: frozenset[str]) -> Node | None:
        """The same coin over what is left."""
        kept = self.node.without(names)
        return None if kept is None else Maybe(self.p, kept)


@dataclass(frozen=True)
class Either:
    """``node`` with probability ``p``, else ``otherwise``."""

    p: Number
    node: Node
    otherwise: Node

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The steps of one of the two."""
        return (self.node if rng.random() < self.p else self.otherwise).draw(rng)

    def names(self) -> Iterator[str]:
        """Names below."""
        yield from self.node.names()
        yield from self.otherwise.names()

    def without(self, names: frozenset[str]) -> Node | None:
        """The same choice over what is left."""
        node, otherwise = self.node.without(names), self.otherwise.without(names)
        if node is None and otherwise is None:
            return None
        return Either(self.p, node or Chain(()), otherwise or Chain(()))


@dataclass(frozen=True)
class Chain:
    """All ``nodes``, in order."""

    nodes: tuple[Node, ...]

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The steps of all nodes."""
        return [step for node in self.nodes for step in node.draw(rng)]

    def names(self) -> Iterator[str]:
        """Names below."""
        for node in self.nodes:
            yield from node.names()

    def without(self, names: frozenset[str]) -> Node | None:
        """The chain of what is left."""
        kept = _kept(self.nodes, names)
        return Chain(kept) if kept else None


@dataclass(frozen=True)
class SomeOf:
    """A number of ``nodes`` between ``fewest`` and ``most``, evenly, in random order, none twice."""

    name: str
    fewest: int
    most: int
    nodes: tuple[Node, ...]

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The steps of the nodes picked, in the order picked."""
        count = min(int(rng.integers(self.fewest, self.most + 1)), len(self.nodes))
        return [step for index in rng.permutation(len(self.nodes))[:count] for step in self.nodes[index].draw(rng)]

    def names(self) -> Iterator[str]:
        """The group's name and the names below."""
        yield self.name
        for node in self.nodes:
            yield from node.names()

    def without(self, names: frozenset[str]) -> Node | None:
        """The same choice among what is left."""
        kept = () if self.name in names else _kept(self.nodes, names)
        return SomeOf(self.name, self.fewest, self.most, kept) if kept else None


def one_of(name: str, *nodes: Node) -> SomeOf:
    """Exactly one of ``nodes``, evenly."""
    return SomeOf(name, 1, 1, nodes)


def _kept(nodes: Sequence[Node], names: frozenset[str]) -> tuple[Node, ...]:
    candidates = (node.without(names) for node in nodes)
    return tuple(node for node in candidates if node is not None)
