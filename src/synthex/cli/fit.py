"""The training of a run: network, data, trainer, and the fit itself."""

import contextlib
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.plugins.environments import LightningEnvironment

from synthex.adaptation.translation import TranslatedFirst
from synthex.cli.adaptation import Adaptation
from synthex.cli.identity import config_hash
from synthex.cli.predict import locate_run
from synthex.cli.processes import trainer_options
from synthex.cli.settings import input_size
from synthex.cli.tracking import track_settings
from synthex.cli.translation import read_translator
from synthex.core import Augmentation, ConfigError, Reader, Task, UserError, derive_seed
from synthex.core.parent import worker_killed
from synthex.data import LearningDataset, SyntheticReader, collate
from synthex.learning import (
    Company,
    DataModule,
    DeviceRenderer,
    EndTogether,
    ProjectionServer,
    SupervisedModule,
    load_network_weights,
    score_batch,
    with_projector,
)
from synthex.learning.callbacks import StopIfNotFinite
from synthex.nn import check_batch

log = logging.getLogger(__name__)

_VIEWS = 8
"""Simulated images that the pitch of heatmaps is taken from: mixed views zoom, and one of them is no measure."""

TERMINATED = 143
"""Exit code of a process that SIGTERM has stopped, as in shells: 0 would mean that the run is done."""


def fit(
    cfg: DictConfig,
    task: Task,
    readers: dict[str, Reader],
    run: Path,
    checkpoint: Path | None,
    company: Company | None = None,
    adaptation: Adaptation | None = None,
) -> None:
    """Train until the config's last step, alone or in company; a finished run is left as it is."""
    data = cfg.data
    seed = int(cfg.seed)
    pl.seed_everything(derive_seed(seed, "weights") % 2**32, workers=False, verbose=False)
    network = instantiate(
        cfg.model, structures=len(task.vocabulary.structures), landmarks=len(task.vocabulary.landmarks)
    )
    if cfg.initial_weights is not None and checkpoint is None:
        _, weights = locate_run(Path(cfg.initial_weights).expanduser())
        load_network_weights(weights, network, task=task.name)
        log.info("starting from %s", weights)
    size, side = int(data.size), input_size(data)
    check_sizes(network, data)
    prepared: dict[str, Any] = {"normalization": data.normalization, "input_size": side}
    augment: Augmentation = instantiate(cfg.augment)
    translator = read_translator(cfg)
    if translator is not None:
        augment = TranslatedFirst(translator, augment)
    mirrored = float(data.get("mirrored") or 0)
    train = LearningDataset(
        readers["train"], size, augment, seed=seed, mirrored=mirrored, vocabulary=task.vocabulary, **prepared
    )
    endless = isinstance(readers["train"], SyntheticReader)
    # Weights are chosen by images like those of training; a set on disk is taken as it is.
    look = translator if endless else None
    val = LearningDataset(readers["val"], size, look, **prepared) if "val" in readers else None
    datamodule = DataModule(
        train if adaptation is None else adaptation.pair(train, cfg),
        val,
        collate_fn=collate,
        batch_size=int(data.batch_size) * (1 if adaptation is None else adaptation.method.batches_per_step),
        workers=int(data.workers),
        val_workers=min(1, int(data.workers)),
        samples_per_epoch=data.samples_per_epoch,
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
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        compile=bool(cfg.compile),
        channels_last=bool(cfg.channels_last),
        seed=seed,
        extra={"task": task.name, "config": config_hash(cfg)},
        validation_images=None if company is None else int(data.batch_size),
    )
    # Before what writes checkpoints: weights that have gone wrong are not kept.
    callbacks = [StopIfNotFinite(run), *(instantiate(node) for node in cfg.callbacks.values() if node is not None)]
    loggers = [instantiate(node) for node in cfg.logger.values() if node is not None]
    if company is None or company.rank.number == 0:
        track_settings(loggers, cfg)
    options = on_cluster(cfg) | trainer_options(cfg, None if company is None else company.rank)
    callbacks += [] if company is None else [EndTogether()]
    trainer: pl.Trainer = instantiate(cfg.trainer, callbacks=callbacks, logger=loggers, **options)
    describe(task, readers, network, trainer, run)
    if company is not None:
        company.join(trainer.strategy.root_device)
    try:
        with projections(cfg, train, trainer.strategy.root_device):
            trainer.fit(
                module, datamodule=datamodule, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True
            )
    except SystemExit as stop:  # how Lightning answers Ctrl-C, and SIGTERM: without an exit code
        log.info("stopped; to go on: %s", continuing(run))
        raise SystemExit(TERMINATED if stop.code is None else stop.code) from None
    except RuntimeError as error:
        if worker_killed(error):
            raise UserError(
                "a process that loads data was killed, as happens where memory runs out: fewer data.workers need "
                f"less; to go on: {continuing(run)}"
            ) from error
        raise


