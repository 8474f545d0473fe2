"""What makes a run what it is: its settings without those that do not touch its weights."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.core import derive_seed

NOT_IDENTITY = (
    *("resume", "test", "test_ct", "baseline_samples", "name", "paths", "logger"),
    *("data.workers", "callbacks.progress", "callbacks.throughput", "callbacks.lr_monitor", "trainer.default_root_dir"),
    "callbacks.checkpoint.run_dir",
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
    return OmegaConf.create(container)


def config_hash(cfg: DictConfig) -> str:
    """Short hash of what decides a run's weights."""
    return f"{derive_seed(OmegaConf.to_yaml(identity(cfg))):032x}"[:16]
