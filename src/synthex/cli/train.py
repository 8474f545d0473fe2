"""``synthex train``: simulate, learn, test, report."""

import contextlib
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.plugins.environments import LightningEnvironment

from synthex.adaptation.translation import TranslatedFirst, load_translator
from synthex.cli.adaptation import Adaptation, build_adaptation
from synthex.cli.build import build_readers, build_task, map_paths, plain, prepare
from synthex.cli.evaluate import score
from synthex.cli.finished import done_in_sweep, forget_finished, keep_finished
from synthex.cli.identity import config_hash, identity
from synthex.cli.predict import (
    BASELINE_FILE,
    CONFIG_FILE,
    cases_config,
    load_config,
    load_network,
    locate_run,
    open_cases,
    write_predictions,
)
from synthex.cli.processes import team_of, trainer_options, with_devices
from synthex.cli.settings import choose, input_size
from synthex.cli.subjects import keep_subjects, read_subjects
from synthex.cli.terminal import quiet_libraries, track
from synthex.cli.tracking import track_scores, track_settings, tracked
from synthex.cli.translation import read_translator
from synthex.core import Augmentation, ConfigError, Reader, Task, derive_seed, write_text
from synthex.data import LearningDataset, SyntheticReader, collate
from synthex.evaluation import TrivialPredictor
from synthex.learning import (
    WANDB_ID_FILE,
    Company,
    DataModule,
    DeviceRenderer,
    EndTogether,
    ProjectionServer,
    SupervisedModule,
    check_compiler,
    find_resume_checkpoint,
    find_weights,
    load_network_weights,
    score_batch,
    silence_lightning,
    with_projector,
)
from synthex.projection.cuda import cuda_device

log = logging.getLogger(__name__)

STALE = ("metrics.csv", "summary.json", WANDB_ID_FILE)
"""Files of a run that resume=never starts without, beside its checkpoints."""

TERMINATED = 143
"""Exit code of a process that SIGTERM has stopped, as in shells: 0 would mean that the run is done."""

SEPARATE = ("resume", "test", "test_ct")
"""Settings that say what to do with a run, not what the run is: they are not kept with it."""


@tracked()
def main(cfg: DictConfig) -> float | None:
    """Train as ``cfg`` says, then test. Returns the primary score, for sweepers."""
    quiet_libraries()
    silence_lightning()
    choose("resume", cfg.resume, ("auto", "never"))
    cfg = with_devices(cfg)
    if rendered_on_device(cfg):  # a missing GPU shows now, not after volumes have been prepared
        cuda_device()
    if cfg.compile:
        check_compiler(training_device(cfg))
    run = Path(cfg.paths.output_dir)
    if (done := done_in_sweep(run, cfg)) is not None:
        log.info("done before: %s, %s %s", run, done.primary, done.value)
        return done.value
    task = build_task(cfg)
    adaptation = build_adaptation(cfg)  # bad settings show before anything is made
    read_translator(cfg)  # a mistake shows before the run has a folder
    checkpoint = enter_run(run, cfg, task)
    forget_finished(run)
    readers = build_readers(cfg, task)
    keep_subjects(run, cfg, readers, resumed=checkpoint is not None)
    if cfg.test and cfg.test_ct is not None:  # a bad file shows now, not after a night of training
        open_cases(test_cases(run, load_config(run), cfg.test_ct), task, cfg.paths.cache_dir)
    for reader in readers.values():
        if isinstance(reader, SyntheticReader):
            prepare(reader)
    with team_of(cfg, run, checkpoint) as company:
        fit(cfg, task, readers, run, checkpoint, company, adaptation)
    log.info("trained: weights in %s", find_weights(run))
    keep_baseline(run / BASELINE_FILE, readers["train"], int(cfg.baseline_samples))
    value = test(cfg, task, run) if cfg.test else None
    keep_finished(run, cfg, task.protocol.primary, value)
    return value


