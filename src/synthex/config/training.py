"""From a composed config to what is trained: the one place where its ``_target_`` becomes network and trainer."""

import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.plugins.environments import LightningEnvironment

from synthex.config.build import build_all, build_augment
from synthex.config.compose import plain, sweeping
from synthex.config.identity import config_hash
from synthex.config.translation import translator_of
from synthex.core import Reader, Task, UserError
from synthex.learning import Company
from synthex.runs.adapt import Adaptation
from synthex.runs.company import known_devices, trainer_options
from synthex.runs.package import find_model
from synthex.runs.run import Run
from synthex.runs.spec import RunSpec
from synthex.runs.tracking import track_settings
from synthex.runs.training import check_sizes, fit


def train(
    cfg: DictConfig,
    task: Task,
    readers: dict[str, Reader],
    run: Path,
    checkpoint: Path | None,
    company: Company | None = None,
    adaptation: Adaptation | None = None,
) -> None:
    """Train as a config says, alone or in company."""
    spec = spec_of(cfg, task, readers, company, resumed=checkpoint is not None)
    fit(Run(run, continuing(run)), spec, resume=checkpoint, company=company, adaptation=adaptation)


def spec_of(
    cfg: DictConfig, task: Task, readers: dict[str, Reader], company: Company | None, *, resumed: bool
) -> RunSpec:
    """What is trained."""
    data = cfg.data
    side = data.get("input_size")
    weights = None if cfg.initial_weights is None or resumed else str(cfg.initial_weights)
    if weights is not None:
        find_model(weights)  # what is wrong with it is said before anything is simulated
    loggers = build_all(cfg.logger)
    if company is None or company.rank.number == 0:
        track_settings(loggers, plain(cfg), config_hash(cfg))
    options = on_cluster(cfg) | trainer_options(cfg.trainer, None if company is None else company.rank)
    return RunSpec(
        task=lambda: task,
        network=partial(instantiate, cfg.model),
        readers=readers,
        size=int(data.size),
        normalization=data.normalization,
        input_size=None if side is None else int(side),
        augment=build_augment(cfg.augment),
        mirrored=float(data.get("mirrored") or 0),
        quarter_turns=float(data.get("quarter_turns") or 0),
        batch_size=int(data.batch_size),
        workers=int(data.workers),
        samples_per_epoch=data.samples_per_epoch,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        trainer=partial(instantiate, cfg.trainer, **options),
        callbacks=build_all(cfg.callbacks),
        loggers=loggers,
        seed=int(cfg.seed),
        initial_weights=weights,
        translator=translator_of(cfg),
        compile=bool(cfg.compile),
        channels_last=bool(cfg.channels_last),
        render_on_device=rendered_on_device(cfg),
        identity=config_hash(cfg),
    )


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
        size, side = int(cfg.data.size), cfg.data.get("input_size")
        check_sizes(network, size, None if side is None else int(side), int(cfg.data.batch_size))


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


def continuing(run: Path) -> str:
    """The shell command that goes on with this run, whose default folder has a new name every second."""
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    kept = [override for override in overrides if override.split("=")[0] not in ("paths.run_dir", "resume")]
    return shlex.join(["synthex", "train", *kept, f"paths.run_dir={run}"])


def with_devices(cfg: DictConfig) -> DictConfig:
    """The settings with the number of devices that ``auto`` means here, which another machine could not know."""
    settled = OmegaConf.merge(cfg, {"trainer": known_devices(cfg, sweeping=sweeping())})
    assert isinstance(settled, DictConfig)
    return settled
