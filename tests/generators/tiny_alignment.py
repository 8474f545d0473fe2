"""A tiny network with an encoder and a decoder, two domains of discs and bars, and a run that aligns them."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from generators.samples import ListReader, make_sample
from torch import nn

from synthex.adaptation.alignment import Alignment, AlignmentModule, PairedDataset, TwoEncoderModule, Unlabelled
from synthex.data import LearningDataset, collate
from synthex.learning import CsvLogger, DataModule, find_resume_checkpoint
from synthex.learning.callbacks import ResumableCheckpoint, WeightAverage
from synthex.nn import DiceHeatmapLoss, TransUNet

SIZE = 16


class TinyUNet(nn.Module):
    """An encoder of two levels, a decoder with a skip, two heads; batch statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([_block(1, 4, 1), _block(4, 8, 2)])
        self.decoder = nn.Sequential(nn.Conv2d(12, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2))
        self.masks, self.heatmaps = nn.Conv2d(6, 3, 1), nn.Conv2d(6, 4, 1)

    def forward(self, image, features=False):
        fine = self.encoder[0](image)
        coarse = self.encoder[1](fine)
        decoded = self.decoder(torch.cat((fine, nn.functional.interpolate(coarse, scale_factor=2)), dim=1))
        outputs = {"masks": self.masks(decoded), "heatmaps": self.heatmaps(decoded)}
        return outputs | ({"encoder": coarse, "decoder": decoded} if features else {})


def _block(before, after, stride):
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


def noisy(sample, rng):
    """An augmentation: a little noise."""
    noise = 0.05 * rng.standard_normal(sample.image.shape, dtype=np.float32)
    return replace(sample, image=sample.image + noise)


def shifted(sample):
    """The same sample in the other domain: another curve of intensities."""
    return replace(sample, image=np.sqrt(np.clip(sample.image, 0, None)) * 0.5 + 0.2)


def reader(first=0, count=12, change=None):
    samples = [make_sample(index, SIZE, SIZE) for index in range(first, first + count)]
    return ListReader([change(sample) for sample in samples] if change else samples)


def pairs(target=None, seed=0):
    target = Unlabelled(target or reader(100, 7, shifted))
    train = LearningDataset(reader(), SIZE, noisy, seed=seed)
    return PairedDataset(train, LearningDataset(target, SIZE, noisy, seed=seed, stream="target"), seed)


def data(settings, dataset=None, workers=0):
    dataset = dataset or pairs()
    batch = 2 * settings.batches_per_step
    val = LearningDataset(reader(50, 4), SIZE)
    return DataModule(dataset, val, collate_fn=collate, batch_size=batch, workers=workers, val_workers=0)


def tiny_transunet():
    """The study's network, as small as it goes: for images of 16 pixels, group normalisation in its encoder."""
    return TransUNet(
        3, 4, image_size=SIZE, resnet_layers=[1, 1, 1], resnet_width=0.5, embed_dim=24, depth=1, heads=3,
        bottleneck_channels=16, decoder_channels=[16, 8, 8, 8],
    )  # fmt: skip


def module(settings, network=TinyUNet, **options):
    torch.manual_seed(3)
    kind = TwoEncoderModule if settings.form == "classic" else AlignmentModule
    defaults = {
        "optimizer": functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9),
        "extra": {"task": "tiny"},
    }
    return kind(network(), DiceHeatmapLoss(sigma_px=1.5), settings, **(defaults | options))


def settings(**options):
    scheduler = functools.partial(torch.optim.lr_scheduler.StepLR, step_size=3)
    levels = {"encoder": 0.1, "decoder": 0.1, "outputs": 0.1}
    return Alignment(**({"levels": levels, "updates": 2, "scheduler": scheduler} | options))


class Cut(pl.Callback):
    """Ends the process's run at the beginning of a step, as a crash would."""

    class Error(Exception):
        pass

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Cut.Error


def train(run_dir: Path, how, cut=None, workers=0, dataset=None, epochs=2, ema=False, **options):
    """Train, or go on training, to the end or until the step ``cut``; the module."""
    made = module(how, **options)
    callbacks = [ResumableCheckpoint(run_dir, every_n_steps=2, monitor=None)]
    callbacks += [WeightAverage(0.9)] if ema else []
    callbacks += [Cut(cut)] if cut is not None else []
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, deterministic=True, log_every_n_steps=1,
        num_sanity_val_steps=0, enable_progress_bar=False, enable_model_summary=False, gradient_clip_val=1.0,
        logger=CsvLogger(run_dir), default_root_dir=run_dir, callbacks=callbacks,
    )  # fmt: skip
    path = find_resume_checkpoint(run_dir, task="tiny")
    try:
        trainer.fit(made, data(how, dataset, workers), ckpt_path=path, weights_only=True)
    except Cut.Error:
        return None
    return made


def state(made):
    return {name: value.clone() for name, value in made.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
