"""A folder that is watched: a file that appears is answered once, even after a crash (``synthex predict --watch``).

An answer is a folder ``OUT/answer-<digits>`` that appears whole, by one rename. Its digits are of the file's place
below IN and of its content, so that a file that is replaced is answered anew, and what is done needs no other record.
"""

import contextlib
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from synthex.core import InputError, UserError, write_json
from synthex.core.terminal import console
from synthex.data.real import radiograph_count
from synthex.data.real.radiographs import CLUTTER, is_candidate
from synthex.exchange.folder import AnswerFolder
from synthex.exchange.pictures import write_answers

POLL_S = 1.0
SETTLED_S = 2.0
"""A file that has not changed for so long is taken to be whole."""
PATIENCE_S = 20.0
"""A file that cannot be read is refused once it has not changed for so long: until then it may still be copied."""

_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
_WORK = ".working"


@dataclass(frozen=True)
class Seen:
    """A file at one look.

    Attributes:
        size: Bytes.
        changed: Time of its last change, ns.
        since: When it was first seen so, by the monotonic clock.
    """

    size: int
    changed: int
    since: float


def watch(incoming: Path, open_folder: Callable[[], AnswerFolder], idle_s: float | None = None) -> None:
    """Answer what appears in a folder until this is interrupted, or nothing new has come for so long.

    Args:
        incoming: The folder.
        open_folder: The model and where its answers go.
        idle_s: Seconds without anything new after which this ends; None: it does not.

    Raises:
        UserError: There is no such folder or model, or answers cannot be written.
    """
    if not incoming.is_dir():
        raise InputError(incoming, "there is no such folder", "make it, then call again")
    folder = open_folder()
    if incoming.resolve() == folder.root.resolve() or incoming.resolve() in folder.root.resolve().parents:
        raise InputError(folder.root, "lies in the folder that is watched", "give another folder for the answers")
    folder.root.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder.root / _WORK, ignore_errors=True)  # what a crash left half made
    console.print(f"watching {incoming}; answers: {folder.root}", soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        _watch(incoming, folder, idle_s)


def _watch(incoming: Path, folder: AnswerFolder, idle_s: float | None) -> None:
    seen: dict[Path, Seen] = {}
    settled: dict[Path, Seen] = {}
    last = time.monotonic()
    while True:
        waiting = False
        for file in _files(incoming):
            now = _look(file, seen.get(file))
            if now is None or settled.get(file) == now:
                continue
            seen[file] = now
            age = time.monotonic() - now.since
            if age < SETTLED_S or not _answer(file, incoming, folder, last_try=age >= PATIENCE_S):
                waiting = True
                continue
            settled[file] = now
            last = time.monotonic()
        if not waiting and idle_s is not None and time.monotonic() - last >= idle_s:
            return
        time.sleep(POLL_S)


def _files(incoming: Path) -> Iterator[Path]:
    for path in sorted(incoming.rglob("*")):
        name = path.name.lower()
        if not name.startswith((".", "~")) and not name.endswith(_UNFINISHED) and name not in CLUTTER:
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_size > 0:
                    yield path


def _look(file: Path, before: Seen | None) -> Seen | None:
    """The file now; None where it is gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    if before is not None and (before.size, before.changed) == (status.st_size, status.st_mtime_ns):
        return before
    return Seen(status.st_size, status.st_mtime_ns, time.monotonic())


def _answer(file: Path, incoming: Path, folder: AnswerFolder, last_try: bool) -> bool:
    """Answer a file unless that has been done; whether nothing is left to do for it."""
    name = file.relative_to(incoming).as_posix()
    try:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        target = folder.root / f"answer-{hashlib.sha256(f'{name} {content}'.encode()).hexdigest()[:16]}"
        if target.exists():
            return True
        if not is_candidate(file):
            return last_try  # neither a picture nor DICOM: passed over
        return _made(file, name, target, folder, last_try)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            return True
        if last_try:
            print(f"synthex: {file}: cannot be read ({error.strerror}); check it", file=sys.stderr)
        return last_try


def _made(file: Path, name: str, target: Path, folder: AnswerFolder, last_try: bool) -> bool:
    work = folder.root / _WORK
    shutil.rmtree(work, ignore_errors=True)
    own = replace(folder, root=work)
    try:
        answers = {done.case: done.answer | {"file": name} for done in own.answer(file, 1, radiograph_count(file))}
        write_answers(own, answers)
        written = json.dumps(list(answers.values()), allow_nan=False)
        (work / "answers.json").write_text(written + "\n", encoding="utf-8")
    except UserError as error:
        shutil.rmtree(work, ignore_errors=True)
        if not last_try:
            return False
        print(f"synthex: {error}", file=sys.stderr)
        problem = f"{error.problem}; {error.remedy}" if isinstance(error, InputError) else str(error)
        write_json(work / "refused.json", {"file": name, "problem": problem})
    work.rename(target)
    console.print(f"{target.name}: {'refused' if (target / 'refused.json').exists() else 'answered'}")
    return True
