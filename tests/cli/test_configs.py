"""Every shipped config composes, every object in it can be made, every experiment and debug setting trains."""

import inspect
import json
from pathlib import Path

import pytest
import torch
from generators.plain_files import write_plain_folder
from generators.real_archives import (
    write_covid_cxr,
    write_deepfluoro,
    write_hip_folders,
    write_hip_pair,
    write_qata,
)
from generators.tool_archive import write_tool_archive
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.utils import get_method, get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from submitit.slurm.slurm import _get_default_parameters

from synthex.cli.app import MODULES
from synthex.config.compose import compose, prepare_hydra
from synthex.config.training import with_precision
from synthex.simulation.deepdrr_availability import availability
from synthex.sweeps.slurm import COMMON

CONF = Path(__file__).parents[2] / "conf"
DRILL = CONF.parent / "examples" / "instruments" / "drill.yaml"
PRIMARY = sorted(path.stem for path in CONF.glob("*.yaml"))
FILES = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.glob("*/**/*.yaml"))
OPTIONS = [name for name in FILES if not name.startswith(("hydra/", "reader/"))]
READERS = [name.removeprefix("reader/") for name in FILES if name.startswith("reader/")]
PLUGINS = [name for name in FILES if name.startswith("hydra/")]
ON_REAL = {
    f"{task}/{name}": archive
    for task, archive in (("covid", "covid_cxr"), ("hip", "hip_study"), ("tool", "tool_folders"))
    for name in ("finetune", "real2real")
}
"""Experiments on real radiographs, and their archives: tests/cli/test_real_training.py."""
EXPERIMENTS = sorted(
    name
    for name in (option.removeprefix("experiment/") for option in OPTIONS if option.startswith("experiment/"))
    if name not in ON_REAL
)
DEBUG = sorted(option.removeprefix("debug/") for option in OPTIONS if option.startswith("debug/"))

CALLED_WITH = {
    "model": {"structures": 2, "landmarks": 3, "encoder_weights": None},
    "optimizer": {"params": [torch.nn.Parameter(torch.zeros(1))]},
}
"""What the program adds when it builds an object of a group."""


ARCHIVES = {
    "covid_cxr": write_covid_cxr,
    "deepfluoro": write_deepfluoro,
    "hip_folders": write_hip_folders,
    "hip_study": write_hip_pair,
    "plain_folder": write_plain_folder,
    "qata": write_qata,
    "tool_folders": write_tool_archive,
}
"""What writes a small archive for each reader."""


def objects(node, path=()):
    """Path and config of every outermost ``_target_``."""
    if isinstance(node, DictConfig):
        if "_target_" in node:
            yield ".".join(path), node
            return
        for key in node:
            if not OmegaConf.is_missing(node, key):
                yield from objects(node[key], (*path, str(key)))


def composed(option, tmp_path, *overrides):
    group, _, name = option.partition("/")
    base = "predict" if option == "launch/quiet" or group == "real" else "train"
    needed = [f"paths.output_dir={tmp_path}"] if base == "train" else []
    needed += ["data.train=somewhere"] if option == "data/on_disk" else []
    needed += [f"real.root={ARCHIVES[name](tmp_path / 'archive')}"] if group == "real" and name != "none" else []
    archive = "covid_cxr" if option == "data/real" else ON_REAL.get(name) if group == "experiment" else None
    if archive is not None:
        needed += [f"data.source.root={ARCHIVES[archive](tmp_path / 'archive')}"]
    chosen = [f"{group}={name}"]
    if group == "instrument":  # part of a task, which the others are distractors of
        place = "task.instrument" if name == "continuum_manipulator" else "task.distractors.k_wire"
        chosen = ["task=tool_detection", f"instrument@{place}={name}"]
        needed += [f"{place}.path={DRILL}"] if name == "file" else []
    return compose(base, [*chosen, *needed, *overrides])


