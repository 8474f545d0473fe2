"""Splitting a population by subject: no subject, nor a variant of it, is ever on two sides."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from synthex.core import Anatomy, AnatomySource, ConfigError, derive_rng

T = TypeVar("T")

SPLITS = ("train", "val", "test")
"""The names of the splits, which also name their random streams."""


def split_subjects(
    subject_ids: Sequence[str],
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    *,
    seed: int = 0,
    group: Callable[[str], str] = str,
) -> dict[str, tuple[str, ...]]:
    """Deal subjects to train, val and test at random; each side gets at least one group.

    Args:
        subject_ids: All subjects, variants included.
        fractions: Shares of train, val and test.
        seed: Seed of the shuffle.
        group: Maps a subject to the person it comes from; a group is never divided.

    Raises:
        ConfigError: Fewer than three groups, or bad fractions.
    """
    groups = sorted({group(subject) for subject in subject_ids})
    if len(groups) < 3:
        raise ConfigError(
            f"{len(groups)} subject(s) cannot be split into train, val and test; "
            "give at least 3, or let val and test come from phantoms"
        )
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"split fractions must be positive and sum to 1, got {list(fractions)}")
    order = [groups[i] for i in derive_rng(seed, "split").permutation(len(groups))]
    val = max(1, round(fractions[1] * len(groups)))
    test = max(1, round(fractions[2] * len(groups)))
    while val + test >= len(groups):
        val, test = max(1, val - 1), max(1, test - 1)
    side = dict.fromkeys(order[:test], "test") | dict.fromkeys(order[test : test + val], "val")
    return {
        name: tuple(subject for subject in subject_ids if side.get(group(subject), "train") == name) for name in SPLITS
    }


class AnatomySubset:
    """Some subjects of a source, as a source.

    Args:
        source: Where they come from.
        subject_ids: Which of its subjects, in this order.
    """

    def __init__(self, source: AnatomySource, subject_ids: Sequence[str]) -> None:
        self.source, self._ids = source, tuple(subject_ids)

    def subject_ids(self) -> tuple[str, ...]:
        """The chosen subjects."""
        return self._ids

    def load(self, subject_id: str) -> Anatomy:
        """One of them."""
        return self.source.load(subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """The source's own."""
        return self.source.fingerprint(subject_id)


def round_robin(items: Sequence[T], index: int, seed: int) -> T:
    """The subject (or case) of sample ``index``: each once in every round, in an order shuffled by round."""
    round_number, place = divmod(index, len(items))
    order = derive_rng(seed, "round", round_number).permutation(len(items))
    return items[int(order[place])]


__all__ = ["SPLITS", "AnatomySubset", "round_robin", "split_subjects"]
