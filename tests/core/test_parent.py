"""Workers end when the process that started them is killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from synthex.core.parent import worker_killed

PARENT = """
import multiprocessing, sys, time
from synthex.core.parent import end_with_parent

def work(ready):
    end_with_parent()
    print(__import__("os").getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    sys.platform = sys.argv[2]
    context = multiprocessing.get_context(sys.argv[1])
    context.Process(target=work, args=(None,)).start()
    time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(("method", "platform"), [("fork", "linux"), ("spawn", "linux"), ("fork", "elsewhere")])
def test_a_worker_ends_with_its_parent(method, platform, tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), method, platform]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        assert not gone(worker)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 10
        while not gone(worker) and time.monotonic() < until:
            time.sleep(0.05)
        assert gone(worker)


def test_what_pytorch_says_of_a_killed_worker_is_known():
    for text in (
        "DataLoader worker (pid(s) 12, 34) exited unexpectedly",
        "DataLoader worker (pid 7) is killed by signal: Killed. ",
    ):
        error = RuntimeError("wrapped")
        error.__cause__ = RuntimeError(text)
        assert worker_killed(error)
    assert not worker_killed(RuntimeError("CUDA out of memory"))
    assert not worker_killed(None)
