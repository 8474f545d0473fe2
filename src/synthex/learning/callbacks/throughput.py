"""How fast training is, and how much of it is waiting for data."""

import time
from typing import Any

import pytorch_lightning as pl


class ThroughputMonitor(pl.Callback):
    """Logs ``train/samples_per_s`` and ``train/data_wait_share`` every so many batches.

    The wait is the time from the end of a batch (or the start of the epoch) to the start of the next,
    validation excluded: near 0 the network is the bottleneck, near 1 the data is.

    Args:
        every_n_batches: Batches that one figure covers.
    """

    def __init__(self, every_n_batches: int = 10) -> None:
        self.every_n_batches = max(1, every_n_batches)
        self._mark: float | None = None
        self._start = 0.0
        self._clear()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch's first batch is waited for too."""
        self._clear()
        self._mark = time.perf_counter()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation is not waiting."""
        self._mark = None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Nor is writing a checkpoint."""
        self._mark = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The wait is over."""
        self._start = time.perf_counter()
        if self._mark is not None:
            self._waited += self._start - self._mark

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count, and log when enough is counted."""
        self._mark = time.perf_counter()
        self._worked += self._mark - self._start
        self._samples += len(batch["image"]) * trainer.world_size
        self._batches += 1
        total = self._waited + self._worked
        if total > 0 and (self._batches >= self.every_n_batches or batch_idx + 1 == trainer.num_training_batches):
            pl_module.log("train/samples_per_s", self._samples / total, prog_bar=True, batch_size=1)
            pl_module.log("train/data_wait_share", self._waited / total, prog_bar=True, batch_size=1)
            self._clear()

    def _clear(self) -> None:
        self._waited = self._worked = 0.0
        self._samples = self._batches = 0
