"""Runs of ``synthex`` that die at an exact moment.

Run as a script it reads a JSON list of scenarios from standard input and writes a JSON list of exit codes.
Every command is a process of its own, forked from this one so that the slow imports are paid once; a
scenario's ``kill`` says at which event the process sends itself SIGKILL, just before that event happens.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Do the scenarios: ``{"command": [...], "log": path, "kill": [event, count] or null}``."""
    import torch

    import synthex

    for module in pkgutil.walk_packages(synthex.__path__, "synthex."):
        importlib.import_module(module.name)
    torch.set_num_threads(1)
    codes = [_run(scenario) for scenario in json.load(sys.stdin)]
    json.dump(codes, sys.stdout)


def _run(scenario: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            log = os.open(scenario["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if scenario["kill"]:
                _arm(*scenario["kill"])
            from synthex.cli.main import main as synthex

            code = synthex(scenario["command"])
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _arm(event: str, count: int) -> None:
    """Die just before the ``count``-th event of this process: ``replace`` is a finished file's renaming."""
    from synthex.core import files
    from synthex.data.synthetic import SyntheticReader
    from synthex.learning import SupervisedModule

    owner, name = {
        "step": (SupervisedModule, "training_step"),
        "validation": (SupervisedModule, "validation_step"),
        "replace": (files.os, "replace"),
        "sample": (SyntheticReader, "__getitem__"),
    }[event]
    setattr(owner, name, _fatal(getattr(owner, name), count))


def _fatal(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    calls, armed = 0, os.getpid()

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and os.getpid() == armed:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return counted


def half_files(folder: Path) -> list[Path]:
    """Files of which only a part was written, under their final name or another."""
    return sorted(folder.rglob(".*.part.*"))


if __name__ == "__main__":
    main()
