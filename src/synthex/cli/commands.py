"""Command lines of processes that run ``synthex``, and what they are started with."""

import json
import os
import sys
from collections.abc import Sequence

from synthex.cli.forks import MODULES, can_fork
from synthex.studies import WarmLauncher


def process(*commands: Sequence[str]) -> tuple[str, ...]:
    """The command line of one process that runs one command of ``synthex``, or several in turn."""
    if len(commands) == 1:
        return sys.executable, "-m", "synthex.cli.main", *commands[0]
    return sys.executable, "-m", "synthex.cli.several", json.dumps(commands)


def launcher(at_once: int, warm: str) -> WarmLauncher:
    """Starts the jobs' processes; of ``at_once`` at the same time each has its share of the cores.

    Args:
        at_once: Jobs at the same time.
        warm: ``true``, ``false`` or ``auto``, which is where it can be done.
    """
    given = environment(at_once)
    if warm == "false" or (warm == "auto" and not can_fork()):
        return WarmLauncher((), (), given)
    # As a process of its own would set it for itself: the server is asked before it knows what it will be.
    given |= {"COLUMNS": given.get("COLUMNS", "120")}
    return WarmLauncher((sys.executable, "-m", "synthex.cli.forks"), MODULES, given)


def environment(at_once: int) -> dict[str, str]:
    """Of the jobs' processes: the cores are divided among those that run at the same time."""
    found = dict(os.environ)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if at_once > 1:
        for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
            found.setdefault(name, str(max(1, cores // at_once)))
    return found
