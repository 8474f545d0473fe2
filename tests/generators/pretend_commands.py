"""Any command of ``synthex``, without luck where ``PRETEND_CODE`` says so: the main of jobs that do nothing."""

import os


def main(arguments: list[str]) -> int:
    """Return the code that the environment says."""
    print("no luck")
    return int(os.environ.get("PRETEND_CODE", "0"))
