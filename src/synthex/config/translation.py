"""The translator that a command's ``translator=`` names."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.adaptation.translation import Translator
from synthex.core import ConfigError


def translator_of(cfg: DictConfig) -> Path | None:
    """The translator of simulated training images.

    Raises:
        ConfigError: Training images are real.
    """
    if cfg.translator is not None and cfg.data.kind == "real":
        raise ConfigError("translator= is for simulated training images; data=real has none")
    return None if cfg.translator is None else Path(str(cfg.translator))


def read_translator(cfg: DictConfig) -> Translator | None:
    """The translator of simulated training images; None without.

    Raises:
        ConfigError: Training images are real, or prepared otherwise than those it was trained on.
    """
    from synthex.runs.training import fitting_translator  # brings Lightning with it

    path = translator_of(cfg)
    return None if path is None else fitting_translator(path, int(cfg.data.size), cfg.data.normalization)
