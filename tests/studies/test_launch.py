"""Processes from scratch and as forks of a server: output, exit codes, and that none outlives who started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthex.cli.forks import MODULES, can_fork
from synthex.studies import WarmLauncher, spawn
from synthex.studies.launch import LOST, stop
from synthex.studies.lock import alive

MODULE = "generators.sleeper"
SERVER = "import sys; from synthex.cli import forks; forks.PRELOADED = (); sys.exit(forks.main())"

pytestmark = pytest.mark.skipif(not can_fork(), reason="nothing can be forked here (no Linux, or a GPU)")


@pytest.fixture(scope="module")
def environment():
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "MARK": "theirs"}


@pytest.fixture(scope="module")
def warm(environment):
    with WarmLauncher((sys.executable, "-c", SERVER), (MODULE, *MODULES), environment) as launcher:
        yield launcher


def started(launch, folder, seconds=0.0, code=0):
    command = [sys.executable, "-m", MODULE, str(folder / "pid.txt"), str(seconds), str(code)]
    return launch(command, folder / "log.txt")


def pid_of(folder):
    path = folder / "pid.txt"
    while not path.exists() or not path.read_text():
        time.sleep(0.01)
    return path.read_text().split()


def test_a_fork_has_its_output_exit_code_session_and_main_module(warm, tmp_path):
    (tmp_path / "log.txt").write_text("before\n")
    process = started(warm, tmp_path, code=3)
    assert process.wait(60) == process.poll() == 3
    pid, session, main = pid_of(tmp_path)
    assert pid == session == str(process.pid)
    assert main == MODULE
    assert sorted((tmp_path / "log.txt").read_text().splitlines()) == ["before", "slept", "well"]


def test_two_run_at_once_and_end_in_their_own_order(warm, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    slow, quick = started(warm, folders[0], seconds=60.0), started(warm, folders[1])
    assert quick.wait(60) == 0
    assert slow.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        slow.wait(0.01)
    pid_of(folders[0])
    stop(slow)
    assert slow.poll() == -signal.SIGTERM
    assert not alive(slow.pid)


def test_commands_of_synthex_run_in_a_fork(warm, tmp_path):
    command = [sys.executable, "-m", "synthex.cli.main", "--version"]
    assert warm(command, tmp_path / "log.txt").wait(60) == 0
    assert warm([*command[:-1], "trian"], tmp_path / "wrong.txt").wait(60) == 2
    assert "did you mean `synthex train`?" in (tmp_path / "wrong.txt").read_text()


def test_what_the_server_does_not_know_is_started_from_scratch(warm, tmp_path):
    process = warm([sys.executable, "-c", "import os; print(os.environ['MARK'])"], tmp_path / "log.txt")
    assert isinstance(process, subprocess.Popen)
    assert process.wait(60) == 0
    assert (tmp_path / "log.txt").read_text() == "theirs\n"


def test_without_a_server_everything_is_started_from_scratch(tmp_path, environment):
    with WarmLauncher((sys.executable, "-c", "raise SystemExit(1)"), (MODULE,), environment) as launch:
        process = started(launch, tmp_path, code=5)
        assert isinstance(process, subprocess.Popen)
        assert process.wait(60) == 5


def test_forks_end_with_their_server_and_are_lost(tmp_path, environment):
    with WarmLauncher((sys.executable, "-c", SERVER), (MODULE,), environment) as launch:
        process = started(launch, tmp_path, seconds=60.0)
        pid_of(tmp_path)
        launch.server.kill()
        assert process.wait(60) == LOST
        until = time.monotonic() + 10
        while alive(process.pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert not alive(process.pid)


def test_forks_do_not_outlive_a_killed_study(tmp_path, environment):
    code = (
        "import sys, time; from pathlib import Path; from synthex.studies import WarmLauncher; "
        f"launch = WarmLauncher((sys.executable, '-c', {SERVER!r}), ({MODULE!r},)); "
        f"launch([sys.executable, '-m', {MODULE!r}, {str(tmp_path / 'pid.txt')!r}, '60', '0'], "
        f"Path({str(tmp_path / 'log.txt')!r})); time.sleep(60)"
    )
    study = spawn([sys.executable, "-c", code], tmp_path / "study.txt", environment)
    pid = int(pid_of(tmp_path)[0])
    study.kill()
    study.wait(60)
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive(pid)
