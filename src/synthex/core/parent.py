"""Workers that do not outlive the process that started them, and what is said of those that do not live as long."""

import ctypes
import multiprocessing
import os
import re
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # prctl(2)
_POLL_S = 0.5


def end_with_parent() -> None:
    """End this process, at once, when the one that started it dies; call it first of all in a worker.

    Linux does it by itself; elsewhere a thread looks who the parent is.
    """
    started_by = multiprocessing.parent_process()
    parent = os.getppid() if started_by is None or started_by.pid is None else started_by.pid
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be named
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def launched() -> bool:
    """Whether torchrun started this process, and with it all others."""
    return "TORCHELASTIC_RUN_ID" in os.environ


_KILLED = re.compile(r"DataLoader worker \(pid(\(s\))? [\d, ]+\) (exited unexpectedly|is killed by signal)")


def worker_killed(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, says that a worker is gone: PyTorch's, or that of a pool of processes."""
    while error is not None:
        if type(error).__name__ == "BrokenProcessPool" or _KILLED.match(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
