"""``python -m synthex.cli.rank``: a further process of a training, started by the first, its node or torchrun.

It gets the resolved settings from the first process, trains with it, writes nothing and ends.
"""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthex.core import UserError
from synthex.core.parent import launched

COMMAND = (sys.executable, "-m", "synthex.cli.rank")
"""What starts one."""

if TYPE_CHECKING:  # what takes seconds is imported when this process knows to end with the first
    from synthex.learning import Company


def main() -> int:
    """Train along; returns the exit code."""
    started_by = os.getppid()  # asked before an import of seconds, in which it may die
    from synthex.learning.ranks import Rank, end_with, ignore_signals, leave

    end_with(started_by)
    if not launched():
        ignore_signals()
    warnings.simplefilter("ignore")  # the first process shows its own, which are the same
    rank = Rank.from_environment()
    try:
        store = rank.meet()
        request = json.loads(store.get("request"))
    except (UserError, RuntimeError):  # the first process has ended, and said why
        return 2
    ignore_signals()
    sys.path += [folder for folder in request["path"] if folder not in sys.path]

    from synthex.config.mistakes import user_error
    from synthex.learning import Company

    try:
        train_along(request, Company(rank, store))
    except Exception as error:
        mistake = user_error(error)
        if mistake is None:
            traceback.print_exc()
            return 1
        store.set(f"problem/{rank.number}", str(mistake))
        return mistake.exit_code
    finally:
        leave()
    store.set(f"done/{rank.number}", "")
    return 0


def train_along(request: dict[str, Any], company: "Company") -> None:
    """The first process's fit, without a word."""
    from omegaconf import OmegaConf

    from synthex.config.build import build_readers, build_task
    from synthex.config.training import train
    from synthex.core.terminal import quiet_libraries
    from synthex.learning import silence_lightning

    quiet_libraries()
    silence_lightning()
    cfg = OmegaConf.create(request["config"])
    task = build_task(cfg)
    checkpoint = None if request["checkpoint"] is None else Path(request["checkpoint"])
    train(cfg, task, build_readers(cfg, task), Path(request["run"]), checkpoint, company)


if __name__ == "__main__":
    sys.exit(main())
