"""``synthex translate train``: a translator of simulated radiographs to the look of real ones."""

import functools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image as PILImage

from synthex.adaptation.translation import (
    TRANSLATOR_FILE,
    CycleGanModule,
    Translator,
    UnpairedDataset,
    load_translator,
    save_translator,
)
from synthex.cli.fit import on_cluster, with_precision
from synthex.cli.train import changed_settings, enter_run, run_config
from synthex.config.build import build_readers, build_task, open_any_real, prepare
from synthex.config.compose import plain
from synthex.config.identity import config_hash
from synthex.config.settings import check_integer, choose
from synthex.config.subjects import keep_subjects
from synthex.core import ConfigError, Reader, Task, atomic_path, derive_seed
from synthex.core.terminal import quiet_libraries
from synthex.data import SyntheticReader, normalize, open_export, to_log
from synthex.learning import DataModule, silence_lightning
from synthex.learning.callbacks import StopIfNotFinite
from synthex.nn import PatchDiscriminator, ResNetGenerator
from synthex.runs.run_lock import alone_in

log = logging.getLogger(__name__)

PICTURE_FILE = "translations.png"


def main(cfg: DictConfig) -> None:
    """Train a translator as ``cfg`` says, and export it."""
    quiet_libraries()
    silence_lightning()
    choose("resume", cfg.resume, ("auto", "never"))
    check(cfg)
    cfg = with_precision(cfg)
    run = Path(cfg.paths.output_dir)
    task = build_task(cfg)
    real = open_target(cfg)
    with alone_in(run, lambda: changed_settings(run, run_config(cfg))):
        _train(cfg, task, real, run)


def _train(cfg: DictConfig, task: Task, real: Reader, run: Path) -> None:
    """Train and export in a folder that is this process's alone."""
    checkpoint = enter_run(run, cfg, task)
    simulated = build_readers(cfg, task)["train"]
    keep_subjects(run, cfg, {"train": simulated}, resumed=checkpoint is not None)
    if isinstance(simulated, SyntheticReader):
        prepare(simulated)
    pairs = UnpairedDataset(
        simulated, real, int(cfg.data.size), cfg.data.normalization, cfg.cyclegan.crop, seed=int(cfg.seed)
    )
    generator = fit(cfg, task, pairs, run, checkpoint)
    about = {"task": task.name, "config": config_hash(cfg), "real_images": len(real)}
    target = run / TRANSLATOR_FILE
    save_translator(target, generator, plain(cfg.cyclegan.generator), pairs.size, pairs.normalization, about)
    if int(cfg.shown):
        draw(run / PICTURE_FILE, load_translator(target), pairs, int(cfg.shown))
    log.info("trained: %s", target)


def check(cfg: DictConfig) -> None:
    """Check what would otherwise fail late or not at all.

    Raises:
        ConfigError: A setting cannot be used.
    """
    network = cfg.cyclegan
    for name in ("generator.channels", "generator.width", "generator.blocks", "discriminator.width"):
        check_integer(f"cyclegan.{name}", OmegaConf.select(network, name), 1)
    check_integer("cyclegan.discriminator.layers", network.discriminator.layers, 1)
    check_integer("cyclegan.pool", network.pool, 0)
    check_integer("shown", cfg.shown, 0)
    if network.crop is not None:
        check_integer("cyclegan.crop", network.crop, 4)
    for part in ("generator", "discriminator"):
        if network[part].channels != 1:
            raise ConfigError(f"cyclegan.{part}.channels={network[part].channels}: radiographs have one channel")
    side = int(cfg.data.size) if network.crop is None else int(network.crop)
    # Smaller images leave the last layers a single score, which cannot be normalised.
    least = 4 * 2 ** int(network.discriminator.layers)
    if side < least:
        raise ConfigError(
            f"images of {side} pixels are too small for cyclegan.discriminator.layers={network.discriminator.layers}, "
            f"which needs {least}; lower it, or give larger images"
        )
    if cfg.trainer.devices not in (1, "1") or cfg.trainer.num_nodes != 1:
        raise ConfigError(f"trainer.devices={cfg.trainer.devices}: a translator is trained by one process; give 1")
    if cfg.data.kind == "real":
        raise ConfigError(
            "data=real: `data` is the simulated side; give the real one as real=<reader> real.root=<folder>"
        )
    if cfg.translator is not None:
        raise ConfigError("translator= is a setting of `synthex train`; a translator is trained from scratch")