def check_network(cfg: DictConfig, task: Task) -> None:
    """Check that the network can be built and takes the images, in a moment: without memory for its weights.

    Raises:
        UserError: Its settings cannot be, or it cannot learn from images or batches of this size.
    """
    known = {"encoder_weights": None} if "encoder_weights" in cfg.model else {}
    counts = {"structures": len(task.vocabulary.structures), "landmarks": len(task.vocabulary.landmarks)}
    try:
        with torch.device("meta"):
            network = instantiate(cfg.model, **counts, **known)
    except Exception as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from error
        return  # what cannot be built without memory is built, and checked, later
    if isinstance(network, torch.nn.Module):
        check_sizes(network, cfg.data)


def check_sizes(network: torch.nn.Module, data: DictConfig) -> None:
    """Check that a network takes images, and learns from batches, of the data's size.

    Raises:
        ConfigError: It does not.
    """
    side, name = input_size(data), "size" if data.get("input_size") is None else "input_size"
    covering: Any = getattr(network, "input_size", None)
    if covering is not None and (fitting := covering(side, side)) != (side, side):
        raise ConfigError(
            f"data.{name}={side}: this network takes multiples of {network.multiple}; "
            f"give another size, or pad with data.input_size={fitting[0]}"
        )
    check_batch(network, int(data.batch_size), side, f"data.{name}")


def on_cluster(cfg: DictConfig) -> dict[str, Any]:
    """Arguments of the trainer in a job of Slurm, which Lightning is not to requeue.

    Its own way resumes from a checkpoint of its own, made wherever the signal comes, be it in the midst of a step.
    """
    if cfg.trainer.get("plugins") is not None or "SLURM_JOB_ID" not in os.environ:
        return {}
    return {"plugins": [LightningEnvironment()]}


def training_device(cfg: DictConfig) -> torch.device:
    """The device that the trainer of a config will choose."""
    return torch.device("cuda" if cfg.trainer.accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def with_precision(cfg: DictConfig) -> DictConfig:
    """The settings with the precision that ``auto`` means here: half, where this device multiplies it faster."""
    if (cfg.get("trainer") or {}).get("precision") != "auto":
        return cfg
    settled = OmegaConf.merge(cfg, {"trainer": {"precision": "bf16-mixed" if _fast_bfloat16(cfg) else "32-true"}})
    assert isinstance(settled, DictConfig)
    return settled


def _fast_bfloat16(cfg: DictConfig) -> bool:
    if training_device(cfg).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # PyTorch says it nowhere else; without its matrix units (AMX) a CPU is slower in half precision than in full.
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(known is not None and known())


def rendered_on_device(cfg: DictConfig) -> bool:
    """Whether the training process projects for its workers (data on disk has nothing to project)."""
    return cfg.data.get("render") == "device"


@contextlib.contextmanager
def projections(cfg: DictConfig, train: LearningDataset, device: torch.device) -> Iterator[None]:
    """With ``data.render=device``, project on ``device`` for the workers of training while the block runs.

    Raises:
        ConfigError: There is no CUDA device, no worker to serve, or the simulation level projects by itself.
    """
    if not rendered_on_device(cfg) or not isinstance(train.reader, SyntheticReader):
        yield
        return
    with ProjectionServer(int(cfg.data.workers), DeviceRenderer(device)) as server:
        train.reader = with_projector(train.reader, server.projector)
        yield


def _pitch(train: LearningDataset, count: int) -> float:
    """Median pixel pitch of the first ``count`` samples, mm at the detector: what widths in mm are drawn for."""
    return float(np.median([float(train[index]["pixel_mm"]) for index in range(count)]))


def describe(task: Task, readers: dict[str, Reader], network: torch.nn.Module, trainer: pl.Trainer, run: Path) -> None:
    """Log what is about to be trained, on what, where."""
    log.info("task      %s: %d structures, %d landmarks", task.name, *map(len, names(task)))
    for split, reader in readers.items():
        if isinstance(reader, SyntheticReader):
            cases = "endless cases" if reader.count is None else f"{reader.count} cases"
            log.info("%-9s %d subjects, %s", split, len(reader.anatomies.subject_ids()), cases)
        else:
            log.info("%-9s %d cases on disk", split, len(reader))
    parameters = sum(value.numel() for value in network.parameters()) / 1e6
    log.info("network   %s, %.1f million parameters", type(network).__name__, parameters)
    several = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
    log.info("device    %s, precision %s%s", trainer.strategy.root_device, trainer.precision, several)
    log.info("output    %s", run)
    log.info("to go on after a crash: %s", continuing(run))


def continuing(run: Path) -> str:
    """The shell command that goes on with this run, whose default folder has a new name every second."""
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    kept = [override for override in overrides if override.split("=")[0] not in ("paths.run_dir", "resume")]
    return shlex.join(["synthex", "train", *kept, f"paths.run_dir={run}"])


def names(task: Task) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Structures and landmarks of a task."""
    return task.vocabulary.structures, task.vocabulary.landmarks
