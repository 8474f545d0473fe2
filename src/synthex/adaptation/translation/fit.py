"""The training of a translator, from images without pairs to its generator, and a picture of what it does."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from PIL import Image as PILImage

from synthex.adaptation.translation.dataset import UnpairedDataset
from synthex.adaptation.translation.module import CycleGanModule
from synthex.adaptation.translation.translator import Translator
from synthex.core import atomic_path, derive_seed
from synthex.data import SyntheticReader, normalize, to_log
from synthex.learning import DataModule
from synthex.learning.callbacks import StopIfNotFinite
from synthex.nn import ResNetGenerator

log = logging.getLogger(__name__)


def fit_translator(
    pairs: UnpairedDataset,
    make: Callable[[], CycleGanModule],
    run: Path,
    checkpoint: Path | None,
    *,
    batch_size: int,
    workers: int,
    samples_per_epoch: int | None,
    trainer: Callable[[pl.Callback], pl.Trainer],
) -> ResNetGenerator:
    """Train to the trainer's last step; a finished run is left as it is. Returns the generator to real images.

    Args:
        pairs: Simulated and real images, with the seed of their order.
        make: What is trained; its first weights are drawn by the seed.
        run: Folder of the run.
        checkpoint: What is gone on from.
        batch_size: Pairs a step.
        workers: Processes that load them.
        samples_per_epoch: Pairs an epoch; None: as many as there are.
        trainer: The trainer, which takes one callback more.
    """
    pl.seed_everything(derive_seed(pairs.seed, "weights") % 2**32, workers=False, verbose=False)
    module = make()
    datamodule = DataModule(
        pairs,
        batch_size=batch_size,
        workers=workers,
        samples_per_epoch=samples_per_epoch,
        endless=isinstance(pairs.simulated, SyntheticReader),
        seed=pairs.seed,
    )
    made = trainer(StopIfNotFinite(run))
    describe(pairs, module, made, run)
    made.fit(module, datamodule=datamodule, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=True)
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
