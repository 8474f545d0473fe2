"""The launcher of Slurm, with scripts in its place (tests/cluster has a real one). Jobs pretend to train."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generators.fake_slurm import write_fake_slurm
from generators.pretend_training import starts

from synthex.config.finished import read_finished
from synthex.sweeps.slurm import Command, in_queue

TESTS = Path(__file__).parents[1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, in which commands of Slurm are scripts and trainings pretend."""
    (tmp_path / "site").mkdir()
    content = "from generators.pretend_training import pretend\n\npretend()\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(content)
    monkeypatch.setenv("PATH", f"{write_fake_slurm(tmp_path / 'slurm')}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{TESTS}")
    monkeypatch.setenv("PRETEND", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for path in (tmp_path / "slurm").glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(path.read_text()), signal.SIGKILL)


def sweep(*arguments: str) -> subprocess.Popen:
    launcher = ("hydra/launcher=slurm", "hydra.launcher.poll_s=0.2", "hydra.sweep.dir=s")
    command = [sys.executable, "-m", "synthex.cli.main", "train", "--multirun", *launcher, *arguments]
    return subprocess.Popen(command, stdout=Path("log.txt").open("ab"), stderr=subprocess.STDOUT)


def wait_for(condition, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, Path("log.txt").read_text()
        time.sleep(0.1)


@pytest.mark.long
def test_jobs_are_requeued_found_again_and_not_lost(here):
    for number in (0, 1):
        (here / f"wait-{number}").touch()
    first = sweep("seed=0,1")
    wait_for(lambda: [starts(here / "s" / str(number)) for number in (0, 1)] == [1, 1])
    names = sorted(json.loads((here / "s" / ".submitit" / "jobs.json").read_text()).values())
    assert names == ["101_0", "101_1"]
    first.kill()
    first.wait()
    python = int((here / "s" / "1" / "starts.txt").read_text().split()[0])
    os.kill(python, signal.SIGUSR2)  # the end of the time limit is near
    wait_for(lambda: starts(here / "s" / "1") == 2)
    assert (here / "slurm" / "requeued.txt").read_text() == "requeue 101_1\n"
    for number in (0, 1):
        (here / f"wait-{number}").unlink()
    (here / "fail-2").touch()
    assert sweep("seed=0,1,2").wait(240) == 1
    log = (here / "log.txt").read_text()
    assert "#2 seed=2: submitted to Slurm as 102" in log
    assert "#2 seed=2: failed, it is gone from Slurm without a result" in log
    assert [starts(here / "s" / str(number)) for number in (0, 1, 2)] == [1, 2, 1]
    assert [read_finished(here / "s" / str(number)) is not None for number in (0, 1, 2)] == [True, True, False]


def test_a_queue_that_does_not_answer_is_no_empty_queue(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert in_queue([]) == set()
    assert in_queue(["7"]) is None
    squeue = tmp_path / "squeue"
    for text, found in (
        ("echo 7; echo 9", {"7"}),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", set()),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", None),
    ):
        squeue.write_text(f"#!/bin/sh\n{text}\n")
        squeue.chmod(0o755)
        assert in_queue(["7", "8"]) == found


def test_what_is_requeued_is_the_same_command():
    command = Command(("train", "seed=1"))
    assert command.checkpoint().function == command
