"""Command lines as processes of their own: forks of one that has imported everything, or begun from scratch."""

import contextlib
import importlib
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from synthex.core.places import hidden

GRACE_S = 10.0
"""Time to end that a process gets between SIGTERM and SIGKILL: enough for a step and a checkpoint."""

_ONE_AT_A_TIME = threading.Lock()
"""A start looks after all other processes, and an exit code can be read once: not by two threads together."""


def can_fork() -> bool:
    """Whether a fork can do what a process begun from scratch can.

    A process that has only looked for a GPU cannot be forked into one that uses it, so that hosts with one are left
    alone.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "not set").strip() in ("", "-1")
    return sys.platform == "linux" and (hidden or not Path("/dev/nvidiactl").exists())


def start(main: str, commands: Sequence[Sequence[str]], log: Path, *, cwd: str, warm: bool) -> BaseProcess:
    """Run commands in turn until one fails, in one process that leads a group of its own and dies with this one.

    Args:
        main: Module with ``main(arguments)``, which returns an exit code.
        commands: Arguments of each command.
        log: Takes their output, after what is there.
        cwd: Their working directory.
        warm: Whether to fork it from a server that has imported ``main``; else it imports that itself.
    """
    context: Any = multiprocessing.get_context("forkserver" if warm else "spawn")
    if warm:
        context.set_forkserver_preload([__name__, main])
    arguments = (main, [list(one) for one in commands], str(log.absolute()), cwd, dict(os.environ))
    process: BaseProcess = context.Process(target=_run, args=arguments)
    with _ONE_AT_A_TIME:
        process.start()
    return process


def wait(process: BaseProcess, seconds: float | None = None) -> int | None:
    """Wait for a process, at most so long; returns its exit code, minus the signal that killed it, None if it runs."""
    multiprocessing.connection.wait([process.sentinel], seconds)
    with _ONE_AT_A_TIME:
        return process.exitcode


def stop(process: BaseProcess) -> None:
    """End a process and what it has started: first politely."""
    if wait(process, 0) is None:
        _signal(process, signal.SIGTERM)
        wait(process, GRACE_S)
    _signal(process, signal.SIGKILL)
    wait(process)


def _signal(process: BaseProcess, number: int) -> None:
    try:
        os.killpg(_pid(process), number)
    except (ProcessLookupError, PermissionError):  # ended, or not yet the leader of its group
        if wait(process, 0) is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(_pid(process), number)


def _pid(process: BaseProcess) -> int:
    assert process.pid is not None  # it has been started
    return process.pid


def _run(main: str, commands: list[list[str]], log: str, cwd: str, environment: Mapping[str, str]) -> None:
    os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.chdir(cwd)
    os.environ.clear()  # a server keeps that of its start
    os.environ.update(environment)
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for ours, standard in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(ours, standard)
    module = importlib.import_module(main)
    # Lightning starts its other ranks, and multiprocessing its workers, as whatever is the main module.
    sys.modules["__main__"] = module
    for command in commands:
        print("synthex", *hidden(command), flush=True)
        sys.argv = [main, *command]
        if code := module.main(command):
            sys.exit(code)


def _die_with_parent() -> None:
    # A job that outlived a killed study would still write where its successor goes on.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.killpg(os.getpgrp(), signal.SIGKILL)
