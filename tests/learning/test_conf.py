"""Every config of the packages that training uses can be composed and instantiated."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"


def load(group: str, name: str):
    """A config with the ``defaults`` of its own group merged in, without starting Hydra."""
    config = OmegaConf.load(CONF / group / f"{name}.yaml")
    merged = OmegaConf.create({})
    for base in config.pop("defaults", []) or []:
        merged = OmegaConf.merge(merged, load(group, base))
    return OmegaConf.merge(merged, config)


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def resolved(group: str, name: str, folder: Path):
    around = {"name": "run", "paths": {"output_dir": str(folder)}, "data": {"size": 64}}
    return OmegaConf.create(around | {group: load(group, name)})[group]


@pytest.mark.parametrize("name", names("model"))
def test_models(name, tmp_path):
    network = instantiate(resolved("model", name, tmp_path), structures=2, landmarks=3, encoder_weights=None).eval()
    assert network(torch.zeros(1, 1, 64, 64))["heatmaps"].shape == (1, 3, 64, 64)


@pytest.mark.parametrize("optimizer", names("optimizer"))
@pytest.mark.parametrize("scheduler", names("scheduler"))
def test_optimizers_and_schedulers(optimizer, scheduler, tmp_path):
    made = instantiate(resolved("optimizer", optimizer, tmp_path))([torch.nn.Parameter(torch.zeros(1))])
    instantiate(resolved("scheduler", scheduler, tmp_path))(made, total_steps=10)


@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_callbacks_and_loggers(group, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for name in names(group):
        for config in resolved(group, name, tmp_path).values():
            assert instantiate(config) is not None


@pytest.mark.parametrize("name", names("trainer"))
def test_trainers(name, tmp_path):
    config = resolved("trainer", name, tmp_path)
    if not torch.cuda.is_available() and config.accelerator == "gpu":
        config.update(accelerator="cpu", devices=1, precision="32-true")
        config.pop("strategy", None)
    assert instantiate(config, logger=False).default_root_dir == str(tmp_path)


@pytest.mark.parametrize("name", names("debug"))
def test_debug_settings_are_the_trainers_own(name, tmp_path):
    settings = load("debug", name).get("trainer", {})
    config = OmegaConf.merge(resolved("trainer", "cpu", tmp_path), settings)
    assert instantiate(config, logger=False, default_root_dir=str(tmp_path)).max_epochs == config.max_epochs
