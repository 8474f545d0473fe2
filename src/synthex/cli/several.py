"""``python -m synthex.cli.several``: several commands of ``synthex`` in one process, so that imports are paid once."""

import json
import sys
from collections.abc import Sequence

from synthex.cli.main import main as synthex


def run_all(commands: Sequence[Sequence[str]]) -> int:
    """Run commands in turn until one fails; returns its exit code, else 0."""
    for command in commands:
        print("synthex", *command, flush=True)
        if code := synthex(command):
            return code
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run the commands of the one argument, a JSON list of lists."""
    return run_all(json.loads(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
