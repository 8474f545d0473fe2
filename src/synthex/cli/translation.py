"""The translator that a command's ``translator=`` names."""

from omegaconf import DictConfig

from synthex.adaptation.translation import Translator, load_translator
from synthex.core import ConfigError


def read_translator(cfg: DictConfig) -> Translator | None:
    """The translator of simulated training images; None without.

    Raises:
        ConfigError: Training images are real, or prepared otherwise than those it was trained on.
    """
    if cfg.translator is None:
        return None
    if cfg.data.kind == "real":
        raise ConfigError("translator= is for simulated training images; data=real has none")
    translator = load_translator(str(cfg.translator))
    for name, found in (("size", translator.size), ("normalization", translator.normalization)):
        if cfg.data[name] != found:
            raise ConfigError(
                f"data.{name}={cfg.data[name]}, but translator={cfg.translator} was trained with {found}; "
                "give the same, or train another translator"
            )
    return translator
