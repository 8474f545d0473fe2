"""Runs, predictions and studies of others run no code: they are refused in one line, and nothing happens."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from generators.studies import write_study

from synthex.core import targets_in

MARK = "PWNED"


class Evil:
    """Unpickling it leaves a mark in the working folder."""

    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


@pytest.fixture
def copy(trained, tmp_path, monkeypatch):
    """A run of somebody else, with pickles that nobody may open."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("synthex.core.trusted._trusted", set())
    monkeypatch.setenv("SECRET", "hunter2")
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "model.bin").write_bytes(pickle.dumps(Evil()))
    boxed = np.empty(1, dtype=object)
    boxed[0] = Evil()
    np.save(run / "m.npy", boxed, allow_pickle=True)
    return run


def change(path, edit):
    content = yaml.safe_load(path.read_text())
    edit(content)
    path.write_text(yaml.safe_dump(content))


def attacks(run):
    pickled, array, write = str(run / "model.bin"), str(run / "m.npy"), "pathlib.Path.write_text"
    system = {"_target_": "os.system", "_args_": [f"touch {MARK}"]}
    return [
        {"_target_": "torch.load", "f": pickled, "weights_only": False},
        {"_target_": "numpy.load", "file": array, "allow_pickle": True},
        {"_target_": "joblib.load", "filename": pickled},
        {"_target_": "pandas.read_pickle", "filepath_or_buffer": pickled},
        {"_target_": write, "_args_": [{"_target_": "pathlib.Path", "_args_": [MARK]}, "written"]},
        {"_target_": "synthex.tasks.hip_landmarks.build", "extra": [{"deep": system}]},
        {"_target_": "synthex.nn.SegmentationNetwork", "_recursive_": False, "options": system},
        {"_target_": "hydra.utils.call", "config": system, "_partial_": False},
        {"_target_": "functools.partial", "_args_": [{"_target_": "hydra.utils.get_method", "path": "os.system"}]},
        {**system, "_partial_": True},
    ]


@pytest.mark.parametrize("number", range(10))
def test_a_config_that_names_other_code_is_refused_wherever_it_does(number, copy, synthex):
    attack = attacks(copy)[number]
    section = ("task", "model", "region", "carm", "callbacks")[number % 5]
    change(copy / "config.yaml", lambda config: config.update({section: attack}))
    error = synthex("predict", "run", code=2)
    assert "config.yaml" in error
    assert "trusted.yaml" in error
    assert any(f"names {target}," in error for _, target in targets_in(attack))
    cases = copy / "predictions" / "test" / "cases.yaml"
    change(cases, lambda content: content["config"].update({section: attack}))
    assert "cases.yaml" in synthex("evaluate", "run", code=2)
    assert not Path(MARK).exists()


