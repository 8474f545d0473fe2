"""What a person sees while training runs: a bar on a terminal, a line now and then elsewhere."""

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar

from synthex.core import ConfigError

log = logging.getLogger(__name__)


def progress(style: str = "auto", every_s: float = 15.0, refresh_rate: int = 1) -> ProgressBar:
    """A progress callback.

    Args:
        style: ``bar`` for Rich's, ``lines`` for log lines, ``auto`` for a bar where stdout is a terminal.
        every_s: Seconds between lines.
        refresh_rate: Batches between redraws of the bar.
    """
    if style not in ("auto", "bar", "lines"):
        raise ConfigError(f"progress style {style!r}; choose auto, bar or lines")
    if style == "bar" or (style == "auto" and sys.stdout.isatty()):
        return RichProgressBar(refresh_rate=refresh_rate, leave=False)
    return ProgressLines(every_s)


class ProgressLines(ProgressBar):
    """Logs a line at level INFO every ``every_s`` seconds and after every validation."""

    def __init__(self, every_s: float = 15.0) -> None:
        super().__init__()
        self.every_s = every_s
        self._last = -float("inf")
        self._enabled = True

    def disable(self) -> None:
        """Say nothing (Lightning silences all processes but one)."""
        self._enabled = False

    def enable(self) -> None:
        """Speak again."""
        self._enabled = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A line if it is time."""
        if time.monotonic() - self._last >= self.every_s:
            self._line(trainer, pl_module, batch_idx + 1)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A line with the new scores."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            self._line(trainer, pl_module, done, list(trainer.callback_metrics.items()))

    def _line(self, trainer: pl.Trainer, pl_module: pl.LightningModule, done: int, extra: Any = ()) -> None:
        if not self._enabled:
            return
        self._last = time.monotonic()
        metrics = {name: value for name, value in self.get_metrics(trainer, pl_module).items() if name != "v_num"}
        metrics |= {name: float(value) for name, value in extra if name.startswith("val/")}
        figures = "  ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in metrics.items()
        )
        epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else "?"
        log.info(
            "epoch %d/%s  batch %d/%s  %s",
            trainer.current_epoch + 1,
            epochs,
            done,
            trainer.num_training_batches,
            figures,
        )
