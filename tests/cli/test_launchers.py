"""Sweeps over a grid: a folder a job, jobs that do not touch each other, sweeps that go on. Jobs pretend to train."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generators.pretend_training import SCRIPT, starts

from synthex.cli.main import main
from synthex.config.finished import read_finished

GRID = ("train", "--multirun", "seed=0,1,2")


def done(sweep: Path) -> list[bool]:
    return [read_finished(sweep / str(number)) is not None for number in range(3)]


def alive(sweep: Path) -> list[int]:
    """Processes that have started jobs of a sweep and still run."""
    found = []
    for path in sweep.glob("*/starts.txt"):
        for line in path.read_text().splitlines():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{line.split()[0]}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(line.split()[0]))
    return found


def wait_for(condition, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


@pytest.mark.slow
def test_processes_die_and_fail_alone(pretending, capfd):
    (pretending / "kill-0").write_text("1")
    (pretending / "fail-1").touch()
    grid = (*GRID, "hydra/launcher=processes", "hydra.launcher.at_once=3", "hydra.sweep.dir=s")
    assert main(list(grid)) == 1
    assert done(pretending / "s") == [False, False, True]
    assert "it went wrong here" in (pretending / "s" / "1" / "log.txt").read_text()
    printed = capfd.readouterr()
    assert "#0 seed=0: failed, killed by signal 9 (log: " in printed.out
    assert "#1 seed=1: failed, exit code 1 (log: " in printed.out
    assert printed.err.strip().splitlines()[-1].startswith("synthex: #0 seed=0: killed by signal 9 (log: ")
    (pretending / "fail-1").unlink()
    assert main(list(grid)) == 0  # goes on with those that are not done
    assert done(pretending / "s") == [True] * 3
    assert [starts(pretending / "s" / str(number)) for number in range(3)] == [2, 2, 1]


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers may outlive a killed sweep")
@pytest.mark.parametrize("launcher", ["processes", pytest.param("joblib", marks=pytest.mark.slow)])
def test_a_killed_sweep_leaves_no_process_behind(pretending, launcher):
    for number in range(3):
        (pretending / f"wait-{number}").touch()
    number = {"processes": "at_once", "joblib": "n_jobs"}[launcher]
    arguments = (*GRID, f"hydra/launcher={launcher}", f"hydra.launcher.{number}=2", "hydra.sweep.dir=s")
    sweep = subprocess.Popen([sys.executable, str(SCRIPT), *arguments], env=os.environ)
    try:
        wait_for(lambda: len(alive(pretending / "s")) == 2)
    finally:
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    wait_for(lambda: not alive(pretending / "s"))


@pytest.mark.long
def test_joblib_runs_every_job_though_one_fails(pretending, capfd):
    (pretending / "fail-0").touch()
    command = [sys.executable, str(SCRIPT), *GRID, "hydra/launcher=joblib", "hydra.sweep.dir=s"]
    assert subprocess.run(command, env=os.environ, check=False).returncode == 1
    assert done(pretending / "s") == [False, True, True]
    assert [starts(pretending / "s" / str(number)) for number in range(3)] == [1, 1, 1]
    assert "it went wrong here" in capfd.readouterr().err


def test_other_commands_than_train_are_refused_by_our_launchers(pretending, capfd):
    assert main(["simulate", "--multirun", "seed=0,1", "hydra/launcher=processes", "output=o"]) == 2
    assert "run `synthex train`, not simulate" in capfd.readouterr().err


def test_without_slurm_its_launcher_says_so(pretending, capfd, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert main([*GRID, "hydra/launcher=slurm"]) == 2
    error = capfd.readouterr().err
    assert "there is no sbatch here" in error
    assert len(error.strip().splitlines()) == 1
