"""A tiny network, task and run, to train in a second; also a driver that kills and resumes runs.

Run as a script it reads a JSON list of scenarios from standard input and writes a JSON list of results:
every run is a fork of the process, so that the slow imports are paid once.
"""

import functools
import hashlib
import json
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import Dataset

from synthex.core import Prediction, derive_rng
from synthex.learning import CsvLogger, DataModule, SupervisedModule, find_resume_checkpoint
from synthex.learning import schedules as rates
from synthex.learning.callbacks import ResumableCheckpoint, ThroughputMonitor, WeightAverage
from synthex.nn import DiceHeatmapLoss, read_heatmaps

SIZE = 16
STRUCTURES, LANDMARKS = 2, 3


@dataclass(frozen=True)
class NativeGeometry:
    """Stands for what a decoder needs to go back to native pixels: opaque and frozen."""

    scale: float


class TinyNetwork(nn.Module):
    """Two convolutions with batch statistics and dropout: all that makes exact resuming hard."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2))
        self.masks, self.heatmaps = nn.Conv2d(6, STRUCTURES, 1), nn.Conv2d(6, LANDMARKS, 1)

    def forward(self, image):
        features = self.body(image)
        return {"masks": self.masks(features), "heatmaps": self.heatmaps(features)}


class TinySamples(Dataset):
    """Item i is a pure function of i."""

    def __init__(self, length: int = 64, split: str = "train"):
        self.length, self.split = length, split

    def __len__(self):
        return self.length

    def __getitem__(self, index: int) -> dict:
        rng = derive_rng(7, self.split, index)
        visible = rng.random(LANDMARKS) > 0.3
        points = np.where(visible[:, None], rng.uniform(2, SIZE - 2, (LANDMARKS, 2)), np.nan)
        return {
            "image": torch.from_numpy(rng.standard_normal((1, SIZE, SIZE), dtype=np.float32)),
            "masks": torch.from_numpy(rng.random((STRUCTURES, SIZE, SIZE)) > 0.5),
            "landmarks": torch.from_numpy(points.astype(np.float32)),
            "visible": torch.from_numpy(visible),
            "annotated": torch.ones(LANDMARKS, dtype=torch.bool),
            "index": index,
            "case_id": f"case-{index}",
            "subject_id": "subject",
            "pixel_mm": 1.0,
            "native": NativeGeometry(1.0),
        }


def collate(samples: list[dict]) -> dict:
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    for key in ("image", "masks", "landmarks", "visible", "annotated"):
        batch[key] = torch.stack(batch[key])
    batch["index"] = torch.tensor(batch["index"])
    batch["pixel_mm"] = torch.tensor(batch["pixel_mm"])
    return batch


def decode(outputs: dict, batch: dict) -> list[Prediction]:
    points, confidence = read_heatmaps(outputs["heatmaps"].float(), 1.5)
    return [
        Prediction(case, p.numpy(), c.numpy(), c.numpy() > 0.5, m.numpy() > 0)
        for case, p, c, m in zip(
            batch["case_id"], points.cpu(), confidence.cpu(), outputs["masks"].float().cpu(), strict=True
        )
    ]


def score(predictions: list[Prediction], batch: dict) -> dict[str, float]:
    return {"confidence": float(np.mean([p.confidence.mean() for p in predictions])), "nothing": float("nan")}


def make_module(**options) -> SupervisedModule:
    torch.manual_seed(3)
    defaults = {
        "optimizer": functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
        "scheduler": functools.partial(rates.cosine, warmup=0.2),
        "decode": decode,
        "score": score,
        "extra": {"task": "tiny"},
    }
    return SupervisedModule(TinyNetwork(), DiceHeatmapLoss(sigma_px=1.5), **(defaults | options))


def make_data(workers: int = 0, endless: bool = True, **options) -> DataModule:
    defaults = {"batch_size": 4, "val_workers": 0, "samples_per_epoch": 20, "collate_fn": collate}
    return DataModule(TinySamples(24), TinySamples(6, "val"), workers=workers, endless=endless, **(defaults | options))


def make_trainer(run_dir: Path, callbacks: list = (), **options) -> pl.Trainer:
    defaults = {
        "accelerator": "cpu", "devices": 1, "max_epochs": 3, "deterministic": True, "log_every_n_steps": 1,
        "num_sanity_val_steps": 0, "enable_progress_bar": False, "enable_model_summary": False,
        "gradient_clip_val": 1.0, "logger": CsvLogger(run_dir), "default_root_dir": run_dir,
    }  # fmt: skip
    return pl.Trainer(callbacks=list(callbacks), **(defaults | options))


class Killer(pl.Callback):
    """Kills its own process, without any farewell, at one moment of the run."""

    def __init__(self, moment: str, step: int):
        self.moment, self.step = moment, step

    def _kill(self, moment: str, step: int):
        if moment == self.moment and step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_train_start(self, trainer, pl_module):
        self.begun = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.begun += 1
        self._kill("micro_batch", self.begun)  # batches since this process began
        self._kill("batch_start", trainer.global_step)

    def on_after_backward(self, trainer, pl_module):
        self._kill("backward", trainer.global_step)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self._kill("validation", trainer.global_step)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        if self.moment == "half_written" and trainer.global_step == self.step:
            folder = trainer.checkpoint_callback.folder
            (folder / f".{os.getpid()}.part.step={self.step:08d}.ckpt").write_bytes(b"PK half a file")
            os.kill(os.getpid(), signal.SIGKILL)


def train(run_dir: Path, scenario: dict, kill: tuple[str, int] | None = None) -> str:
    """Train, or go on training, to the end; the digest of all final weights."""
    module = make_module()
    callbacks = [
        ResumableCheckpoint(run_dir, every_n_steps=scenario["every_n_steps"]),
        ThroughputMonitor(every_n_batches=2),
    ]
    if scenario["ema"]:
        callbacks.append(WeightAverage(decay=0.9))
    if kill:
        callbacks.append(Killer(*kill))
    trainer = make_trainer(run_dir, callbacks, accumulate_grad_batches=scenario.get("accumulate", 1))
    data = make_data(scenario["workers"], scenario["endless"])
    trainer.fit(module, data, ckpt_path=find_resume_checkpoint(run_dir, task="tiny"), weights_only=True)
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def in_fork(work: Callable[[], str]) -> str | None:
    """The result of ``work`` in a forked process; None if that process was killed."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(write, work().encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as pipe:
        result = pipe.read()
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status != 0:
        raise RuntimeError(f"a training run failed with status {status}")
    return result


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    request = json.load(sys.stdin)
    results = []
    for number, scenario in enumerate(request["scenarios"]):
        folder = Path(request["folder"]) / str(number)
        whole = in_fork(lambda run=folder / "whole", s=scenario: train(run, s))
        resumed = {}
        for kills in scenario["kills"]:
            run = folder / "-".join(f"{moment}{step}" for moment, step in kills)
            for kill in kills:
                if in_fork(lambda r=run, s=scenario, k=kill: train(r, s, tuple(k))) is not None:
                    raise RuntimeError(f"the run was not killed at {kill}")
            resumed[run.name] = in_fork(lambda r=run, s=scenario: train(r, s))
        results.append({"whole": whole, "resumed": resumed})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
