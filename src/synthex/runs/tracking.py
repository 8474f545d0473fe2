"""What a run tells Weights & Biases beside its curves: its settings, its scores and a few pictures, nobody's name."""

import contextlib
import dataclasses
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger

from synthex.core import places
from synthex.evaluation import Evaluation
from synthex.evaluation.overlays import draw_overlay

HIDDEN = "(not sent)"

PLACES = frozenset(
    (
        *places.PLACES,
        *places.FILES,
        *("path", "initial_weights", "encoder_weights", "save_dir", "run_dir", "default_root_dir"),
        *("output", "cache_dir", "names"),
    )
)
"""Settings that may hold a folder or file, whose name may be a patient's."""

LANDMARK_FIGURES = ("visible_landmarks", "landmark_error_mm_mean", "landmark_error_mm_median", "detection_rate")
STRUCTURE_FIGURES = ("dice_cases", "dice_mean", "dice_std", "dice_median")


def shown(node: Any, key: str = "") -> Any:
    """Settings without what may name a person: folders and files, by key and by look.

    Args:
        node: Plain settings.
        key: Of the node in its parent.
    """
    if isinstance(node, Mapping):
        return {name: shown(value, str(name)) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [shown(value, key) for value in node]
    if not isinstance(node, str) or key == "_target_":
        return node
    return HIDDEN if key in PLACES or any(sign in node for sign in "/\\~") else node


def track_settings(loggers: Sequence[Logger], settings: Mapping[str, Any], config_hash: str) -> None:
    """Give the settings of a run to its W&B logger, if it has one.

    Args:
        loggers: Of the run.
        settings: As resolved, plain.
        config_hash: Of those that decide its weights.
    """
    for run in _wandb_runs(loggers):
        run.config.update(
            {**shown({key: value for key, value in settings.items() if key not in ("paths", "logger")}),
             "config_hash": config_hash},
            allow_val_change=True,
        )  # fmt: skip


def track_scores(name: str, evaluation: Evaluation, pictures: int = 4) -> None:
    """Add what an evaluation has found to the W&B run of this process, if there is one.

    Args:
        name: Of the test set, the first part of the keys.
        evaluation: What was found.
        pictures: How many overlays at most, from the best to the worst; cases have numbers in them instead of names.
    """
    run = _active()
    if run is None:
        return
    import wandb

    summary = evaluation.summary
    logged: dict[str, Any] = {}
    for kind, names, figures in (
        ("landmarks", evaluation.scores.landmarks, LANDMARK_FIGURES),
        ("structures", evaluation.scores.structures, STRUCTURE_FIGURES),
    ):
        known = [figure for figure in figures if names and f"{figure}/{names[0]}" in summary]
        if known:
            rows: list[Iterable[Any]] = [[one, *(summary[f"{figure}/{one}"] for figure in known)] for one in names]
            logged[f"{name}/{kind}"] = wandb.Table(columns=[kind[:-1], *known], data=rows)
    unit = "mm" if evaluation.scores.landmarks else "1 - Dice"
    chosen = evaluation.pictures
    if len(chosen) > pictures:
        chosen = tuple(chosen[index] for index in np.linspace(0, len(chosen) - 1, pictures).round().astype(int))
    images = []
    for number, picture in enumerate(chosen, 1):
        unnamed = dataclasses.replace(picture, case_id=f"case {number}")
        content = draw_overlay(unnamed, evaluation.scores.landmarks, unit)
        images.append(wandb.Image(Image.open(io.BytesIO(content)), caption=picture.rank))
    if images:
        logged[f"{name}/overlays"] = images
    run.log(logged)
    run.summary.update(
        {f"{name}/{key}": value for key, value in summary.items() if isinstance(value, int | float) and "/" not in key}
    )


@contextlib.contextmanager
def tracked() -> Iterator[None]:
    """End the W&B run of this process with the block: the next job of a sweep would go on in it."""
    failed = True
    try:
        yield
        failed = False
    finally:
        run = _active()
        if run is not None:
            run.finish(exit_code=int(failed))


def _active() -> Any:
    """The W&B run of this process; without importing wandb where nobody asked for it."""
    wandb = sys.modules.get("wandb")
    return None if wandb is None else getattr(wandb, "run", None)


def _wandb_runs(loggers: Sequence[Logger]) -> list[Any]:
    # By name, not to import it. Where it is disabled, and in other processes than the first, there is a stand-in.
    named: list[Any] = [one for one in loggers if type(one).__name__ == "WandbLogger"]
    found = [one.experiment for one in named]
    return [run for run in found if type(run).__name__ == "Run"]
