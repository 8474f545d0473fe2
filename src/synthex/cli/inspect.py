"""``synthex data inspect PATH``: what is understood of a CT, a label map or a folder."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.cli.data_inspect import inspect
from synthex.cli.terminal import console
from synthex.core import ConfigError


def main(cfg: DictConfig) -> None:
    """Inspect ``cfg.path`` and write a picture to ``cfg.output``."""
    if cfg.path is None:
        raise ConfigError("nothing to inspect; say what: synthex data inspect PATH")
    output = Path(cfg.output).expanduser()
    console.print(inspect(Path(cfg.path).expanduser(), output, label_names=cfg.label_names))
    console.print(f"picture: {output}")
