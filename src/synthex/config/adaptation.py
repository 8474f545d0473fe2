"""Feature alignment as the config of a training says it."""

from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.adaptation.alignment import Alignment, Unlabelled
from synthex.config.build import build_augment, checked_reader, role_of
from synthex.config.compose import plain
from synthex.core import ConfigError, Reader
from synthex.data import open_export
from synthex.runs.adapt import Adaptation


def build_adaptation(cfg: DictConfig) -> Adaptation | None:
    """The adaptation of a training; None where there is none.

    Raises:
        ConfigError: There are no target images, or what is asked for cannot be done.
    """
    if cfg.get("adaptation") is None:
        return None
    method = instantiate(cfg.adaptation.method, _convert_="all")
    if not isinstance(method, Alignment):
        raise ConfigError(f"adaptation.method._target_ made a {type(method).__name__}, not an Alignment")
    if method.form == "classic" and cfg.initial_weights is None:
        raise ConfigError(
            "adaptation.method.form=classic adapts a trained network; give the run: initial_weights=<folder>"
        )
    chosen, role = cfg.adaptation.target, role_of(cfg, "target")
    if role is not None:  # reader@data.target=...
        if chosen.on_disk is not None or chosen.get("source"):
            raise ConfigError("data.target and adaptation.target both say the images of the target domain; give one")
        chosen = OmegaConf.create({"on_disk": None, "source": role})
    return Adaptation(method, Unlabelled(open_target(chosen)), build_augment(target_policy(cfg)))


def target_policy(cfg: DictConfig) -> DictConfig:
    """How target images are augmented: as those of training, unless another policy is chosen."""
    chosen: DictConfig = cfg.adaptation.target.get("augment") or cfg.augment
    return chosen


def open_target(target: DictConfig) -> Reader:
    """The radiographs of ``adaptation.target``.

    Raises:
        ConfigError: None or two are given, or not which part of an archive.
    """
    source: dict[str, Any] = plain(target.source) if target.get("source") else {}
    if (target.on_disk is None) == (not source):
        said = "neither is set" if not source else "both are set"
        raise ConfigError(
            f"adaptation.target.on_disk and .source: {said}; give images: adaptation.target.on_disk=<folder>"
            ", or real@adaptation.target.source=hip_study and adaptation.target.source.root=<folder>"
        )
    if not source:
        return open_export(Path(target.on_disk).expanduser())
    if OmegaConf.is_missing(target.source, "root") or source["root"] is None:
        raise ConfigError("adaptation.target.source.root is not set; say where the radiographs are")
    if source.get("split") == "test":
        raise ConfigError(
            "adaptation.target.source.split=test: test images are not for adapting to; give the split train of a fold"
        )
    return checked_reader(instantiate(source), "adaptation.target.source")
