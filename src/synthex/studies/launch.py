"""Starting a command as a process of its own: from scratch, or as a fork of one that has imported everything."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

GRACE_S = 10.0
"""Time to end that a process gets between SIGTERM and SIGKILL."""

LOST = -int(signal.SIGKILL)
"""Exit code of a fork whose server is gone, which the system kills with it."""


@runtime_checkable
class Started(Protocol):
    """A process in a session of its own; :class:`subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, minus the signal that killed it; None while it runs."""

    def wait(self, timeout: float) -> int:
        """Wait for its end; raises ``subprocess.TimeoutExpired``."""


Launcher = Callable[[Sequence[str], Path], Started]
"""Starts a command; its output is added to a file."""


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, **pipes: Any
) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own, its output added to ``log``; on Linux it dies with this process.

    Args:
        command: Program and arguments.
        log: Where its output goes.
        environment: Its environment; None for this process's.
        **pipes: Other ``stdin``, ``stdout`` or ``stderr`` for :class:`subprocess.Popen`.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def attach() -> None:
        # A job that outlived a killed study would still write where its successor goes on.
        if library is not None:
            die_with_parent(parent, library)

    with log.open("ab") as file:
        settings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT} | pipes
        return subprocess.Popen(
            list(command), start_new_session=True, env=None if environment is None else dict(environment),
            preexec_fn=attach, **settings,
        )  # fmt: skip


def die_with_parent(parent: int, library: Any) -> None:
    """Have Linux kill this process when ``parent`` ends; ``library`` is the C library, loaded before a fork."""
    library.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)
    if os.getppid() != parent:
        os._exit(1)


def stop(process: Started) -> None:
    """End a process and what it has started: first politely."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            break


class WarmLauncher:
    """Starts modules as forks of one server, which has imported what they need: seconds less for every process.

    The server is started with the first of them. Other commands, and all of them where a server cannot live, are
    started from scratch.

    Args:
        server: Its command line. It reads a request a line (JSON: ``module``, ``arguments``, ``log``), answers with
            the number of the process (``pid``), and later with its exit code (``pid``, ``code``).
        modules: What it can run: ``python -m MODULE ...`` is a request.
        environment: Of all processes; None for this one's.
    """

    def __init__(
        self, server: Sequence[str], modules: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.modules, self.environment = tuple(server), tuple(modules), environment
        self.server: subprocess.Popen[bytes] | None = None
        self.broken = False
        self._codes: dict[int, int] = {}
        self._new: int | None = None
        self._text = b""

    def __enter__(self) -> "WarmLauncher":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __call__(self, command: Sequence[str], log: Path) -> Started:
        """Start a command."""
        if not self.broken and tuple(command[:2]) == (sys.executable, "-m") and command[2] in self.modules:
            pid = self._request({"module": command[2], "arguments": list(command[3:]), "log": str(log)})
            if pid is not None:
                return _Fork(self, pid)
        return spawn(command, log, self.environment)

    def close(self) -> None:
        """End the server, and with it what still runs."""
        if self.server is not None:
            self.server.kill()
            self.server.communicate()  # and close its pipes
            self.server = None

    def code(self, pid: int, timeout: float = 0.0) -> int | None:
        """Exit code of a fork; None if it still runs after ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while pid not in self._codes and not self.broken:
            if not self._read(max(0.0, until - time.monotonic())):
                return None
        return self._codes.get(pid, LOST)

    def _request(self, request: Mapping[str, Any]) -> int | None:
        """Number of the new process; None if the server is gone."""
        if self.server is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.server = spawn(self.command, Path(os.devnull), self.environment, **pipes)
        stdin = self.server.stdin
        try:
            os.write(-1 if stdin is None else stdin.fileno(), json.dumps(request).encode() + b"\n")
        except OSError:
            self.broken = True
        self._new = None
        while self._new is None and not self.broken:
            self._read(None)  # the first answer comes when everything is imported
        return self._new

    def _read(self, timeout: float | None) -> bool:
        """Take in answers; False if there were none in time."""
        if self.server is None or self.server.stdout is None:
            self.broken = True
            return True
        descriptor = self.server.stdout.fileno()
        if not select.select([descriptor], [], [], timeout)[0]:
            return False
        found = os.read(descriptor, 65536)
        self.broken = not found
        *lines, self._text = (self._text + found).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "code" in answer:
                self._codes[answer["pid"]] = answer["code"]
            else:
                self._new = answer["pid"]
                self._codes.pop(answer["pid"], None)  # the system uses numbers again
        return True


class _Fork:
    """A process that the server has forked."""

    def __init__(self, launcher: WarmLauncher, pid: int) -> None:
        self.launcher, self.pid = launcher, pid

    def poll(self) -> int | None:
        return self.launcher.code(self.pid)

    def wait(self, timeout: float) -> int:
        code = self.launcher.code(self.pid, timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code
