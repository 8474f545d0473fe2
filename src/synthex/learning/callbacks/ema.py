"""Exponential moving average of the network's weights."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from synthex.core import ConfigError
from synthex.learning.checkpoints import EMA_KEY


class WeightAverage(pl.Callback):
    """Validates, exports and ends with a running average of the weights; trains with the plain ones.

    After step n the average moves by ``1 - min(decay, (1 + n) / (10 + n))``, so that it is not held back
    by the random start (the rule of TensorFlow's ExponentialMovingAverage). Batch statistics are averaged
    as well. The average is part of every checkpoint, so that a resumed run has the same.

    Args:
        decay: Memory of the average; about ``1 / (1 - decay)`` steps.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"EMA decay {decay} must be in [0, 1)")
        self.decay = decay
        self._average: dict[str, Tensor] | None = None
        self._plain: dict[str, Tensor] | None = None
        self._updates = 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the average at the first weights, or keep the checkpoint's."""
        if self._average is None:
            self._average = _copy(_network(pl_module))
        self._plain = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average after each optimizer step."""
        if self._average is None or trainer.global_step == self._updates:
            return
        self._updates = trainer.global_step
        decay = min(self.decay, (1 + self._updates) / (10 + self._updates))
        state = _network(pl_module).state_dict()
        self._average = {name: value.to(state[name].device) for name, value in self._average.items()}
        floating = [name for name, value in state.items() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self._average[n] for n in floating], [state[n] for n in floating], 1 - decay)
            for name in state.keys() - set(floating):
                self._average[name].copy_(state[name])

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the average."""
        if trainer.state.fn == "fit" and self._average is not None:
            self._plain = _copy(_network(pl_module))
            _network(pl_module).load_state_dict(self._average)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on with the plain weights."""
        self._restore(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Leave the plain weights if validation failed."""
        self._restore(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What comes after training uses the average."""
        if self._average is not None:
            _network(pl_module).load_state_dict(self._average)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the average, and the count in the callback's state."""
        if self._average is not None:
            checkpoint[EMA_KEY] = self._average

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the average of the checkpoint; one without starts the average at its weights."""
        stored = checkpoint.get(EMA_KEY)
        self._average = None if stored is None else {name: value.clone() for name, value in stored.items()}

    def state_dict(self) -> dict[str, Any]:
        """Number of updates."""
        return {"updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Number of updates."""
        self._updates = int(state_dict["updates"])

    def _restore(self, pl_module: pl.LightningModule) -> None:
        if self._plain is not None:
            _network(pl_module).load_state_dict(self._plain)
            self._plain = None


def _network(pl_module: pl.LightningModule) -> nn.Module:
    return pl_module.get_submodule("network")


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