def test_an_interpolation_reads_no_environment(copy, synthex):
    change(copy / "config.yaml", lambda config: config.update(name="${oc.env:SECRET}"))
    assert "interpolation" in synthex("predict", "run", code=2)
    change(copy / "predictions" / "test" / "cases.yaml", lambda cases: cases.update(name="${oc.env:SECRET}"))
    assert "interpolation" in synthex("evaluate", "run", code=2)
    assert not [path for path in copy.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_hyperparameters_and_pickles_in_a_checkpoint_do_nothing(copy, synthex):
    path = next((copy / "checkpoints").glob("best.ckpt"))
    content = torch.load(path, weights_only=True)
    system = {"_target_": "os.system", "_args_": [f"touch {MARK}"]}
    settings = {
        "hyper_parameters": {"network": system},
        "hparams_name": "kwargs",
        "datamodule_hyper_parameters": system,
    }
    torch.save(content | settings, path)
    synthex("predict", "run", "output=set")  # plain values that nobody looks at
    torch.save(content | {"hyper_parameters": Evil()}, path)
    assert "is not a complete checkpoint" in synthex("predict", "run", "output=other", code=2)
    assert not Path(MARK).exists()


@pytest.mark.parametrize(
    "override",
    [
        "model._target_=os.system",
        "+callbacks.evil={_target_: os.system, command: touch PWNED}",
        "+callbacks.evil={deep: [{_target_: numpy.load, _partial_: true}]}",
        "hydra.run.dir=elsewhere",
        "hydra.searchpath=[pkg://evil]",
        "+hydra/launcher=evil",
        "paths.cache_dir=elsewhere",
        "+model@hydra.job=unet",
        "callbacks.checkpoint.run_dir=elsewhere",
        "model=../../../elsewhere/evil",
        "experiment=/tmp/evil",
        "name='${oc.env:HOME}'",
        "trust=[os.system]",
        "--config-dir=/tmp",
        "baseline_samples=<fold>",
    ],
)
def test_a_study_cannot_name_code_places_or_trust(override, copy, synthex):
    sizes = {"tiny": {"overrides": [override], "folds": ["{_target_: os.system}"], "tests": {"test": []}}}
    write_study(copy.parent / "experiments" / "evil", {"sizes": sizes})
    error = synthex("study run", "evil", "size=tiny", code=2)
    assert "study.yaml" in error
    assert not Path(MARK).exists()
    assert not list(Path("outputs").rglob("*.log"))


@pytest.mark.parametrize(
    "size",
    [
        {"tests": {"../../../elsewhere": []}},
        {"tests": {"a": []}, "prepare": {"x": {"command": "study run other", "overrides": []}}},
        {"tests": {"a": []}, "prepare": {"x": {"command": "simulate", "output": "hydra.run.dir", "overrides": []}}},
    ],
)
def test_a_study_cannot_leave_its_folder_or_run_other_commands(size, copy, synthex):
    used = {"overrides": ["data.train=<prepared:x>"]} if "prepare" in size else {}
    write_study(copy.parent / "experiments" / "evil", {"sizes": {"tiny": size | used}})
    assert "study.yaml" in synthex("study run", "evil", "size=tiny", code=2)


OWN = """
from synthex.nn import SegmentationNetwork

class Net(SegmentationNetwork):
    pass
"""


def test_own_code_is_free_in_training_and_trusted_by_name_afterwards(copy, synthex, monkeypatch):
    Path("my_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    synthex("train", "model._target_=my_networks.Net", "debug=fast", "paths.run_dir=own")  # with a test at its end
    monkeypatch.setattr("synthex.core.trusted._trusted", set())  # as in another process
    error = synthex("predict", "own", code=2)
    assert "model._target_ names my_networks.Net" in error
    synthex("predict", "own", "trust=[my_networks.Net]", "cases=1", "output=set")
    monkeypatch.setattr("synthex.core.trusted._trusted", set())
    listed = Path("config/synthex/trusted.yaml")
    listed.parent.mkdir(parents=True)
    listed.write_text("targets:\n- my_networks.Net\n")
    synthex("predict", "own", "cases=1", "output=other")
    assert "give names" in synthex("predict", "own", "trust=[1]", code=2)


def test_settings_that_are_none_are_one_line(copy, synthex):
    change(copy / "config.yaml", lambda config: config.update(data=None))
    assert "config.yaml" in synthex("predict", "run", code=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["data"].update(size="x"),
        lambda c: c["data"].update(eval_seed=[1]),
        lambda c: c.update(carm=3),
        lambda c: c["carm"].update(sdd_mm=None),
        lambda c: c["carm"].update(nonsense=1),
        lambda c: c.update(region=[]),
        lambda c: c["region"].update(phantoms={"_target_": "synthex.geometry.CArm"}),
        lambda c: c["model"].update(encoder={"a": 1}),
        lambda c: c["model"].update(encoder="tu-hf_hub:somebody/evil"),
        lambda c: c["model"].update(decoder_channels=7),
        lambda c: c.update(simulation={"_target_": "synthex.geometry.CArm"}),
        lambda c: c["data"].pop("normalization"),
        lambda c: c["data"].update(workers={"a": 1}),
        lambda c: c["views"].update(_partial_=True),
    ],
    ids=range(14),
)
def test_settings_that_cannot_be_are_one_line(edit, copy, synthex):
    change(copy / "config.yaml", edit)
    synthex("predict", "run", "cases=1", "output=set", code=2)
