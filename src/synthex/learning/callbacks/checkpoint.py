"""Checkpoints that survive being killed while they are written."""

import logging
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from synthex.core import ConfigError, atomic_path
from synthex.learning.callbacks.stop_signals import StopSignals
from synthex.learning.checkpoints import CHECKPOINT_FOLDER, step_checkpoints

log = logging.getLogger(__name__)

AGREE_STEPS = 10
"""Steps after which processes that train together ask each other whether to stop: asking at each would cost time."""


class ResumableCheckpoint(pl.callbacks.Checkpoint):
    """Writes ``step=<n>.ckpt`` every so often, and ``best.ckpt`` when a validation number improves.

    A file appears under its name only when all of it is on the disk, and the one before is deleted only
    after that, so that a run killed at any moment has one to resume from. A signal that asks to stop
    (pre-emption, the end of a time limit) is obeyed after one more has been written.

    Args:
        run_dir: Folder of the run; files go to its ``checkpoints`` folder.
        every_n_epochs: Write at the end of every so many epochs (and of the last).
        every_n_steps: Write also after every so many optimizer steps; None for not at all.
        keep: How many to keep, besides the best; at least 2, the newest and a spare.
        monitor: Logged number that ranks; where it is not logged, the newest is the best. None for no best.
        mode: Whether ``min`` or ``max`` is better.
    """

    def __init__(
        self,
        run_dir: str | Path,
        every_n_epochs: int = 1,
        every_n_steps: int | None = None,
        keep: int = 2,
        monitor: str | None = "val/loss",
        mode: str = "min",
    ) -> None:
        if every_n_epochs < 1 or (every_n_steps is not None and every_n_steps < 1) or keep < 2:
            raise ConfigError(
                f"checkpoints need every_n_epochs >= 1, every_n_steps >= 1 or null and keep >= 2, got "
                f"{every_n_epochs}, {every_n_steps}, {keep}"
            )
        if mode not in ("min", "max"):
            raise ConfigError(f"checkpoint mode {mode!r}; choose min or max")
        self.folder = Path(run_dir) / CHECKPOINT_FOLDER
        self.every_n_epochs, self.every_n_steps, self.keep = every_n_epochs, every_n_steps, keep
        self.monitor, self.mode = monitor, mode
        self.best_value: float | None = None
        self._last_step = self._stepped = -1
        self._signals = StopSignals()

    @property
    def best_model_path(self) -> str:
        """The best checkpoint, or an empty string (Lightning's name for it)."""
        path = self.folder / "best.ckpt"
        return str(path) if path.is_file() else ""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove what a killed run left half written."""
        if trainer.is_global_zero:
            for path in self.folder.glob(".*.part.*"):
                path.unlink(missing_ok=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the checkpoint that the run goes on from as written.

        Writing it again in the midst of an accumulated gradient would lose the gradient's first part.
        """
        self._last_step = self._stepped = trainer.global_step
        self._signals.hold()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What stops a process stops it at once again."""
        self._signals.release()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """What stops a process stops it at once again."""
        self._signals.release()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write within an epoch."""
        step = trainer.global_step
        # The end of an epoch has its own checkpoint, after validation; between the parts of an accumulated
        # gradient there is nothing to write, for gradients are not saved.
        within_epoch = batch_idx + 1 < trainer.num_training_batches
        stepped, self._stepped = step != self._stepped, step
        if not within_epoch or not stepped:
            return
        stop = self._stop(trainer, step)
        if step != self._last_step and (stop or (self.every_n_steps and step % self.every_n_steps == 0)):
            self._write(trainer, improved=False)
        if stop:
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write at the end of an epoch."""
        last = trainer.current_epoch + 1 == trainer.max_epochs or trainer.should_stop
        due = (trainer.current_epoch + 1) % self.every_n_epochs == 0 or last or trainer.global_step == trainer.max_steps
        improved = self._improves(trainer)
        if due or improved:
            self._write(trainer, improved)
        if self._stop(trainer, 0):
            if not (due or improved):
                self._write(trainer, improved=False)
            self._leave(trainer)

    def _stop(self, trainer: pl.Trainer, step: int) -> bool:
        """Whether to stop now; processes that train together do so at the same step."""
        stop = self._signals.received is not None
        if trainer.world_size == 1:
            return stop
        return step % AGREE_STEPS == 0 and trainer.strategy.reduce_boolean_decision(stop, all=False)

    def _leave(self, trainer: pl.Trainer) -> None:
        if self._signals.received is None:  # another process of this training has had the signal
            raise SystemExit(128 + signal.SIGTERM)
        log.info("%s: stopping, with a checkpoint of step %d", self._signals.received.name, trainer.global_step)
        if trainer.world_size > 1 and self._signals.received == signal.SIGTERM:
            # Lightning's handler would tell the other processes, which have left by themselves and answer no more.
            raise SystemExit(128 + signal.SIGTERM)
        self._signals.answer()

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The best value so far."""
        self.best_value = state_dict["best_value"]

    def _improves(self, trainer: pl.Trainer) -> bool:
        if self.monitor is None:
            return False
        value = trainer.callback_metrics.get(self.monitor)
        if value is None:
            return self.best_value is None
        number = float(value)
        if not math.isfinite(number):
            return False
        sign = 1 if self.mode == "min" else -1
        if self.best_value is not None and sign * number >= sign * self.best_value:
            return False
        self.best_value = number
        return True

    def _write(self, trainer: pl.Trainer, improved: bool) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        self._last_step = trainer.global_step
        target = self.folder / f"step={trainer.global_step:08d}.ckpt"
        if not trainer.is_global_zero:
            trainer.save_checkpoint(target)  # takes part in the collection of states; only rank 0 writes
            return
        with atomic_path(target) as temporary:
            trainer.save_checkpoint(temporary)
            _flush(temporary)
            if improved:
                # Before the step's file, whose state says that this best has been kept.
                with atomic_path(self.folder / "best.ckpt") as best:
                    shutil.copyfile(temporary, best)
                    _flush(best)
        _flush(self.folder)
        for path in step_checkpoints(self.folder)[self.keep :]:
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have the system put a file, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
