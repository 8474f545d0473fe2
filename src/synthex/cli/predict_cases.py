"""``synthex predict``: a trained run applied to cases, as a prediction set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.config.build import (
    build_task,
    has_split,
)
from synthex.config.cases import cases_config, open_cases, write_predictions
from synthex.config.compose import plain
from synthex.config.stored import usable
from synthex.config.trained import RESTORE, load_config, load_model, locate_run
from synthex.core import ConfigError, Task
from synthex.core.terminal import console, quiet_libraries
from synthex.data import LearningDataset
from synthex.exchange.names import write_names
from synthex.metrics.threshold import best_threshold
from synthex.runs import Model, with_prior, with_read_out
from synthex.runs.prediction import predictions
from synthex.runs.run import BASELINE_FILE, CONFIG_FILE
from synthex.runs.subjects import read_subjects


def main(cfg: DictConfig) -> None:
    """Predict the cases that ``cfg`` names with the run ``cfg.run``."""
    quiet_libraries()
    run, weights = locate_run(Path(cfg.run).expanduser())
    trained = load_config(run)
    with usable(run / CONFIG_FILE, RESTORE):
        cases = cases_config(cfg, trained, read_subjects(run))
    output = Path(cfg.output).expanduser() if cfg.output else run / "predictions" / cases.name
    for name in ("mirror_averaged", "pose_averaged"):
        if cfg[name] is not None:
            trained = OmegaConf.create(plain(trained) | {name: bool(cfg[name])})
    if cfg.prior is not None:
        trained = OmegaConf.create(with_prior(plain(trained), bool(cfg.prior)))
    if cfg.read_out is not None:
        trained = OmegaConf.create(with_read_out(plain(trained), str(cfg.read_out)))
    with usable(run / CONFIG_FILE, RESTORE):
        task = build_task(trained)
        model = load_model(trained, task, weights)
        reader = open_cases(cases, task, cfg.paths.cache_dir)
        write_names(cfg.names, [reader])
    if cfg.lesion_above is not None:
        trained = with_threshold(cfg, trained, task, model, run)
        model = replace(model, task=build_task(trained))
    write_predictions(
        output,
        model,
        reader,
        trained,
        cases,
        run / BASELINE_FILE,
        device=str(cfg.device),
        batch_size=int(cfg.batch_size),
        probabilities=None if cfg.probabilities is None else bool(cfg.probabilities),
    )
    console.print(f"{len(reader)} predictions: {output}")


def with_threshold(cfg: DictConfig, trained: DictConfig, task: Task, model: Model, run: Path) -> DictConfig:
    """The run's settings with the threshold of lesions that ``cfg.lesion_above`` says, or has chosen.

    ``validation``: the one with the best mean Dice on the run's own validation images, or on its training images where
    it has none: never on what is predicted.

    Raises:
        ConfigError: The task has no such threshold, or none of its own images has a lesion.
    """
    if "lesion_above" not in trained.task:
        raise ConfigError(f"lesion_above={cfg.lesion_above}: the task {task.name} has no such threshold; leave it out")
    above: Any = cfg.lesion_above
    if above == "validation":
        split = "val" if has_split(trained, "val") else "train"
        count = trained.data.get("cases", {}).get(split)
        asked = {"split": split, "real": None, "ct": None, "meshes": None, "on_disk": None, "cases": count}
        wanted = cases_config(OmegaConf.create(plain(cfg) | asked), trained, read_subjects(run))
        own = open_cases(wanted, task, cfg.paths.cache_dir)
        images = LearningDataset(own, model.size, normalization=model.normalization, input_size=model.input_size)
        found = predictions(model.network, task, images, str(cfg.device), int(cfg.batch_size), 0)
        pairs = (
            (one.probabilities[0], own[index].masks[0])
            for index, one in enumerate(found)
            if one.probabilities is not None
        )
        try:
            above = best_threshold(pairs)
        except ValueError as error:
            raise ConfigError(f"lesion_above=validation: {error} among the run's own {split} images") from error
        console.print(f"lesion_above={above:g}, by {len(own)} images of the run's own split {split}")
    settled = plain(trained)
    settled["task"] = {**settled["task"], "lesion_above": above}
    return OmegaConf.create(settled)
