"""``python -m synthex.cli.rank``: another process of a distributed training; started by the first, or by its node.

It gets the resolved settings from the first process, trains with it, writes nothing and ends.
"""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path

from synthex.core import UserError


def main() -> int:
    """Train along; returns the exit code."""
    from synthex.learning.ranks import Rank, end_with, ignore_signals, leave

    end_with(os.getppid())
    ignore_signals()
    warnings.simplefilter("ignore")  # the first process shows its own, which are the same
    rank = Rank.from_environment()
    try:
        store = rank.meet()
        request = json.loads(store.get("request"))
    except (UserError, RuntimeError):  # the first process has ended, and said why
        return 2
    sys.path += [folder for folder in request["path"] if folder not in sys.path]

    from synthex.cli.app import user_error
    from synthex.cli.train import train_along

    try:
        train_along(request["config"], Path(request["run"]), request["checkpoint"], rank, store)
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


if __name__ == "__main__":
    sys.exit(main())
