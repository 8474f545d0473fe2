"""Readers made of readers: mixed, cut, drawn from and divided by subject; sample i is a pure function of i."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from synthex.core import ConfigError, Reader, Relabelled, Sample, derive_rng
from synthex.data.mix import shares_of
from synthex.data.splits import round_robin
from synthex.data.synthetic import ENDLESS, SyntheticReader


def is_endless(reader: Reader) -> bool:
    """Whether a reader has a new case for every index, so that nothing is ever seen twice."""
    return len(reader) >= ENDLESS


class Mix:
    """Cases of several readers as one reader: one after the other, or by weight.

    With weights it never ends: in every 60 samples each reader has its share, in an order that follows from the seed.
    What an endless reader (simulation) gives is always new; cases of a finite one take turns, in an order shuffled by
    round. Without weights all cases of the first reader come first, and so on.

    Args:
        readers: By name, all of the same structures and landmarks.
        weights: Share of samples of each; they need not sum to 1.
        seed: Of the order.

    Raises:
        ConfigError: No reader, one without a weight above 0 or without cases, readers of different names, or an
            endless one without weights.
    """

    def __init__(
        self, readers: Mapping[str, Reader], weights: Mapping[str, float | int] | None = None, seed: int = 0
    ) -> None:
        if not readers:
            raise ConfigError("a mix needs at least one source")
        self.readers, self.seed = dict(readers), seed
        self._shares = None if weights is None else shares_of(readers, weights)
        first, *others = self.readers
        self.structures, self.landmarks = self.readers[first].structures, self.readers[first].landmarks
        for name in others:
            if (self.readers[name].structures, self.readers[name].landmarks) != (self.structures, self.landmarks):
                raise ConfigError(
                    f"{first} and {name} have other structures or landmarks: bring both to those of the task first "
                    "(synthex.core.Relabelled)"
                )
        for name, reader in self.readers.items():
            if weights is None and is_endless(reader):
                raise ConfigError(f"{name} never ends, so nothing comes after it; give the mix weights")
            if not len(reader):
                raise ConfigError(f"{name} has no cases to mix")

    def __len__(self) -> int:
        return sum(map(len, self.readers.values())) if self._shares is None else ENDLESS

    def case_ids(self) -> tuple[str, ...]:
        """All cases.

        Raises:
            ConfigError: It never ends.
        """
        if self._shares is not None:
            raise ConfigError("a mix by weight never ends; take some of its cases (synthex.data.Take) to list them")
        return tuple(case for reader in self.readers.values() for case in reader.case_ids())

    def case_id(self, index: int) -> str:
        """Name of case ``index``."""
        name, place = self._place(index)
        return case_id(self.readers[name], place)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"case {index} of {len(self)}")
        name, place = self._place(index)
        return self.readers[name][place]

    def _place(self, index: int) -> tuple[str, int]:
        if self._shares is not None:
            name, turn = self._shares.deal(index, self.seed)
            reader = self.readers[name]
            return name, turn if is_endless(reader) else round_robin(range(len(reader)), turn, self.seed)
        for name, reader in self.readers.items():
            if index < len(reader):
                return name, index
            index -= len(reader)
        raise IndexError("beyond the last case")


class Subset:
    """Some cases of a reader, in the order given.

    Args:
        reader: Where they come from.
        cases: Their numbers in it, or their ids.

    Raises:
        ConfigError: There is no such case.
    """

    def __init__(self, reader: Reader, cases: Sequence[int | str]) -> None:
        self.reader = reader
        numbers: dict[str, int] = {}
        if any(isinstance(case, str) for case in cases):
            numbers = {name: number for number, name in enumerate(reader.case_ids())}
        wrong = [case for case in cases if (case not in numbers if isinstance(case, str) else case >= len(reader))]
        if wrong:
            raise ConfigError(f"there is no case {wrong[0]!r} among {len(reader)}")
        self._indices = tuple(numbers[case] if isinstance(case, str) else case for case in cases)
        self.structures, self.landmarks = reader.structures, reader.landmarks

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in order."""
        if is_endless(self.reader):
            return tuple(case_id(self.reader, index) for index in self._indices)
        known = self.reader.case_ids()
        return tuple(known[index] for index in self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self.reader[self._indices[index]]


class Take(Subset):
    """So many cases of a reader.

    Args:
        reader: Where they come from.
        count: How many.
        seed: Draws them at random, kept in the reader's order; None takes the first.

    Raises:
        ConfigError: It has fewer, or an endless reader is to be drawn from.
    """

    def __init__(self, reader: Reader, count: int, seed: int | None = None) -> None:
        if not 1 <= count <= len(reader):
            raise ConfigError(f"count={count} must lie in 1 to {len(reader)}, the images there are")
        if seed is None:
            super().__init__(reader, range(count))
            return
        if is_endless(reader):
            raise ConfigError("cases of an endless reader are not drawn; its first are as good: seed=null")
        super().__init__(reader, sorted(derive_rng(seed, "images").permutation(len(reader))[:count].tolist()))


class Fold(Subset):
    """One side of a cross-validation by subject: nobody is on two sides.

    Subjects are shuffled, then dealt in order of their numbers of images, each to the fold that has the fewest.

    Args:
        reader: All cases; each is read once, to see whose it is.
        fold: Number of the fold, from 0.
        side: ``test`` is the fold, ``train`` all others.
        folds: Number of folds; None: one a subject, left out in the order of their names.
        seed: Of the shuffle.

    Raises:
        ConfigError: There is no such fold or side, or there are more folds than subjects.
    """

    def __init__(
        self, reader: Reader, fold: int, side: Literal["train", "test"], folds: int | None = 5, seed: int = 0
    ) -> None:
        if side not in ("train", "test"):
            raise ConfigError(f"side={side}: choose train or test")
        subjects = [reader[index].subject_id for index in range(len(reader))]
        dealt = deal_folds(subjects, folds, seed)
        if not 0 <= fold < len(dealt):
            raise ConfigError(f"fold={fold}: the folds are 0 to {len(dealt) - 1}")
        tested = dealt[fold]
        super().__init__(reader, [i for i, subject in enumerate(subjects) if (subject in tested) == (side == "test")])


def deal_folds(subjects: Sequence[str], folds: int | None, seed: int = 0) -> list[set[str]]:
    """The subjects of each fold; see :class:`Fold`.

    Args:
        subjects: Subject of each image.
        folds: How many; None: one a subject.
        seed: Of the shuffle.

    Raises:
        ConfigError: Fewer than two folds, or more than subjects.
    """
    images = Counter(subjects)
    names = sorted(images)
    if not 2 <= (len(names) if folds is None else folds) <= len(names):
        raise ConfigError(f"{len(names)} subject(s) cannot be divided into {folds or 'two'} folds")
    if folds is None:
        return [{name} for name in names]
    members: list[set[str]] = [set() for _ in range(folds)]
    load = [0] * folds
    shuffled = [names[index] for index in derive_rng(seed, "folds").permutation(len(names))]
    for name in sorted(shuffled, key=lambda name: -images[name]):
        smallest = min(range(folds), key=lambda index: (load[index], len(members[index]), index))
        members[smallest].add(name)
        load[smallest] += images[name]
    return members


def case_id(reader: Reader, index: int) -> str:
    """Name of a case, without listing those of an endless reader."""
    named: Callable[[int], str] | None = getattr(reader, "case_id", None)
    return reader.case_ids()[index] if named is None else named(index)


def parts(reader: Any) -> tuple[Reader, ...]:
    """What a composed reader is made of; nothing for any other."""
    if isinstance(reader, Mix):
        return tuple(reader.readers.values())
    return (reader.reader,) if isinstance(reader, Subset | Relabelled) else ()


def simulated(reader: Reader) -> Iterator[SyntheticReader]:
    """The simulations in a composed reader."""
    if isinstance(reader, SyntheticReader):
        yield reader
    for part in parts(reader):
        yield from simulated(part)


def with_simulated(reader: Reader, change: Callable[[SyntheticReader], SyntheticReader]) -> Reader:
    """A composed reader in which each simulation is changed."""
    if isinstance(reader, SyntheticReader):
        return change(reader)
    changed: Any = copy.copy(reader)
    if isinstance(reader, Mix):
        changed.readers = {name: with_simulated(part, change) for name, part in reader.readers.items()}
    elif isinstance(reader, Subset | Relabelled):
        changed.reader = with_simulated(reader.reader, change)
    return changed
