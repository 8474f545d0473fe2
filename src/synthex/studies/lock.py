"""A lock a job: a file that one process alone can create, and that a dead process cannot hold."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthex.core import InputError

LOCK_FILE, GUARD_FILE = "lock", ".guard"

UNREADABLE_S = 10.0
"""After this long a lock without content was left by a process that died between creating and writing it."""

FOREIGN_S = 600.0
"""A lock of another host is given up after this long without a sign of life, which comes every few seconds."""


class Lock:
    """Who works in a folder: process and host, in a file made with ``O_EXCL``.

    A lock of this host is stale when its process is gone, or its number belongs to a process that started at another
    time; one of another host when its holder has not touched it for :data:`FOREIGN_S`.

    Args:
        folder: What is locked; created if missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / LOCK_FILE

    def acquire(self) -> bool:
        """Take the lock, from a dead holder too; False if a live process has it.

        Raises:
            InputError: The folder cannot be written.
        """
        try:
            return self._acquire()
        except OSError as error:
            problem = f"cannot be written ({error.strerror or error})"
            raise InputError(self.folder, problem, "check permissions and free space") from error

    def _acquire(self) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        with guarded(self.folder):  # else of two that find a stale lock, one could remove the other's new one
            if self.held():
                return False
            self.path.unlink(missing_ok=True)
            try:
                descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                return False
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"pid": os.getpid(), "host": socket.gethostname(), "started": started(os.getpid())}, file)
            return True

    def held(self) -> bool:
        """Whether a live process has the lock."""
        try:
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return False
        holder = self.holder()
        if holder is None:
            return age < UNREADABLE_S
        if holder["host"] != socket.gethostname():
            return age < FOREIGN_S
        return alive(holder["pid"]) and holder["started"] == started(holder["pid"])

    def holder(self) -> dict[str, Any] | None:
        """``pid``, ``host`` and ``started`` of the holder, dead or alive; None without or with half a file."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {"pid": int(found["pid"]), "host": str(found["host"]), "started": str(found["started"])}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def touch(self) -> None:
        """Give a sign of life to processes on other hosts."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        """Give the lock back."""
        self.path.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether a process of this host exists (a zombie does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _status(pid)[:1] != ["Z"]


def started(pid: int) -> str:
    """When a process started, so that its number is not mistaken for a later one's; empty where unknown."""
    fields = _status(pid)
    return f"{_boot()}/{fields[19]}" if len(fields) > 19 else ""


def _status(pid: int) -> list[str]:
    """Fields of Linux's /proc/PID/stat from the third (state) on; empty elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """One process at a time; the system ends it with the process. Without ``fcntl`` (Windows) nothing is guarded."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / GUARD_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
