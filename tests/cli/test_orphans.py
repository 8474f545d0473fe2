"""SIGKILL at any moment leaves no process behind: not while volumes are prepared, not while loaders work."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generators.tiny_commands import TINY

from synthex.learning import limit_worker_threads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def of_session(session: int) -> list[int]:
    """Processes of a session that live."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, _, theirs = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(theirs) == session and state != "Z":
                found.append(int(folder.name))
    return found


@pytest.fixture
def start():
    """Start a command in a session of its own, which ends with the test."""
    started = []

    def begin(*arguments):
        command = [sys.executable, "-m", "synthex.cli.main", *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, start_new_session=True, text=True, **quiet))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(what, process, seconds=250):
    until = time.monotonic() + seconds
    while not what() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert what()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["preparing", "training"])
def test_no_worker_survives(moment, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many = ("data.phantoms.train=8", "data.workers=2", "trainer.max_epochs=200", "paths.run_dir=run", "test=false")
    process = start("train", *TINY, *many, f"paths.cache_dir={tmp_path / 'cache'}")
    wait_for(lambda: len(of_session(process.pid)) > 2, process)
    if moment == "training":
        wait_for(lambda: list(Path("run").glob("checkpoints/step=*.ckpt")), process)
    time.sleep(random.Random(moment).uniform(0, 1))
    assert process.poll() is None, process.stderr.read()
    assert len(of_session(process.pid)) > 1
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while of_session(process.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not of_session(process.pid)


@pytest.mark.slow
def test_a_killed_loader_worker_is_one_line_and_the_command_to_go_on(start, tmp_path, monkeypatch, cache_dir):
    monkeypatch.chdir(tmp_path)
    many = ("data.workers=2", "trainer.max_epochs=200", "paths.run_dir=run", "test=false")
    process = start(
        "train", *(s for s in TINY if not s.startswith("data.workers")), *many, f"paths.cache_dir={cache_dir}"
    )
    wait_for(lambda: list(Path("run").glob("checkpoints/step=*.ckpt")), process)
    workers = [pid for pid in of_session(process.pid) if pid != process.pid]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2, said
    lines = [line for line in said.splitlines() if line.startswith("synthex:")]
    assert len(lines) == 1
    assert "Traceback" not in said
    assert "was killed" in lines[0]
    assert "synthex train" in lines[0]
    assert "paths.run_dir=run" in lines[0]


def test_loader_workers_ask_to_end_with_their_parent(monkeypatch):
    asked = []
    monkeypatch.setattr("synthex.learning.workers.end_with_parent", lambda: asked.append(True))
    limit_worker_threads(0)
    assert asked
