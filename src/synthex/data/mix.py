"""Several sources as one, by weight: exact shares in every block of samples, each a pure function of its number."""

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol, runtime_checkable

from synthex.core import Anatomy, AnatomySource, ConfigError, derive_rng
from synthex.data.splits import round_robin

_BLOCK = 60
"""Samples in which the weights are kept exactly, to the nearest sample: divisible by 2 to 6, so that the usual shares
come out whole."""


class Shares:
    """Which of several sources each sample is of: in every block of 60 each has its share, in a shuffled order.

    Args:
        weights: Share of samples of each source by name; they need not sum to 1.

    Raises:
        ConfigError: There is no source, or a weight is not above 0.
    """

    def __init__(self, weights: Mapping[str, float | int]) -> None:
        if not weights:
            raise ConfigError("a mix needs at least one source")
        bad = [name for name, weight in weights.items() if not 0 < float(weight) < float("inf")]
        if bad:
            raise ConfigError(f"the mix gives {bad[0]} no weight above 0; leave it out or give it one")
        self.weights = {name: float(weight) for name, weight in weights.items()}

    def deal(self, index: int, seed: int) -> tuple[str, int]:
        """The source of sample ``index``, and how many samples of it came before."""
        block, place = divmod(index, _BLOCK)
        names = [name for name, count in self._counts.items() for _ in range(count)]
        order = [names[int(at)] for at in derive_rng(seed, "mix", block).permutation(_BLOCK)]
        name = order[place]
        return name, block * self._counts[name] + order[:place].count(name)

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Samples of each source in a block: largest remainders, and none without a sample."""
        total = sum(self.weights.values())
        exact = {name: _BLOCK * weight / total for name, weight in self.weights.items()}
        counts = {name: max(1, int(value)) for name, value in exact.items()}
        while sum(counts.values()) < _BLOCK:
            counts[max(exact, key=lambda name: exact[name] - counts[name])] += 1
        while sum(counts.values()) > _BLOCK:
            counts[max(counts, key=lambda name: counts[name] - exact[name] if counts[name] > 1 else -_BLOCK)] -= 1
        return counts


def shares_of(sources: Mapping[str, object], weights: Mapping[str, float | int]) -> Shares:
    """The shares of ``sources``, which have to have a weight each.

    Raises:
        ConfigError: One has none, or there is a weight of something else.
    """
    if strange := [name for name in weights if name not in sources]:
        raise ConfigError(f"the mix has a weight of {strange[0]!r}; it mixes {', '.join(sources) or 'nothing'}")
    return Shares({name: weights.get(name, 0) for name in sources})


class AnatomyMix:
    """Subjects of several sources (an :class:`~synthex.core.AnatomySource`), drawn by weight instead of by number.

    Sample i is of a source and of a subject of it that follow from (seed, i) alone: :class:`Shares` say of which, and
    its own subjects take turns.

    Args:
        sources: By name.
        weights: Share of samples of each; they need not sum to 1.

    Raises:
        ConfigError: No source, a source without a weight above 0, or two sources with a subject of the same id.
    """

    def __init__(self, sources: Mapping[str, AnatomySource], weights: Mapping[str, float]) -> None:
        self.sources, self.shares = dict(sources), shares_of(sources, weights)
        self._owner: dict[str, str] = {}
        for name, source in self.sources.items():
            for subject in source.subject_ids():
                if self._owner.setdefault(subject, name) != name:
                    raise ConfigError(f"{name} and {self._owner[subject]} both have a subject {subject!r}")

    def subject_ids(self) -> tuple[str, ...]:
        """All subjects, source by source."""
        return tuple(self._owner)

    def load(self, subject_id: str) -> Anatomy:
        """One of them."""
        return self.sources[self._owner[subject_id]].load(subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """Its source's own."""
        return self.sources[self._owner[subject_id]].fingerprint(subject_id)

    def choose(self, index: int, seed: int) -> str:
        """The subject of sample ``index``."""
        name, turn = self.shares.deal(index, seed)
        return choose_subject(self.sources[name], turn, seed)


@runtime_checkable
class Chooses(Protocol):
    """A source that says itself whose turn it is."""

    def choose(self, index: int, seed: int) -> str:
        """The subject of sample ``index``."""
        ...


def choose_subject(source: AnatomySource, index: int, seed: int) -> str:
    """The subject of sample ``index``: as a mix or a replay has it, else each subject once in each round."""
    if isinstance(source, Chooses):
        return source.choose(index, seed)
    return round_robin(source.subject_ids(), index, seed)
