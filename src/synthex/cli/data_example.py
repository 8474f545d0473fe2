"""``synthex data example NAME``: a real CT from a public package, as a folder that every command takes."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.anatomy.examples import example, write_example
from synthex.core.terminal import console


def main(cfg: DictConfig) -> None:
    """Copy the example ``cfg.name`` to ``cfg.output``."""
    folder = write_example(str(cfg.name), Path(cfg.output).expanduser())
    console.print(f"a subject with labels: {folder}", soft_wrap=True)
    console.print(example(str(cfg.name)).note, soft_wrap=True)