def make(path, node):
    if path == "scheduler":
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        return instantiate(node)(optimizer, total_steps=10)
    gpu = path == "trainer" and node.accelerator == "gpu"
    deepdrr = path == "simulation" and node["_target_"].endswith("DeepDRR")
    if (gpu and not torch.cuda.is_available()) or (deepdrr and availability() is not None):
        # Refused where there is no GPU; that it takes these arguments can still be checked.
        arguments = {key: value for key, value in node.items() if key != "_target_"}
        return inspect.signature(get_method(node["_target_"])).bind(**arguments)
    with torch.device("meta" if path == "model" else "cpu"):  # the study's network takes seconds to draw
        made = instantiate(node, **{key: value for key, value in CALLED_WITH.get(path, {}).items() if key != "params"})
    if path == "region.phantoms":
        return made(count=1, seed=0, spacing_mm=6.0, first=0)
    return made(CALLED_WITH[path]["params"]) if node.get("_partial_") else made


@pytest.mark.parametrize("name", PRIMARY)
def test_every_primary_config_composes_alone(name):
    assert name.replace("_", " ") in MODULES
    assert compose(name, []) is not None  # study list has no settings


def test_every_command_has_a_primary_config():
    assert sorted(command.replace(" ", "_") for command in MODULES) == PRIMARY


@pytest.mark.parametrize("option", OPTIONS)
def test_every_object_of_every_config_can_be_made(option, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.chdir(tmp_path)
    for path, node in objects(with_precision(composed(option, tmp_path))):
        assert make(path, node) is not None, path


@pytest.mark.parametrize("name", READERS)
def test_every_reader_can_be_chosen_for_a_role(name):
    def look(node):
        for key, value in node.items():
            if isinstance(value, dict):
                look(value)
            elif key == "_target_":
                arguments = {argument: None for argument in node if argument != "_target_"}
                inspect.signature(get_object(value)).bind_partial(**arguments)

    cfg = compose("train", [f"reader@data.train={name}", "paths.output_dir=x"])
    look({"reader": OmegaConf.to_container(cfg.data.train, resolve=True)})


@pytest.mark.parametrize("option", PLUGINS)
def test_every_launcher_and_sweeper_takes_its_settings(option):
    group, _, name = option.rpartition("/")
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(prepare_hydra())):
        cfg = hydra_compose("train", [f"{group}={name}"], return_hydra_config=True)
    plugin = Plugins.instance()._instantiate(cfg.hydra[group.removeprefix("hydra/")])
    assert isinstance(plugin, Sweeper if group == "hydra/sweeper" else Launcher)


def test_every_setting_of_the_slurm_launcher_is_known_to_submitit(tmp_path):
    settings = OmegaConf.to_container(OmegaConf.load(CONF / "hydra" / "launcher" / "slurm.yaml"))
    known = set(_get_default_parameters()) | set(COMMON) | {"_target_", "max_num_timeout", "poll_s"}
    assert set(settings) <= known


def test_wandb_is_offline_unless_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.chdir(tmp_path)
    logger = instantiate(composed("logger/wandb", tmp_path).logger.wandb)
    assert logger._wandb_init["mode"] == "offline"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name != "hip/quickstart")) for name in EXPERIMENTS]
)
def test_every_experiment_trains_two_steps_and_reports(name, synthex, tmp_path):
    synthex("train", f"experiment={name}", "debug=fast", f"paths.run_dir={tmp_path / 'run'}")
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["cases"] == 3
    assert "baseline_dice_mean" in summary
    checkpoints = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert checkpoints == ["best.ckpt", "step=00000002.ckpt"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_can_be_previewed(name, synthex, tmp_path):
    synthex("preview", f"experiment={name}", "count=1", f"output={tmp_path / 'sheet.png'}")
    assert (tmp_path / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize("name", [name for name in DEBUG if name != "fast"])
def test_every_debug_setting_trains(name, synthex, tmp_path):
    steps = {"overfit": 4, "none": 4, "profile": 2}[name]
    overrides = ["trainer.max_epochs=2"] if name != "profile" else []
    text = synthex("train", f"debug={name}", *overrides, "test=false", f"paths.run_dir={tmp_path / 'run'}")
    assert (tmp_path / "run" / "checkpoints" / f"step={steps:08d}.ckpt").exists()
    assert ("run_training_batch" in text) == (name == "profile")
