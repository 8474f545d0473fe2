"""A command killed with SIGKILL at any moment and called again ends where an uninterrupted one ends."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from generators import killed_runs
from generators.killed_runs import half_files
from generators.tiny_commands import TINY

TRAIN = ("trainer.deterministic=true", "trainer.max_epochs=2", "callbacks.checkpoint.every_n_steps=1")

SIMULATE = ("count=5", "format=both")

FEW = [("step", 3), ("replace", 12)]
MANY = [("step", 1), ("step", 2), ("step", 4), ("validation", 1), ("validation", 2)]
MANY += [("replace", n) for n in (1, 3, 5, 7, 9, 15, 18, 21)]
"""Moments in a run of four steps: files are replaced at every checkpoint, and all through the test after training."""
WRITING = [("sample", 3), *(("replace", n) for n in (4, 8, 15, 25))]
"""Moments of an export: files are the request, one a sample, the HDF5 pair, three a sample, annotations, the end."""


def scenarios(folder, tiny, base, kills):
    """``base`` undisturbed, then killed at every moment and called again."""
    found = []
    for event, count in [("none", 0), *kills]:
        place = folder / f"{event}-{count}"
        command, log = [base[0], *tiny, *base[1:], *where(base[0], place)], str(folder / f"{event}-{count}.log")
        folder.mkdir(exist_ok=True)
        found.append({"command": command, "log": log, "kill": None if event == "none" else [event, count]})
        if event != "none":
            found.append({"command": command, "log": log, "kill": None})
    return found


def run_all(wanted):
    """Do them, and check that those that were to be killed were, and that the others succeeded."""
    command = [sys.executable, killed_runs.__file__]
    result = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True, check=True, timeout=280)
    for code, scenario in zip(json.loads(result.stdout), wanted, strict=True):
        expected = -signal.SIGKILL if scenario["kill"] else 0
        assert code == expected, (scenario, Path(scenario["log"]).read_text()[-2000:])


@pytest.fixture(scope="module")
def done(cache_dir, tmp_path_factory) -> Path:
    """All runs of the default suite, in one process tree because its start costs most."""
    folder, tiny = tmp_path_factory.mktemp("killed"), (*TINY, f"paths.cache_dir={cache_dir}")
    wanted = scenarios(folder / "train", tiny, ("train", *TRAIN), FEW)
    for workers, kills in ((0, WRITING), (2, [("replace", 2)])):
        base = ("simulate", *SIMULATE, f"workers={workers}")
        wanted += scenarios(folder / f"simulate{workers}", tiny, base, kills)
    run_all(wanted)
    return folder


def where(command, place):
    return [f"paths.run_dir={place}"] if command == "train" else [f"output={place}"]


def last_weights(run: Path) -> dict[str, torch.Tensor]:
    newest = sorted((run / "checkpoints").glob("step=*.ckpt"))[-1]
    assert newest.name == "step=00000004.ckpt"
    return torch.load(newest, weights_only=True)["state_dict"]


def check_training(folder, kills):
    plain = folder / "none-0"
    wanted, figures = last_weights(plain), (plain / "summary.json").read_bytes()
    for event, count in kills:
        run = folder / f"{event}-{count}"
        found = last_weights(run)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted), (event, count)
        assert (run / "summary.json").read_bytes() == figures, (event, count)
        assert not half_files(run / "checkpoints"), (event, count)


@pytest.mark.long
def test_a_killed_training_ends_with_the_same_weights_and_figures(done):
    check_training(done / "train", FEW)


@pytest.mark.slow
def test_a_training_killed_at_any_other_moment_does_too(tiny, tmp_path):
    run_all(scenarios(tmp_path / "train", tiny, ("train", *TRAIN), MANY))
    check_training(tmp_path / "train", MANY)


def content(path: Path):
    """Everything in an HDF5 file."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.update({name: (dict(node.attrs), node[()] if hasattr(node, "shape") else None)})
        )
    return found


def digests(folder: Path) -> dict[str, str]:
    """Content of all files but the HDF5 pair."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".h5")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.long
@pytest.mark.parametrize(("workers", "kills"), [(0, WRITING), (2, [("replace", 2)])])
def test_a_killed_simulation_ends_with_the_same_files(workers, kills, done):
    plain = done / f"simulate{workers}" / "none-0"
    wanted = {name: content(plain / name) for name in ("images.h5", "labels.h5")}
    for event, count in kills:
        folder = plain.parent / f"{event}-{count}"
        assert digests(folder) == digests(plain), (event, count)
        assert not half_files(folder), (event, count)
        for name, nodes in wanted.items():
            found = content(folder / name)
            assert found.keys() == nodes.keys()
            for key, (attributes, values) in nodes.items():
                assert found[key][0] == attributes
                if values is not None:
                    np.testing.assert_array_equal(found[key][1], values)  # NaN (an absent landmark) equals NaN


def kills_of(command, last, seed):
    """Four of the moments at which a command replaces a file."""
    moments = np.random.default_rng(seed).choice(np.arange(1, last + 1), size=min(4, last), replace=False)
    return [("replace", int(moment)) for moment in sorted(moments)]


@pytest.mark.slow
def test_a_killed_merge_ends_with_the_same_files(tiny, tmp_path):
    shards = tmp_path / "shards"
    commands = [["simulate", *tiny, *SIMULATE, "workers=0", f"shard={n}/2", f"output={shards}"] for n in (1, 2)]
    run_all([{"command": command, "log": str(tmp_path / "log"), "kill": None} for command in commands])
    wanted, places = [], {}
    for event, count in [("none", 0), *kills_of("merge", 18, 1)]:
        places[event, count] = Path(shutil.copytree(shards, tmp_path / f"{event}-{count}"))
        scenario = {
            "command": ["data", "merge", str(places[event, count])],
            "log": str(tmp_path / f"{event}-{count}.log"),
        }
        wanted += [scenario | {"kill": [event, count]}] if count else []
        wanted.append(scenario | {"kill": None})
    run_all(wanted)
    plain = places.pop(("none", 0))
    for place in places.values():
        assert digests(place) == digests(plain)
        assert content(place / "labels.h5").keys() == content(plain / "labels.h5").keys()
        assert not half_files(place)


@pytest.mark.slow
def test_killed_predictions_and_evaluations_end_with_the_same_figures(trained, tmp_path):
    wanted, places = [], {}
    for event, count in [("none", 0), *kills_of("predict", 7, 2)]:
        place = places[event, count] = tmp_path / f"{event}-{count}"
        for command in (["predict", str(trained), f"output={place}"], ["evaluate", str(place)]):
            scenario = {"command": command, "log": f"{place}.log"}
            wanted += [scenario | {"kill": [event, min(count, 6)]}] if count else []
            wanted.append(scenario | {"kill": None})
    run_all(wanted)
    plain = places.pop(("none", 0))
    for place in places.values():
        for name in ("masks.npz", "cases.yaml", "evaluation/summary.json", "evaluation/landmarks.csv"):
            assert (place / name).read_bytes() == (plain / name).read_bytes(), (place, name)
        assert not half_files(place)
