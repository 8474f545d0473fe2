"""Several prediction sets as one: folds of a cross-validation, whose cases are scored together.

Figures of pooled cases are those of one large test set, as in the study's five folds: the mean over all cases, not
the mean of the folds' means, and intervals that resample the subjects of all folds.
"""

import bisect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from synthex.core import ConfigError, EvalProtocol, InputError, Prediction, Reader, Sample
from synthex.evaluation.prediction_set import PredictionSet, match_protocol
from synthex.evaluation.scorer import compare_cases


def pool(sets: Sequence[PredictionSet], protocol: EvalProtocol) -> PredictionSet:
    """One set with the cases of all ``sets``, in their order; its provenance lists theirs under ``sets``.

    Raises:
        InputError: Two sets have a case in common, or one is of another task.
        ConfigError: There is no set.
    """
    if not sets:
        raise ConfigError("there is no prediction set to pool")
    owner: dict[str, PredictionSet] = {}
    for one in (match_protocol(found, protocol) for found in sets):
        for case_id in one.case_ids():
            if case_id in owner:
                problem = f"has case {case_id}, which {owner[case_id].source(case_id)} has too"
                raise InputError(one.source(case_id), problem, "give sets of different cases")
            owner[case_id] = one
    return _PooledSet(
        Path(os.path.commonpath([found.folder.resolve() for found in sets])),
        protocol.task,
        protocol.vocabulary.structures,
        protocol.vocabulary.landmarks,
        {"sets": [dict(found.provenance) | {"predictions": len(found)} for found in sets]},
        {case_id: one._entries[case_id] for case_id, one in owner.items()},
        None,
        None,
        owner,
    )


@dataclass(frozen=True, eq=False)
class _PooledSet(PredictionSet):
    """Cases that lie in several sets."""

    owner: Mapping[str, PredictionSet] = field(default_factory=dict)

    def __getitem__(self, case_id: str) -> Prediction:
        return self.owner[case_id][case_id] if case_id in self.owner else super().__getitem__(case_id)

    @property
    def has_probabilities(self) -> bool:
        """Whether all of the sets have them: an area on some of the cases would be another figure."""
        return all(one.has_probabilities for one in self.owner.values())

    def source(self, case_id: str | None = None) -> Path:
        """The file of the set that has the case; of no case, the folder that holds all sets."""
        owner = self.owner.get(case_id) if case_id is not None else None
        return self.folder if owner is None else owner.source(case_id)


class PooledReader:
    """The cases of several readers, one reader after the other.

    Subjects are told apart by their ids alone: an id that two readers share is one subject.

    Args:
        readers: They have the same names in the same order, and no case in common.

    Raises:
        ConfigError: They do not.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        if not readers:
            raise ConfigError("there is no reader to pool")
        self.structures, self.landmarks = readers[0].structures, readers[0].landmarks
        if any((one.structures, one.landmarks) != (self.structures, self.landmarks) for one in readers):
            raise ConfigError("the datasets have different structures or landmarks; pool datasets of one task")
        self._readers = tuple(readers)
        self._case_ids = tuple(case_id for one in readers for case_id in one.case_ids())
        seen: set[str] = set()
        for case_id in self._case_ids:
            if case_id in seen:
                raise ConfigError(f"case {case_id} is in two of the datasets; pool datasets of different cases")
            seen.add(case_id)
        self._ends = tuple(accumulate(len(one) for one in readers))

    def case_ids(self) -> tuple[str, ...]:
        """All cases, reader by reader."""
        return self._case_ids

    def __len__(self) -> int:
        return len(self._case_ids)

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"case {index} of {len(self)}")
        which = bisect.bisect_right(self._ends, index)
        return self._readers[which][index - (self._ends[which - 1] if which else 0)]


def pool_with_cases(
    sets: Sequence[PredictionSet], readers: Sequence[Reader], protocol: EvalProtocol, *, allow_partial: bool = False
) -> tuple[PredictionSet, PooledReader]:
    """:func:`pool` of sets and of the readers of their cases, after checking each set against its own reader.

    Raises:
        InputError: A set does not have the cases of its reader, or two sets have a case in common.
        ConfigError: The readers have other names or a case in common.
    """
    pooled = pool(sets, protocol)
    for one, reader in zip(sets, readers, strict=True):
        compare_cases(one, reader.case_ids(), allow_partial)
    return pooled, PooledReader(readers)
