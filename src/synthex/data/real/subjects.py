"""Who is who in an archive that does not say: a CSV of cases and subjects beside it; and ids that give nobody away."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

from synthex.core import InputError
from synthex.core.documents import read_text

SUBJECTS_FILE = "subjects.csv"
COUNTED = re.compile(r"\d{5}")
"""Names of files in the study's folders, which count from 00000."""
_REMEDY = "give a CSV with the columns case and subject"


def read_rows(path: Path, remedy: str) -> list[dict[str, str]]:
    """The lines of a CSV by the names in its first one, stripped.

    Raises:
        InputError: It cannot be read, is empty or cut, or a line has more or fewer cells than names.
    """
    content = read_text(path, remedy)
    try:
        reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
        rows = list(reader)
        names = reader.fieldnames or []
    except (ValueError, csv.Error) as error:
        # Only the kind of the error: its text may quote the file.
        raise InputError(path, f"cannot be read ({type(error).__name__})", remedy) from None
    if len(set(names)) != len(names) or not rows:
        raise InputError(path, "has no lines" if not rows else "names a column twice", remedy)
    if not content.endswith(("\n", "\r")):
        raise InputError(path, "does not end with a line break, so it may be cut", "restore it, or add the line break")
    for number, row in enumerate(rows, 2):
        # DictReader keeps cells beyond the header under the key None, and None in cells that are missing.
        if None in row or None in row.values():
            raise InputError(path, f"line {number} has not as many cells as the first line", remedy)
    return [{name.strip(): value.strip() for name, value in row.items()} for row in rows]


def case_id(prefix: str, name: str, counted: re.Pattern[str] | None = COUNTED) -> str:
    """The id of a case, which tells nothing of its file's name unless that is a number of the archive's own.

    Args:
        prefix: Part of the archive (``fold1-test``), or empty.
        name: Its file's name without an ending.
        counted: How the archive numbers its files; None where it does not.
    """
    public = counted is not None and counted.fullmatch(name)
    shown = name if public else f"case-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return f"{prefix}-{shown}" if prefix else shown


def numbered(names: Iterable[str], kind: str = "subject") -> dict[str, str]:
    """``subject-0001``, ``subject-0002``, … for names of people, in the names' order."""
    return {name: f"{kind}-{number:04d}" for number, name in enumerate(sorted(set(names)), 1)}


def subjects_of(cases: Iterable[tuple[str, str, str]], root: Path, path: str | Path | None) -> list[str]:
    """The subject of every case. Those that a CSV names are numbered, for its names may be those of patients.

    Args:
        cases: Id, its file's name behind the part of the archive (the CSV may have either), and what the subject is
            if nothing else is said.
        root: The archive.
        path: CSV with the columns ``case`` and ``subject``; None takes ``subjects.csv`` in ``root`` if there is one.

    Raises:
        InputError: The CSV cannot be used or leaves a case out.
    """
    cases = list(cases)
    if path is None:
        path = root / SUBJECTS_FILE
        if not path.exists():
            return [subject for _, _, subject in cases]
    path = Path(path).expanduser()
    told: dict[str, str] = {}
    for number, row in enumerate(read_rows(path, _REMEDY), 2):
        case, subject = row.get("case", ""), row.get("subject", "")
        if not case or not subject:
            raise InputError(path, f"line {number} has no case or no subject", _REMEDY)
        if told.setdefault(case, subject) != subject:
            raise InputError(path, f"line {number} gives case {case} another subject", "keep one of the lines")
    found = [told.get(name, told.get(case)) for case, name, _ in cases]
    missing = [name for (_, name, _), subject in zip(cases, found, strict=True) if subject is None]
    if missing:
        problem = f"names no subject of {len(missing)} of {len(cases)} cases, the first is {missing[0]}"
        raise InputError(path, problem, "give every case a line: case,subject")
    numbers = numbered(told.values())
    return [numbers[str(subject)] for subject in found]
