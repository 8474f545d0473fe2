"""Writing files so that nobody ever sees half of one."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthex.core.errors import InputError


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
