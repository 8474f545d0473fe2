"""Prediction sets as the command line names them, and the cases they were predicted on."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.config.build import build_task, open_checked, open_real
from synthex.config.cases import has_cases, read_cases
from synthex.config.compose import compose, options, plain
from synthex.core import ConfigError, Reader, Task
from synthex.evaluation import JSON_NAME, task_of


def folders_of(given: Any, what: str) -> list[Path]:
    """The folders that a setting names: one or a list of them. A run stands for its test set's predictions.

    Raises:
        ConfigError: There is none, or one is named twice.
    """
    given = plain(given)
    names = given if isinstance(given, list) else [] if given is None else [given]
    if not names:
        raise ConfigError("no prediction set given; say which: synthex evaluate outputs/quickstart/predictions/test")
    folders = [_set_of(Path(str(name)).expanduser()) for name in names]
    for index, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:index]]:
            raise ConfigError(f"{what}: {folder} is there twice")
    return folders


def _set_of(folder: Path) -> Path:
    """The prediction set that ``folder`` is or, if it is a run or the folder of its sets, has of its test cases."""
    for inside in (Path("predictions", "test"), Path("test")):
        if not (folder / JSON_NAME).exists() and (folder / inside / JSON_NAME).exists():
            return folder / inside
    return folder


def given_cases(folder: Path, cfg: DictConfig) -> tuple[Task, Reader] | None:
    """The task of a set and the cases that ``on_disk`` or ``real`` says it is scored on; None where neither does.

    Raises:
        ConfigError: Both do.
    """
    if cfg.on_disk and cfg.real:
        raise ConfigError("on_disk and real are both set; give one of them")
    if not cfg.on_disk and not cfg.real:
        return None
    task = task_of_set(folder, cfg)
    return task, open_checked(cfg.on_disk, task, "on_disk") if cfg.on_disk else open_real(cfg.real, task)


def task_of_set(folder: Path, cfg: DictConfig) -> Task:
    """The task of a set: as its cases say, or ``task=``, or the one of the name in its ``predictions.json``.

    Raises:
        ConfigError: It is none of ours, and ``task=`` does not say how it is scored.
    """
    if has_cases(folder):
        return build_task(read_cases(folder).config)
    if cfg.get("task"):
        return build_task(cfg)
    name = task_of(folder)
    if name not in options("task"):
        raise ConfigError(f"{folder} is for the task {name!r}, which conf/task does not have; say which: task=...")
    return build_task(compose("evaluate", [f"task={name}"]))
