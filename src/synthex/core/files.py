"""Writing files so that nobody ever sees half of one, and only where they belong."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthex.core.errors import InputError

_NAME_BYTES = 200
"""Longest name of a file without its suffix and what marks it unfinished; file systems take 255 bytes."""


def check_name(source: str | Path, name: Any, what: str = "case id") -> str:
    """A name read from a file that will name a file itself: one within its folder, on any system.

    Args:
        source: The file that it was read from, for the message.
        name: The name.
        what: What it names.

    Raises:
        InputError: It is empty or too long, leads to another folder, or has characters that file names cannot have.
    """
    problem = "is no text"
    if isinstance(name, str):
        size = len(name.encode("utf-8", "replace"))
        strange = not name.isprintable() or any(sign in name for sign in '/\\:*?"<>|')
        problem = "is empty" if not name.strip(" .") else "is too long" if size > _NAME_BYTES else ""
        problem = problem or ("has characters that a file name cannot have" if strange else "")
        if not problem:
            return name
    # Not quoted: it may be the name of a person.
    raise InputError(source, f"holds a {what} that {problem}", "give plain names: letters, digits, - and _")


def _can_be_path(name: str) -> bool:
    """Whether the system can be asked for such a file: else it raises, where a missing one is only not there."""
    try:
        parts = os.fsencode(name).split(b"/")
    except UnicodeEncodeError:
        return False
    return b"\0" not in b"/".join(parts) and max(map(len, parts)) < 256 and len(name) < 4096


def inside(folder: str | Path, name: Any, source: str | Path) -> Path:
    """The file that a name read from a file means, which must lie in a folder. Links there are the user's own.

    Args:
        folder: Where it must lie.
        name: Its path, relative to the folder.
        source: The file that names it, for the message.

    Raises:
        InputError: It leads out of the folder, or is no path.
    """
    folder = Path(folder)
    remedy = f"name files below {folder}, relative to it"
    if not isinstance(name, str) or not name or not _can_be_path(name):
        raise InputError(source, "names a file by what is no path", remedy)
    path = Path(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(source, "names a file that lies outside its folder", remedy)
    return folder / path


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it onto ``target`` when the block succeeds.

    The temporary name keeps the suffixes of ``target`` (writers choose formats by suffix) and carries
    the process id, so that two processes writing the same file cannot mix. On failure nothing is left.

    Raises:
        InputError: The folder cannot be created or written, or the disk is full.
    """
    target = Path(target)
    temporary = target.with_name(f".{os.getpid()}.part.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        # Only errors about the file being written are the output's fault.
        if error.filename is not None and Path(error.filename) not in (temporary, target, *target.parents):
            raise
        raise InputError(
            target, f"cannot be written ({error.strerror or error})", "check permissions and free space"
        ) from error
    finally:
        # Where the folder itself is at fault this fails too, and must not hide the reason.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` (UTF-8) atomically."""
    with atomic_path(target) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON atomically; NaN is refused because JSON has none."""
    write_text(target, json.dumps(value, indent=2, allow_nan=False) + "\n")
