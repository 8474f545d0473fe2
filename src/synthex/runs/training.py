"""The training itself: network, data, trainer and fit of a :class:`synthex.runs.RunSpec`."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
import yaml

from synthex.adaptation.translation import TranslatedFirst, Translator, load_translator
from synthex.augment import none
from synthex.core import ConfigError, Reader, Task, UserError, derive_seed
from synthex.core.parent import worker_killed
from synthex.data import LearningDataset, SyntheticReader, collate, is_endless, simulated, with_simulated
from synthex.learning import (
    Company,
    CsvLogger,
    DataModule,
    DeviceRenderer,
    EndTogether,
    ProjectionServer,
    SupervisedModule,
    find_resume_checkpoint,
    score_batch,
    with_projector,
)
from synthex.learning.callbacks import ResumableCheckpoint, StopIfNotFinite
from synthex.nn import check_batch
from synthex.runs.adapt import Adaptation
from synthex.runs.package import find_model
from synthex.runs.run import Run
from synthex.runs.spec import RunSpec

log = logging.getLogger(__name__)

_VIEWS = 8
"""Simulated images that the pitch of heatmaps is taken from: mixed views zoom, and one of them is no measure."""

TERMINATED = 143
"""Exit code of a process that SIGTERM has stopped, as in shells: 0 would mean that the run is done."""


def fit(
    run: Run,
    spec: RunSpec,
    *,
    resume: Path | Literal["auto"] | None = "auto",
    company: Company | None = None,
    adaptation: Adaptation | None = None,
) -> Run:
    """Train until the last step, alone or in company; a finished run is left as it is.

    Args:
        run: Its folder; settings are written into it if there are none, so that :func:`synthex.load` can read it.
        spec: What is trained, on what, how.
        resume: The checkpoint to go on from, None to begin; ``auto``: the newest in the folder.
        company: The other processes of a distributed training.
        adaptation: Alignment of features with images of a target domain.

    Returns:
        The run.

    Raises:
        UserError: Something cannot be used, or a process that loads data was killed.
    """
    task = spec.task()
    checkpoint = find_resume_checkpoint(run.folder, task.name) if resume == "auto" else resume
    if not run.config.exists():
        run.keep(yaml.safe_dump(spec.settings(run.folder.name), sort_keys=False))
    seed = spec.seed
    pl.seed_everything(derive_seed(seed, "weights") % 2**32, workers=False, verbose=False)
    network = spec.network(structures=len(task.vocabulary.structures), landmarks=len(task.vocabulary.landmarks))
    if spec.initial_weights is not None and checkpoint is None:
        find_model(spec.initial_weights).fill(network, task)
        log.info("starting from %s", spec.initial_weights)
    check_sizes(network, spec.size, spec.input_size, spec.batch_size)
    prepared: dict[str, Any] = {"normalization": spec.normalization, "input_size": spec.side}
    translator = None if spec.translator is None else fitting_translator(spec.translator, spec.size, spec.normalization)
    augment = spec.augment if translator is None else TranslatedFirst(translator, spec.augment or none())
    source = spec.readers["train"]
    train = LearningDataset(
        source,
        spec.size,
        augment,
        seed=seed,
        mirrored=spec.mirrored,
        quarter_turns=spec.quarter_turns,
        vocabulary=task.vocabulary,
        **prepared,
    )
    endless = is_endless(source)
    # Weights are chosen by images like those of training; a set on disk is taken as it is.
    look = translator if endless else None
    val = LearningDataset(spec.readers["val"], spec.size, look, **prepared) if "val" in spec.readers else None
    datamodule = DataModule(
        train if adaptation is None else adaptation.pair(train),
        val,
        collate_fn=collate,
        batch_size=spec.batch_size * (1 if adaptation is None else adaptation.method.batches_per_step),
        workers=spec.workers,
        val_workers=min(1, spec.workers),
        samples_per_epoch=spec.samples_per_epoch,
        endless=endless,
        seed=seed,
    )
    module_class: Callable[..., SupervisedModule] = (
        SupervisedModule if adaptation is None else partial(adaptation.module, alignment=adaptation.method)
    )
    module = module_class(
        network,
        task.loss(_pitch(train, _VIEWS if endless else 1)),
        decode=task.decode,
        score=score_batch,
        optimizer=spec.optimizer,
        scheduler=spec.scheduler,
        compile=spec.compile,
        channels_last=spec.channels_last,
        seed=seed,
        extra={"task": task.name, "config": spec.identity},
        validation_images=None if company is None else spec.batch_size,
    )
    # Before what writes checkpoints: weights that have gone wrong are not kept.
    callbacks = [StopIfNotFinite(run.folder), *_callbacks(run, spec)]
    callbacks += [] if company is None else [EndTogether()]
    loggers = [CsvLogger(run.folder)] if spec.loggers is None else list(spec.loggers)
    trainer: pl.Trainer = (spec.trainer or _plain_trainer(run, spec))(callbacks=callbacks, logger=loggers)
    describe(task, spec.readers, network, trainer, run)
    if company is not None:
        company.join(trainer.strategy.root_device)
    try:
        with projections(spec, train, trainer.strategy.root_device):
            trainer.fit(
                module, datamodule=datamodule, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True
            )
    except SystemExit as stop:  # how Lightning answers Ctrl-C, and SIGTERM: without an exit code
        log.info("stopped; to go on: %s", run.again)
        raise SystemExit(TERMINATED if stop.code is None else stop.code) from None
    except RuntimeError as error:
        if worker_killed(error):
            raise UserError(
                "a process that loads data was killed, as happens where memory runs out: fewer data.workers need "
                f"less; to go on: {run.again}"
            ) from error
        raise
    return run


def _callbacks(run: Run, spec: RunSpec) -> list[Any]:
    if spec.callbacks is not None:
        return list(spec.callbacks)
    return [ResumableCheckpoint(run.folder, monitor="val/loss" if "val" in spec.readers else None)]


def _plain_trainer(run: Run, spec: RunSpec) -> Callable[..., pl.Trainer]:
    return partial(
        pl.Trainer,
        default_root_dir=run.folder,
        max_epochs=spec.epochs,
        gradient_clip_val=1.0,
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )


def fitting_translator(path: Path, size: int, normalization: str) -> Translator:
    """A translator of images that are prepared as those it was trained on.

    Raises:
        ConfigError: It was trained on others.
    """
    translator = load_translator(path)
    for name, wanted, found in (
        ("size", size, translator.size),
        ("normalization", normalization, translator.normalization),
    ):
        if wanted != found:
            raise ConfigError(
                f"data.{name}={wanted}, but translator={path} was trained with {found}; "
                "give the same, or train another translator"
            )
    return translator


def check_sizes(network: torch.nn.Module, size: int, input_size: int | None, batch_size: int) -> None:
    """Check that a network takes images, and learns from batches, of a size.

    Raises:
        ConfigError: It does not.
    """
    side, name = (size, "size") if input_size is None else (input_size, "input_size")
    covering: Any = getattr(network, "input_size", None)
    if covering is not None and (fitting := covering(side, side)) != (side, side):
        raise ConfigError(
            f"data.{name}={side}: this network takes multiples of {network.multiple}; "
            f"give another size, or pad with data.input_size={fitting[0]}"
        )
    check_batch(network, batch_size, side, f"data.{name}")


@contextlib.contextmanager
def projections(spec: RunSpec, train: LearningDataset, device: torch.device) -> Iterator[None]:
    """If the spec says so, project on ``device`` for the workers of training while the block runs.

    Raises:
        ConfigError: There is no CUDA device, no worker to serve, or the simulation level projects by itself.
    """
    if not spec.render_on_device or not any(simulated(train.reader)):
        yield
        return
    with ProjectionServer(spec.workers, DeviceRenderer(device)) as server:
        train.reader = with_simulated(train.reader, lambda reader: with_projector(reader, server.projector))
        yield


def _pitch(train: LearningDataset, count: int) -> float:
    """Median pixel pitch of the first ``count`` samples, mm at the detector: what widths in mm are drawn for."""
    return float(np.median([float(train[index]["pixel_mm"]) for index in range(count)]))


def describe(
    task: Task, readers: Mapping[str, Reader], network: torch.nn.Module, trainer: pl.Trainer, run: Run
) -> None:
    """Log what is about to be trained, on what, where."""
    log.info(
        "task      %s: %d structures, %d landmarks",
        task.name,
        len(task.vocabulary.structures),
        len(task.vocabulary.landmarks),
    )
    for split, reader in readers.items():
        if isinstance(reader, SyntheticReader):
            cases = "endless cases" if reader.count is None else f"{reader.count} cases"
            log.info("%-9s %d subjects, %s", split, len(reader.anatomies.subject_ids()), cases)
        else:
            cases = "endless cases, mixed" if is_endless(reader) else f"{len(reader)} cases"
            log.info("%-9s %s", split, cases if any(simulated(reader)) else f"{cases} on disk")
    parameters = sum(value.numel() for value in network.parameters()) / 1e6
    log.info("network   %s, %.1f million parameters", type(network).__name__, parameters)
    several = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
    log.info("device    %s, precision %s%s", trainer.strategy.root_device, trainer.precision, several)
    log.info("output    %s", run.folder)
    log.info("to go on after a crash: %s", run.again)
