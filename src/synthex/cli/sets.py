"""Prediction sets as the command line names them, and the cases they were predicted on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli.predict import CASES_FILE
from synthex.config.build import build_task
from synthex.config.compose import compose, options, plain
from synthex.config.stored import check_values, read_stored, usable
from synthex.core import ConfigError, InputError, Task
from synthex.core.places import hidden
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


def read_cases(folder: Path) -> DictConfig:
    """The description of the cases that a set was predicted on.

    Raises:
        InputError: The set has none (it was not written by ``synthex predict``).
    """
    path = folder / CASES_FILE
    if not path.exists():
        if not folder.exists():
            raise InputError(folder, "does not exist", "give a folder that `synthex predict` wrote")
        raise InputError(path, "is missing", "copy it from a set of `synthex predict`, or give on_disk=<folder>")
    cases = read_stored(path, "predict again")
    missing = [key for key in ("kind", "split", "count", "name", "config") if key not in cases]
    if missing:
        raise InputError(path, f"does not describe cases (no {', '.join(missing)})", "predict again")
    with usable(path, "predict again"):
        check_values(path, cases.config, "predict again")
    return cases


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


def has_cases(folder: Path) -> bool:
    """Whether a set says which cases it was predicted on."""
    return (folder / CASES_FILE).exists()


def origin(cases: Mapping[str, Any]) -> Any:
    """What two sets on the same images have in common: the folder of labelled images, or all that simulates them.

    Which part of a folder of images was predicted is left out (folds, splits): there, one case id is one image.
    """
    found: dict[str, Any] = hidden(plain(cases))
    kind, where = found["kind"], found.get("folder")
    if kind == "real":
        return kind, where, {key: value for key, value in found["real"].items() if key not in ("fold", "split")}
    if kind == "on_disk":
        return kind, where
    role = found["config"]["data"].get(found["split"]) if kind == "split" else None
    if isinstance(role, dict) and "root" in role:  # a reader of images, whatever was trained on
        return "real", role["root"], {key: value for key, value in role.items() if key not in ("root", "fold", "split")}
    return kind, where, found["split"], found["config"]