def enter_run(run: Path, cfg: DictConfig, task: Task) -> Path | None:
    """Make the run's folder, or go on in it; returns the checkpoint to resume from.

    Raises:
        ConfigError: The folder holds a run of another config.
    """
    wanted = run_config(cfg)
    checkpoint = find_resume_checkpoint(run, task.name) if cfg.resume == "auto" else None
    if checkpoint is not None and (run / CONFIG_FILE).exists():
        changed = differences(plain(identity(load_config(run))), plain(identity(wanted)))
        if changed:
            raise ConfigError(
                f"{run} holds a run with other settings ({', '.join(changed[:4])}{', …' if len(changed) > 4 else ''}); "
                "choose another paths.run_dir, or resume=never to start anew in it"
            )
        log.info("going on from %s", checkpoint)
    if cfg.resume == "never":
        for path in (*(run / "checkpoints").glob("*.ckpt"), *(run / one for one in STALE)):
            path.unlink(missing_ok=True)
    if checkpoint is None:
        (run / BASELINE_FILE).unlink(missing_ok=True)
    write_text(run / CONFIG_FILE, OmegaConf.to_yaml(wanted, resolve=True))
    return checkpoint


def run_config(cfg: DictConfig) -> DictConfig:
    """The resolved settings that make a run what it is."""
    container: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    if container.get("translator") is not None:
        path = Path(str(container["translator"])).expanduser().resolve()
        container |= {"translator": str(path), "translator_digest": load_translator(path).digest}
    kept = {key: value for key, value in container.items() if key not in SEPARATE}
    # A run is predicted with, and scored, from other folders too.
    return OmegaConf.create(kept | {"task": map_paths(kept["task"], lambda path: str(path.resolve()))})


def differences(one: Any, other: Any, prefix: str = "") -> list[str]:
    """Dotted keys in which two plain configs differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [name for key in keys for name in differences(one.get(key), other.get(key), f"{prefix}{key}.")]
    return [] if one == other else [prefix.rstrip(".")]


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
    if hasattr(network, "input_size") and (fitting := network.input_size(side, side)) != (side, side):
        name = "size" if data.get("input_size") is None else "input_size"
        raise ConfigError(
            f"data.{name}={side}: this network takes multiples of {network.multiple}; "
            f"give another size, or pad with data.input_size={fitting[0]}"
        )
    prepared: dict[str, Any] = {"normalization": data.normalization, "input_size": side}
    augment: Augmentation = instantiate(cfg.augment)
    translator = read_translator(cfg)
    if translator is not None:
        augment = TranslatedFirst(translator, augment)
    train = LearningDataset(readers["train"], size, augment, seed=seed, **prepared)
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
        task.loss(float(train[0]["pixel_mm"])),
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
    callbacks = [instantiate(node) for node in cfg.callbacks.values() if node is not None]
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


def keep_baseline(path: Path, train: Reader, samples: int) -> None:
    """Keep the trivial predictor of a run's first training samples; predictions need the data no more."""
    count = samples if isinstance(train, SyntheticReader) else min(samples, len(train))
    if count == 0:
        path.unlink(missing_ok=True)
    elif not path.exists() or TrivialPredictor.load(path).samples != count:
        found = (train[index] for index in range(count))
        TrivialPredictor.fit(track(found, "averaging for the baseline", count)).save(path)


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


def test(cfg: DictConfig, task: Task, run: Path) -> float | None:
    """Predict the test split, and the CTs of ``test_ct``, and report; returns the primary score."""
    trained = load_config(run)
    weights = find_weights(run)
    network = load_network(trained, task, weights)
    device = "cpu" if cfg.trainer.accelerator == "cpu" else "auto"
    primary: float | None = None
    wanted: list[tuple[str | None, Path]] = [(None, run)] if has_split(trained, "test") else []
    if cfg.test_ct is not None:
        wanted.append((cfg.test_ct, run / "ct"))
    for ct, output in wanted:
        cases = test_cases(run, trained, ct)
        reader = open_cases(cases, task, cfg.paths.cache_dir)
        folder = run / "predictions" / cases.name
        write_predictions(
            folder,
            network,
            task,
            reader,
            trained,
            cases,
            weights,
            run / BASELINE_FILE,
            device=device,
            batch_size=int(trained.data.batch_size),
        )
        result = score(folder, task, reader, output)
        track_scores("test" if ct is None else "ct", result)
        primary = result.summary.get(task.protocol.primary) if primary is None else primary
    return primary


def test_cases(run: Path, trained: DictConfig, ct: str | None) -> DictConfig:
    """The cases of a test after training: the run's own, or DRRs of the CTs in a folder."""
    request = {"split": "test", "ct": ct, "meshes": None, "on_disk": None, "cases": None, "label_names": None}
    return cases_config(OmegaConf.create(request), trained, read_subjects(run))


def has_split(trained: DictConfig, split: str) -> bool:
    """Whether a run has cases of a split."""
    return trained.data.kind in ("synthetic", "real") or trained.data[split] is not None
