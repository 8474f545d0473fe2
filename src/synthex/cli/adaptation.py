"""Feature alignment as the config of a training says it."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.adaptation.alignment import Alignment, AlignmentModule, PairedDataset, TwoEncoderModule, Unlabelled
from synthex.cli.compose import plain
from synthex.core import ConfigError, Reader
from synthex.data import LearningDataset, open_export

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What a run aligns, and with which images.

    Attributes:
        method: How.
        target: Radiographs of the target domain, without their labels.
    """

    method: Alignment
    target: Unlabelled

    @property
    def module(self) -> type[AlignmentModule]:
        """What trains it."""
        return TwoEncoderModule if self.method.form == "classic" else AlignmentModule

    @staticmethod
    def policy(cfg: DictConfig) -> DictConfig:
        """How target images are augmented: as those of training, unless another policy is chosen."""
        chosen: DictConfig = cfg.adaptation.target.get("augment") or cfg.augment
        return chosen

    def pair(self, train: LearningDataset, cfg: DictConfig) -> PairedDataset:
        """The training set with the target images beside it, preprocessed in the same way."""
        target = LearningDataset(
            self.target,
            train.size,
            instantiate(self.policy(cfg)),
            seed=train.seed,
            stream="target",
            normalization=train.normalization,
            input_size=train.input_size,
        )
        levels = ", ".join(f"{level} {weight:g}" for level, weight in self.method.weights.items())
        log.info("target    %d images without labels; %s form, weights: %s", len(target), self.method.form, levels)
        shape = self.target[0].image.shape
        if max(shape) < train.size:
            log.warning("target images are %d x %d pixels, enlarged to data.size=%d", *shape, train.size)
        return PairedDataset(train, target, seed=train.seed)


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
    return Adaptation(method, Unlabelled(open_target(cfg.adaptation.target)))


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
    reader = instantiate(source)
    if not isinstance(reader, Reader):
        raise ConfigError(f"adaptation.target.source._target_ made a {type(reader).__name__}, not a Reader")
    return reader
