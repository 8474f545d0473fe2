"""Cross-validation as data: who is trained on and who is tested, by subject, as a value that files can hold."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from synthex.core import ConfigError, derive_rng, safe_cell, text_of_cell

SIDES = ("train", "val", "test")
"""Sides of a fold, in the order of the files."""


@dataclass(frozen=True)
class Fold:
    """One division of the subjects.

    Attributes:
        name: Unique among the folds of a protocol.
        train: Subjects to fit on.
        val: Subjects to choose epochs and settings by; may be empty. Never those of ``test``.
        test: Subjects to report.

    Raises:
        ConfigError: A subject is on two sides, or there is nobody to train on or to test.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        twice = [subject for subject, count in Counter((*self.train, *self.val, *self.test)).items() if count > 1]
        if twice:
            raise ConfigError(f"fold {self.name} lists {twice[0]} twice; each subject has one side")
        if not self.train or not self.test:
            raise ConfigError(f"fold {self.name} needs subjects to train on and to test")

    def side_of(self, subject_id: str) -> str | None:
        """``train``, ``val`` or ``test``; None for a subject that the fold does not have."""
        return next((side for side in SIDES if subject_id in getattr(self, side)), None)


def leave_one_out(subject_ids: Sequence[str], *, group: Callable[[str], str] = str) -> tuple[Fold, ...]:
    """A fold for each specimen: it is tested, all others are trained on.

    Args:
        subject_ids: Subject of each case, or each subject once; variants of one specimen included.
        group: Maps a subject to the specimen it comes from.

    Raises:
        ConfigError: Fewer than two specimens.
    """
    groups = _groups(subject_ids, group)
    if len(groups) < 2:
        raise ConfigError(f"leaving one out needs at least 2 specimens, got {len(groups)}")
    return tuple(_fold(name, {name}, groups) for name in sorted(groups))


def k_folds(
    subject_ids: Sequence[str],
    count: int = 5,
    *,
    seed: int = 0,
    group: Callable[[str], str] = str,
) -> tuple[Fold, ...]:
    """Folds of about equally many cases; every patient is tested exactly once.

    Patients are shuffled, sorted by their number of cases, and each goes to the fold with the fewest cases so far
    (the longest-processing-time rule of Graham, SIAM Journal on Applied Mathematics 17:416, 1969).

    Args:
        subject_ids: Subject of each case: one that is listed n times weighs n.
        count: Number of folds.
        seed: Of the shuffle; decides with the ids alone, not with their order.
        group: Maps a subject to the patient it comes from; a patient is never divided.

    Raises:
        ConfigError: Fewer than two folds, or fewer patients than folds.
    """
    groups = _groups(subject_ids, group)
    if not 2 <= count <= len(groups):
        raise ConfigError(f"{len(groups)} patients cannot make {count} folds; give 2 to {len(groups)}")
    cases = Counter(group(subject) for subject in subject_ids)
    names = sorted(groups)
    shuffled = [names[index] for index in derive_rng(seed, "folds").permutation(len(names))]
    members: list[set[str]] = [set() for _ in range(count)]
    load = [0] * count
    for name in sorted(shuffled, key=lambda name: -cases[name]):
        smallest = min(range(count), key=lambda index: (load[index], len(members[index]), index))
        members[smallest].add(name)
        load[smallest] += cases[name]
    return tuple(_fold(f"fold{index}", chosen, groups) for index, chosen in enumerate(members))


def given_folds(fold_of: Sequence[tuple[str, str]], *, group: Callable[[str], str] = str) -> tuple[Fold, ...]:
    """Folds that a dataset brings with it.

    Args:
        fold_of: (subject, name of the fold in which it is tested) of each case.
        group: Maps a subject to the patient it comes from.

    Raises:
        ConfigError: A patient is in two folds, or there is only one fold.
    """
    home: dict[str, str] = {}
    for subject, name in fold_of:
        if home.setdefault(group(subject), name) != name:
            raise ConfigError(f"{group(subject)} is in folds {home[group(subject)]} and {name}; a patient has one fold")
    groups = _groups([subject for subject, _ in fold_of], group)
    names = sorted(set(home.values()))
    if len(names) < 2:
        raise ConfigError(f"cross-validation needs at least 2 folds, the dataset has {len(names)}")
    return tuple(_fold(name, {member for member in home if home[member] == name}, groups) for name in names)


