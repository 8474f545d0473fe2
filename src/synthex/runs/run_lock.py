"""One training a folder at a time."""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from synthex.core import ConfigError

LOCK_FILE = ".lock"


@contextlib.contextmanager
def alone_in(run: Path, differing: Callable[[], list[str]]) -> Iterator[None]:
    """Keep other processes out of a run's folder while the block runs.

    The lock is the system's (POSIX record lock): it ends with this process, is not inherited by workers, and holds
    for other machines as far as their common file system has such locks. Where there are none (Windows, some network
    file systems) nothing is locked.

    Args:
        run: The folder.
        differing: Settings in which a run that is there differs from the one that wants to begin.

    Raises:
        ConfigError: Another process trains in it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise ConfigError(_busy(run, file.read(1000), differing())) from None
        except OSError:  # no locks here
            yield
            return
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        file.flush()
        yield


def _busy(run: Path, holder: str, differing: list[str]) -> str:
    who = "another process"
    with contextlib.suppress(ValueError, TypeError, KeyError):
        found = json.loads(holder)
        who = f"process {int(found['pid'])} on {str(found['host'])[:40]}"
    if not differing:
        return f"{run}: {who} is training this run in it; wait for it, or choose another paths.run_dir"
    return (
        f"{run}: {who} is training a run with other settings in it ({listed(differing)}); choose another paths.run_dir"
    )


def listed(differing: list[str]) -> str:
    """The first few names of settings."""
    return f"{', '.join(differing[:4])}{', …' if len(differing) > 4 else ''}"
