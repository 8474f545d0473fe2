"""The folder of a run: entered, gone on in, or refused."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.adaptation.translation import load_translator
from synthex.config.build import map_paths
from synthex.config.compose import plain
from synthex.config.identity import identity
from synthex.config.stored import read_stored
from synthex.core import ConfigError, Task, write_text
from synthex.core.places import hidden
from synthex.learning import (
    WANDB_ID_FILE,
    find_resume_checkpoint,
)
from synthex.runs.run import BASELINE_FILE, CONFIG_FILE
from synthex.runs.run_lock import listed

log = logging.getLogger(__name__)

STALE = ("metrics.csv", "summary.json", WANDB_ID_FILE)
"""Files of a run that resume=never starts without, beside its checkpoints."""


SEPARATE = ("resume", "test", "test_ct", "test_radiographs", "names")
"""Settings that say what to do with a run, not what the run is: they are not kept with it."""


def enter_run(run: Path, cfg: DictConfig, task: Task) -> Path | None:
    """Make the run's folder, or go on in it; returns the checkpoint to resume from.

    Raises:
        ConfigError: The folder holds a run of another config.
    """
    wanted = run_config(cfg)
    checkpoint = find_resume_checkpoint(run, task.name) if cfg.resume == "auto" else None
    if cfg.resume == "auto" and (changed := changed_settings(run, wanted)):
        raise ConfigError(
            f"{run} holds a run with other settings ({listed(changed)}); "
            "choose another paths.run_dir, or resume=never to start anew in it"
        )
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    if cfg.resume == "never":
        for path in (*(run / "checkpoints").glob("*.ckpt"), *(run / one for one in STALE)):
            path.unlink(missing_ok=True)
    if checkpoint is None:
        (run / BASELINE_FILE).unlink(missing_ok=True)
    kept = OmegaConf.create(hidden(plain(wanted), remember=True))
    write_text(run / CONFIG_FILE, OmegaConf.to_yaml(kept))
    return checkpoint


def changed_settings(run: Path, wanted: DictConfig) -> list[str]:
    """Settings in which the run in a folder, begun or finished, differs from the one that is wanted there."""
    path = run / CONFIG_FILE
    if not path.exists():
        return []
    stored = read_stored(path, "choose another paths.run_dir, or resume=never to start anew in it")
    return differences(plain(identity(stored)), plain(identity(wanted)))


def run_config(cfg: DictConfig) -> DictConfig:
    """The resolved settings that make a run what it is."""
    container: dict[str, Any] = plain(cfg)
    if container.get("translator") is not None:
        path = Path(str(container["translator"])).expanduser().resolve()
        container |= {"translator": str(path), "translator_digest": load_translator(path).digest}
    kept = {key: value for key, value in container.items() if key not in SEPARATE}
    # A run is predicted with, and scored, from other folders too.
    return OmegaConf.create(kept | {"task": map_paths(kept["task"], lambda path: str(path.resolve()))})


def differences(one: Any, other: Any, prefix: str = "") -> list[str]:
    """Dotted keys in which two plain configs differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [name for key in keys for name in differences(one.get(key), other.get(key), f"{prefix}{key}.")]
    return [] if one == other else [prefix.rstrip(".")]
