"""A module for forks to run: ``main(arguments)``."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Write the number of the process to a file, sleep, print, and return an exit code."""
    file, seconds, code = arguments
    Path(file).write_text(f"{os.getpid()} {os.getsid(0)} {sys.modules['__main__'].__name__}")
    time.sleep(float(seconds))
    print("slept", flush=True)
    print("well", file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
