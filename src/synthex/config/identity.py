"""What makes a run what it is: its settings without those that do not touch its weights."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.core import derive_seed
from synthex.core.places import hidden

NOT_IDENTITY = (
    *("resume", "test", "test_ct", "test_radiographs", "names", "baseline_samples", "name", "paths", "logger"),
    "mirror_averaged",
    "pose_averaged",
    "closer",
    *("data.workers", "callbacks.progress", "callbacks.throughput", "callbacks.lr_monitor", "trainer.default_root_dir"),
    *("callbacks.checkpoint.run_dir", "callbacks.pruning"),
)
"""Settings that do not touch a run's weights: they may change when it is resumed, or its folder moved."""


def identity(cfg: DictConfig) -> DictConfig:
    """The settings that decide a run's weights: without where it lies, how it loads, and what is reported."""
    container: Any = OmegaConf.to_container(cfg, resolve=True)
    for name in NOT_IDENTITY:
        *parents, key = name.split(".")
        branch: Any = container
        for parent in parents:
            branch = branch.get(parent) or {}
        branch.pop(key, None)
    _as_one_process(container)
    container = hidden(container)
    return OmegaConf.create(container)


def _as_one_process(container: dict[str, Any]) -> None:
    """Say what is one training however many processes share it: the batch of all of them together.

    Not so with batch statistics, which each process has its own of, or all in common.
    """
    trainer, data = container.get("trainer") or {}, container.get("data") or {}
    devices, nodes = trainer.get("devices", 1), int(trainer.pop("num_nodes", None) or 1)
    count = len(devices) if isinstance(devices, list) else int(devices) if str(devices).isdigit() else 1
    trainer.pop("strategy", None)
    if not trainer.get("sync_batchnorm"):
        trainer.pop("sync_batchnorm", None)
    if count * nodes > 1:
        trainer["devices"] = 1
        data["batch_size"] = int(data["batch_size"]) * count * nodes


def config_hash(cfg: DictConfig) -> str:
    """Short hash of what decides a run's weights."""
    return f"{derive_seed(OmegaConf.to_yaml(identity(cfg))):032x}"[:16]
