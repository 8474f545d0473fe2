"""``synthex translate train``: a translator of simulated radiographs to the look of real ones."""

import functools
import logging
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.adaptation.translation import (
    TRANSLATOR_FILE,
    CycleGanModule,
    UnpairedDataset,
    load_translator,
    save_translator,
)
from synthex.adaptation.translation.fit import draw, fit_translator
from synthex.config.build import build_all, build_readers, build_task, open_any_real
from synthex.config.compose import plain
from synthex.config.folder import changed_settings, enter_run, run_config
from synthex.config.identity import config_hash
from synthex.config.settings import check_integer, choose
from synthex.config.sources import from_files
from synthex.config.training import on_cluster, with_precision
from synthex.core import ConfigError, Reader, Task
from synthex.core.terminal import quiet_libraries
from synthex.data import SyntheticReader, open_export
from synthex.learning import silence_lightning
from synthex.nn import PatchDiscriminator, ResNetGenerator
from synthex.runs.preparing import prepare
from synthex.runs.run_lock import alone_in
from synthex.runs.subjects import keep_subjects

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
    keep_subjects(run, {"train": simulated}, from_files=from_files(cfg), resumed=checkpoint is not None)
    if isinstance(simulated, SyntheticReader):
        prepare(simulated)
    pairs = UnpairedDataset(
        simulated, real, int(cfg.data.size), cfg.data.normalization, cfg.cyclegan.crop, seed=int(cfg.seed)
    )
    generator = fit_translator(
        pairs,
        lambda: cyclegan(cfg, task),
        run,
        checkpoint,
        batch_size=int(cfg.data.batch_size),
        workers=int(cfg.data.workers),
        samples_per_epoch=cfg.data.samples_per_epoch,
        trainer=lambda stop: instantiate(
            cfg.trainer, callbacks=[stop, *build_all(cfg.callbacks)], logger=build_all(cfg.logger), **on_cluster(cfg)
        ),
    )
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


def cyclegan(cfg: DictConfig, task: Task) -> CycleGanModule:
    """What is trained."""
    settings = cfg.cyclegan
    return CycleGanModule(
        functools.partial(ResNetGenerator, **plain(settings.generator)),
        functools.partial(PatchDiscriminator, **plain(settings.discriminator)),
        cycle_weight=settings.cycle_weight,
        identity_weight=settings.identity_weight,
        pool=int(settings.pool),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        seed=int(cfg.seed),
        extra={"task": task.name, "config": config_hash(cfg)},
    )
