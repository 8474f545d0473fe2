"""What a finished run leaves behind, so that a sweep that goes on knows its score without training or testing again."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.config.compose import plain, sweeping
from synthex.config.identity import config_hash
from synthex.core import InputError, write_json
from synthex.core.documents import read_json
from synthex.core.places import hidden

FINISHED_FILE = "finished.json"

_AFTER = ("test", "test_ct", "test_radiographs", "baseline_samples", "mirror_averaged", "pose_averaged", "closer")


@dataclass(frozen=True)
class Finished:
    """A run that has trained and, if it was to, tested.

    Attributes:
        config: Hash of the settings that decide its weights.
        asked: What was to be done after training.
        primary: Key of ``summary.json`` that ranks models.
        value: Its value; None without a test, or where nothing could be scored.
    """

    config: str
    asked: dict[str, Any]
    primary: str
    value: float | None


def after_training(cfg: DictConfig) -> dict[str, Any]:
    """The settings that say what is done once a run has trained."""
    settings: dict[str, Any] = hidden({key: plain(cfg[key]) for key in _AFTER})
    return settings


def keep_finished(run: Path, cfg: DictConfig, primary: str, value: float | None) -> None:
    """Note that a run is done."""
    known = None if value is None or not math.isfinite(value) else float(value)
    found = Finished(config_hash(cfg), after_training(cfg), primary, known)
    write_json(run / FINISHED_FILE, vars(found))


def forget_finished(run: Path) -> None:
    """Note that a run is not done."""
    (run / FINISHED_FILE).unlink(missing_ok=True)


def read_finished(run: Path) -> Finished | None:
    """What a run has noted, None if it is not done."""
    try:
        return Finished(**read_json(run / FINISHED_FILE, "train again"))
    except (InputError, TypeError):
        return None


def finished(run: Path, cfg: DictConfig) -> Finished | None:
    """What a run has noted if it was of the same settings, and nothing is left to do."""
    found = read_finished(run)
    same = found is not None and found.config == config_hash(cfg) and found.asked == after_training(cfg)
    return found if same else None


def done_in_sweep(run: Path, cfg: DictConfig) -> Finished | None:
    """What a job of a sweep has noted that was killed and goes on; a run that is started by itself is tested again."""
    return finished(run, cfg) if sweeping() and cfg.resume == "auto" else None
