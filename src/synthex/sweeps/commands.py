"""What the processes of studies and sweeps are started with."""

import contextlib
import os
from collections.abc import Iterator

MAIN = "synthex.cli.job"
"""Their main module."""


@contextlib.contextmanager
def shared_cores(at_once: int) -> Iterator[None]:
    """Have processes that are started in this block divide the cores, ``at_once`` of them at the same time."""
    found = {} if at_once == 1 else shares(at_once)
    # A server of forks has their output's width, which a process from scratch would set itself.
    new = {name: value for name, value in {"COLUMNS": "120", **found}.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def shares(at_once: int) -> dict[str, str]:
    """Environment of each of so many processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(max(1, cores // at_once)))
