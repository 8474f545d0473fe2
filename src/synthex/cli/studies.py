"""The jobs of a study that a command is about."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from synthex.config.build import has_split
from synthex.config.compose import compose, conf_folders, groups, plain
from synthex.config.identity import identity
from synthex.studies import Chosen, Settings, choose_study


def chosen_jobs(cfg: DictConfig, roots: Mapping[str, str] | None = None) -> Chosen:
    """The jobs of ``cfg.study`` that ``cfg.size`` and ``cfg.only`` choose.

    Raises:
        UserError: There is no such study, size, axis or value, or it has a mistake in it.
    """
    only = plain(cfg.only)
    only = only if isinstance(only, list) else [] if only is None else [only]
    return choose_study(
        cfg.study,
        study_settings(),
        conf_folders(),
        Path(cfg.output),
        size=str(cfg.size),
        only=[str(one) for one in only],
        roots=roots,
        any_code=bool(cfg.any_code),
    )


def study_settings() -> Settings:
    """How studies learn of commands' settings."""
    return Settings(
        composed,
        lambda settings: plain(identity(DictConfig(settings))),
        lambda settings: has_split(DictConfig(settings), "val"),
        groups(),
    )


def composed(command: str, overrides: Sequence[str]) -> dict[str, Any]:
    """All settings of a command, resolved: without those that hold times, or what only a started job has."""
    cfg = compose(command.replace(" ", "_"), overrides)
    with open_dict(cfg):
        if "paths" in cfg:
            cfg.paths = {"output_dir": "RUN"}
    found: dict[str, Any] = plain(cfg)
    return found
