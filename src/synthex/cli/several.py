"""``python -m synthex.cli.several``: several commands of ``synthex`` in one process, so that imports are paid once."""

import json
import sys
from collections.abc import Sequence

from synthex.cli.main import main


def run_all(commands: Sequence[Sequence[str]]) -> int:
    """Run commands in turn until one fails; returns its exit code, else 0."""
    for command in commands:
        print("synthex", *command, flush=True)
        if code := main(command):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(run_all(json.loads(sys.argv[1])))
