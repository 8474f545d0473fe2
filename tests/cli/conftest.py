"""Runs of the command line small enough to do dozens of them."""

from pathlib import Path

import numba
import pytest
import torch
from generators.pretend_training import pretend
from generators.tiny_commands import TINY

from synthex.cli import app
from synthex.cli.main import main
from synthex.sweeps import commands


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    """A benchmark sets those of its process, and the last digits of a network depend on their number."""
    before = torch.get_num_threads(), numba.get_num_threads()
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    """Prepared phantoms, shared by all runs: each costs seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(cache_dir, tmp_path, monkeypatch) -> tuple[str, ...]:
    """:data:`TINY` with the shared cache; runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHEX_CACHE", str(cache_dir))  # for commands that take no setting of a training
    return (*TINY, f"paths.cache_dir={cache_dir}")


@pytest.fixture
def synthex(tiny, capfd):
    """Run a command in an empty folder; returns what it printed, after checking its exit code."""

    def run(command: str, *arguments: str, code: int = 0) -> str:
        small = tiny if command.split()[0] in ("train", "simulate", "preview") else ()
        given = {argument.split("=")[0] for argument in arguments}
        # Another model has other settings.
        small = [s for s in small if s.split("=")[0] not in given and not (s.startswith("model.") and "model" in given)]
        capfd.readouterr()
        found = main([*command.split(), *small, *arguments])
        out, err = capfd.readouterr()
        assert found == code, out + err
        if code:
            assert len(err.strip().splitlines()) == 1, err
            return err
        return out

    return run


@pytest.fixture
def synthex_as_given(tmp_path, monkeypatch, capfd):
    """Run a command in an empty folder with no settings but those given; returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0) -> str:
        found = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert found == code, out + err
        assert not code or len(err.strip().splitlines()) == 1, err
        return out + err

    return run


@pytest.fixture
def pretending(tmp_path, monkeypatch) -> Path:
    """An empty folder where trainings only pretend."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "MAIN", commands.MAIN)
    monkeypatch.setitem(app.MODULES, "train", "")
    monkeypatch.setenv("PRETEND", str(tmp_path))
    pretend()
    return tmp_path


@pytest.fixture(scope="session")
def trained(cache_dir, tmp_path_factory) -> Path:
    """A finished run of two epochs, tested; to be read, not written."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = [*TINY, f"paths.cache_dir={cache_dir}", f"paths.run_dir={folder / 'run'}", "trainer.max_epochs=2"]
    assert main(["train", *arguments]) == 0
    return folder / "run"
