"""One training a folder: a second one is refused at once, whether it is going on or was left unfinished."""

import fcntl
import json
import multiprocessing
import time
from pathlib import Path

import pytest

from synthex.core import ConfigError
from synthex.runs.run_lock import LOCK_FILE, alone_in


def hold(run, ready):
    with alone_in(run, list):
        ready.set()
        time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in ``run``."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "run", ready))
    process.start()
    assert ready.wait(30)
    yield process
    process.kill()
    process.join()


def test_a_second_process_is_told_who_trains_and_what_differs(holder, tmp_path):
    for differing, words in ((["seed", "data.size"], "other settings in it (seed, data.size)"), ([], "this run in it")):
        with pytest.raises(ConfigError) as error, alone_in(tmp_path / "run", lambda found=differing: found):
            pass
        assert words in str(error.value)
        assert f"process {holder.pid} on" in str(error.value)
        assert str(tmp_path / "run") in str(error.value)


def test_a_killed_process_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.join()
    with alone_in(tmp_path / "run", list):
        assert json.loads((tmp_path / "run" / LOCK_FILE).read_text())["pid"] != holder.pid


def test_where_there_are_no_locks_nothing_is_locked(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "lockf", fail)
    with alone_in(tmp_path / "run", list):
        pass


def test_an_unfinished_run_with_other_settings_is_refused_before_anything_is_made(synthex):
    synthex("train", "trainer.max_epochs=1", "data.spacing_mm=-1", "paths.run_dir=bad", code=2)
    assert not Path("bad/config.yaml").exists()
    Path("run").mkdir()
    Path("empty").mkdir()
    synthex("train", "trainer.max_epochs=1", "data.ct=empty", "paths.run_dir=run", code=2)  # begins, and fails
    assert Path("run/config.yaml").exists()
    error = synthex("train", "trainer.max_epochs=1", "seed=3", "data.size=32", "paths.run_dir=run", code=2)
    assert "run holds a run with other settings (data.ct, data.size, seed)" in error
    assert "resume=never" in error
