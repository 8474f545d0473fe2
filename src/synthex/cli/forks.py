"""``python -m synthex.cli.forks``: imports everything once, then forks a process for every command it is asked for.

The server of :class:`synthex.studies.WarmLauncher`. It runs nothing itself, so that a fork has no threads to miss.
"""

import ctypes
import importlib
import json
import os
import random
import selectors
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex.core.terminal import quiet_libraries
from synthex.studies import die_with_parent

MODULES = ("synthex.cli.main", "synthex.cli.several")
"""What can be run: each has ``main(arguments)``."""

PRELOADED = (
    *("synthex.cli.app", "synthex.cli.simulate", "synthex.cli.train", "synthex.cli.predict", "synthex.cli.evaluate"),
    *("albumentations", "cv2", "h5py", "matplotlib.backends.backend_agg", "segmentation_models_pytorch"),
)
"""What trainings, preparations and tests import."""


@dataclass(frozen=True)
class Request:
    """A module to run, its arguments, and the file that takes its output."""

    module: str
    arguments: list[str]
    log: str


def can_fork() -> bool:
    """Whether forks of a server can do what a process of its own can.

    A process that has only looked for a GPU cannot be forked into one that uses it, so that hosts with one are left
    alone.
    """
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return False
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "not set").strip() in ("", "-1")
    if Path("/dev/nvidiactl").exists() and not hidden:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # an old kernel, or one that only pretends
        return False
    return True


def serve(requests: int, answers: int) -> Request | None:
    """Fork a process for every line of ``requests``; returns in each of them, and None in the server at the end."""
    library = ctypes.CDLL(None)
    server = os.getpid()
    children: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd != requests:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid = children.pop(key.fd)
                    _answer(answers, pid=pid, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    continue
                # The client waits for each answer: there is one line at most.
                line = _line(requests)
                if not line:
                    return None
                pid = os.fork()
                if pid == 0:
                    os.setsid()
                    die_with_parent(server, library)
                    for descriptor in (*children, requests, answers):
                        os.close(descriptor)
                    return Request(**json.loads(line))
                descriptor = os.pidfd_open(pid)
                children[descriptor] = pid
                selector.register(descriptor, selectors.EVENT_READ)
                _answer(answers, pid=pid)


def _line(descriptor: int) -> bytes:
    """A line, or nothing at the end of the file."""
    found = b""
    while not found.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            return b""
        found += part
    return found


def _answer(descriptor: int, **answer: Any) -> None:
    os.write(descriptor, json.dumps(answer).encode() + b"\n")


def run(request: Request) -> int:
    """Do what a process of its own would: output in the log, numbers of its own, itself as the main module."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for ours, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, standard)
    os.close(nothing)
    os.close(log)
    random.seed()
    importlib.import_module("numpy").random.seed()
    module = importlib.import_module(request.module)
    # Lightning starts its other ranks, and multiprocessing its workers, as whatever is the main module.
    sys.modules["__main__"] = module
    code: int = module.main(request.arguments)
    return code


def main() -> int:
    """Import, then serve standard input until it ends."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # what imports print is no answer
        os.dup2(nothing, standard)
    os.close(nothing)
    quiet_libraries()
    for name in PRELOADED:
        importlib.import_module(name)
    request = serve(requests, answers)
    return 0 if request is None else run(request)


if __name__ == "__main__":
    sys.exit(main())