def with_validation(
    folds: Sequence[Fold], fraction: float = 0.2, *, seed: int = 0, group: Callable[[str], str] = str
) -> tuple[Fold, ...]:
    """The same folds with part of each one's training patients set aside for validation.

    What chooses an epoch is then never what is reported; the original validated on the test specimen itself.

    Args:
        folds: Their validation subjects, if any, return to training first.
        fraction: Share of the training patients; at least one is set aside and one is left.
        seed: Of the choice.
        group: Maps a subject to the patient it comes from.

    Raises:
        ConfigError: The share is not in (0, 1), or a fold has only one patient to train on.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"the share of validation patients must lie between 0 and 1, got {fraction}")
    divided = []
    for fold in folds:
        everybody = tuple(sorted((*fold.train, *fold.val)))
        names = sorted({group(subject) for subject in everybody})
        if len(names) < 2:
            raise ConfigError(f"fold {fold.name} has one patient to train on, none can be set aside")
        size = min(max(1, round(fraction * len(names))), len(names) - 1)
        order = derive_rng(seed, "validation", fold.name).permutation(len(names))
        chosen = {names[index] for index in order[:size]}
        train = tuple(subject for subject in everybody if group(subject) not in chosen)
        val = tuple(subject for subject in everybody if group(subject) in chosen)
        divided.append(Fold(fold.name, train, val, fold.test))
    return tuple(divided)


def folds_to_json(folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """As plain JSON values."""
    return [
        {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(fold).items()}
        for fold in folds
    ]


def folds_from_json(rows: Any) -> tuple[Fold, ...]:
    """The inverse of :func:`folds_to_json`.

    Raises:
        ConfigError: Not a list, an entry lacks a key or has another kind of value, or two folds have one name.
    """
    if not isinstance(rows, list | tuple):
        raise ConfigError(f"folds are a list, got {rows!r:.80}")
    folds = []
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"name", *SIDES}:
            raise ConfigError(f"a fold has the keys name, {', '.join(SIDES)}; got {row!r:.80}")
        if not all(isinstance(row[side], list | tuple) for side in SIDES):
            raise ConfigError(f"the sides of fold {row['name']} must be lists of subjects")
        folds.append(Fold(str(row["name"]), *(tuple(str(subject) for subject in row[side]) for side in SIDES)))
    return _distinct(folds)


def folds_to_csv(folds: Sequence[Fold]) -> str:
    """One row a fold and subject: ``fold,subject_id,side``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(
        (safe_cell(fold.name), safe_cell(subject), side)
        for fold in folds
        for side in SIDES
        for subject in getattr(fold, side)
    )
    return buffer.getvalue()


def folds_from_csv(text: str) -> tuple[Fold, ...]:
    """The inverse of :func:`folds_to_csv`; folds come in the order of their first row.

    Raises:
        ConfigError: Not CSV, another header, a row that is too short, an unknown side, or a subject on two sides.
    """
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise ConfigError(f"the folds are not CSV ({error}); write them with fold,subject_id,side") from error
    if not rows or tuple(rows[0]) != _HEADER:
        raise ConfigError(f"folds have the header {','.join(_HEADER)}, got {','.join(rows[0]) if rows else 'nothing'}")
    members: dict[str, dict[str, list[str]]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(_HEADER) or row[2] not in SIDES:
            raise ConfigError(f"row {number} of the folds is not fold,subject_id and one of {', '.join(SIDES)}")
        fold, subject = text_of_cell(row[0]), text_of_cell(row[1])
        members.setdefault(fold, {side: [] for side in SIDES})[row[2]].append(subject)
    return tuple(Fold(name, *(tuple(sides[side]) for side in SIDES)) for name, sides in members.items())


_HEADER = ("fold", "subject_id", "side")


def _groups(subject_ids: Sequence[str], group: Callable[[str], str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for subject in sorted(set(subject_ids)):
        found[group(subject)] = (*found.get(group(subject), ()), subject)
    return found


def _fold(name: str, tested: set[str], groups: Mapping[str, tuple[str, ...]]) -> Fold:
    train = tuple(subject for key in sorted(groups) if key not in tested for subject in groups[key])
    return Fold(name, train, (), tuple(subject for key in sorted(tested) for subject in groups[key]))


def _distinct(folds: Sequence[Fold]) -> tuple[Fold, ...]:
    names = Counter(fold.name for fold in folds)
    if len(names) < len(folds):
        raise ConfigError(f"fold {names.most_common(1)[0][0]} is listed twice; names are unique")
    return tuple(folds)


__all__ = [
    "SIDES",
    "Fold",
    "folds_from_csv",
    "folds_from_json",
    "folds_to_csv",
    "folds_to_json",
    "given_folds",
    "k_folds",
    "leave_one_out",
    "with_validation",
]
