"""Commands of jobs that only pretend: ``NAME FOLDER CODE SECONDS``, run as the main of an engine's processes."""

import os
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Write down the start, wait, and return the code."""
    name, folder, code, seconds = arguments
    print("running", name, flush=True)
    with (Path(folder) / "ran.txt").open("a") as file:
        file.write(f"{name} {os.getpid()}\n")
    time.sleep(float(seconds))
    if int(code):
        print("it went wrong here", flush=True)
    return int(code)
