"""Runs of the command line small enough to do dozens of them."""

from pathlib import Path

import pytest
from generators.tiny_commands import TINY

from synthex.cli.main import main


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


@pytest.fixture(scope="session")
def trained(cache_dir, tmp_path_factory) -> Path:
    """A finished run of two epochs, tested; to be read, not written."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = [*TINY, f"paths.cache_dir={cache_dir}", f"paths.run_dir={folder / 'run'}", "trainer.max_epochs=2"]
    assert main(["train", *arguments]) == 0
    return folder / "run"