def open_target(cfg: DictConfig) -> Reader:
    """The real images that a translator learns to imitate: never those of a test.

    Raises:
        ConfigError: There are none, two kinds of them, or those of a test fold.
    """
    node = cfg.get("real")
    if bool(node) == (cfg.real_on_disk is not None):
        problem = "real and real_on_disk are both set" if node else "no real images given"
        raise ConfigError(f"{problem}; say where they are: real=<reader> real.root=<folder>, or real_on_disk=<folder>")
    if not node:
        return open_export(Path(str(cfg.real_on_disk)).expanduser())
    split = node.get("split")
    if split == "test":
        raise ConfigError("real.split=test: a translator must not see the images of a test; give real.split=train")
    if split not in ("train", "valid"):
        log.info("all images of real.root are learned from: a test on any of them is no test on unseen images")
    return open_any_real(node)


def fit(cfg: DictConfig, task: Task, pairs: UnpairedDataset, run: Path, checkpoint: Path | None) -> ResNetGenerator:
    """Train to the config's last step; a finished run is left as it is. Returns the generator to real images."""
    seed = int(cfg.seed)
    pl.seed_everything(derive_seed(seed, "weights") % 2**32, workers=False, verbose=False)
    settings = cfg.cyclegan
    module = CycleGanModule(
        functools.partial(ResNetGenerator, **plain(settings.generator)),
        functools.partial(PatchDiscriminator, **plain(settings.discriminator)),
        cycle_weight=settings.cycle_weight,
        identity_weight=settings.identity_weight,
        pool=int(settings.pool),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        seed=seed,
        extra={"task": task.name, "config": config_hash(cfg)},
    )
    datamodule = DataModule(
        pairs,
        batch_size=int(cfg.data.batch_size),
        workers=int(cfg.data.workers),
        samples_per_epoch=cfg.data.samples_per_epoch,
        endless=isinstance(pairs.simulated, SyntheticReader),
        seed=seed,
    )
    made = [instantiate(node) for node in cfg.callbacks.values() if node is not None]
    callbacks = [StopIfNotFinite(run), *made]
    loggers = [instantiate(node) for node in cfg.logger.values() if node is not None]
    trainer: pl.Trainer = instantiate(cfg.trainer, callbacks=callbacks, logger=loggers, **on_cluster(cfg))
    describe(pairs, module, trainer, run)
    trainer.fit(module, datamodule=datamodule, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True)
    return module.to_real


def describe(pairs: UnpairedDataset, module: CycleGanModule, trainer: pl.Trainer, run: Path) -> None:
    """Log what is about to be trained, on what, where."""
    endless = isinstance(pairs.simulated, SyntheticReader)
    log.info("simulated %s", "endless cases" if endless else f"{len(pairs.simulated)} cases on disk")
    log.info("real      %d images", len(pairs.real))
    for name, network in (("generators", module.to_real), ("discriminators", module.judge_real)):
        parameters = sum(value.numel() for value in network.parameters())
        log.info("%s: two of %s parameters", name, f"{parameters:,}")
    log.info("device    %s, precision %s", trainer.strategy.root_device, trainer.precision)
    log.info("output    %s", run)


def draw(target: Path, translator: Translator, pairs: UnpairedDataset, rows: int) -> None:
    """Write a sheet: simulated images, their translations and some real ones, each in a window of its own."""

    def shown(image: np.ndarray) -> np.ndarray:
        values = normalize(image)
        low, high = np.percentile(values, (0.5, 99.5))
        pixels = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1) * 255
        return _square(pixels.astype(np.uint8), pairs.size)

    sheet: list[Any] = []
    for index in range(min(rows, len(pairs))):
        sample = pairs.simulated[index]
        real = pairs.real_image(pairs.real_index(index))[0].numpy()
        row = [shown(to_log(sample))]
        row += [shown(translator(sample).image)] if max(sample.image.shape) == pairs.size else []
        sheet.append(np.hstack([*row, shown(real)]))
    with atomic_path(target) as path:
        PILImage.fromarray(np.vstack(sheet)).save(path, format="PNG")


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    found = np.zeros((side, side), dtype=np.uint8)
    height, width = (min(side, length) for length in pixels.shape)
    found[:height, :width] = pixels[:height, :width]
    return found
