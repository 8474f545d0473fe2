"""Stops a training whose loss or gradient is no number any more, before a checkpoint keeps the damage."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from synthex.core import UserError
from synthex.learning.checkpoints import CHECKPOINT_FOLDER, step_checkpoints

log = logging.getLogger(__name__)

LOOK_STEPS = 16
"""On a GPU, steps between two looks: each waits until the device is done, which costs time."""

MOST_SKIPPED = 25
"""Steps in a row that 16-bit gradients may overflow: the scale starts at 2^16 and is halved each time, so beyond 16 it
is not the scale."""

_USUAL_RATE = 0.1
"""Learning rates above are far from any that our optimisers and networks train with."""


class TrainingDivergedError(UserError):
    """A training that has gone wrong: what was seen at which step, what is left, what is likely to be the cause."""

    exit_code = 3


class StopIfNotFinite(pl.Callback):
    """Looks at the loss and at the length of the gradient of every step.

    With a gradient scaler (``16-mixed``) a gradient that overflows is no fault: the scaler leaves the step out. Such
    steps are counted, logged as ``train/skipped_steps`` and shown at the end; many in a row are a fault.

    Args:
        run_dir: Folder of the run, whose last checkpoint the error names.

    Raises:
        TrainingDivergedError: A loss or a gradient is not finite, or a validation's loss or a weight at the end.
    """

    def __init__(self, run_dir: str | Path) -> None:
        self.run_dir = Path(run_dir)
        self.skipped = 0
        self._in_a_row = 0
        self._gradient: Tensor | None = None
        self._seen: list[tuple[int, Tensor]] = []  # step, and whether loss, gradient and images were finite

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Note whether the gradient is finite: before it is clipped, after it has been unscaled."""
        gradients = [value.grad for group in optimizer.param_groups for value in group["params"]]
        found = [one for one in gradients if one is not None]
        if found:
            finite = torch.isfinite(torch.stack(torch._foreach_norm(found)).sum())
            self._gradient = finite if self._gradient is None else self._gradient & finite

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at what was noted; before a checkpoint is written, which comes later in a step."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        yes = torch.ones((), dtype=torch.bool, device=pl_module.device)
        facts = (
            torch.isfinite(loss.detach()).all() if isinstance(loss, Tensor) else yes,
            yes if self._gradient is None else self._gradient,
            _finite_images(batch, yes),
        )
        self._gradient = None
        self._seen.append((trainer.global_step, torch.stack([one.to(pl_module.device) for one in facts])))
        every = LOOK_STEPS if pl_module.device.type == "cuda" else 1
        last = batch_idx + 1 >= trainer.num_training_batches
        if last or len(self._seen) >= every or self._checkpoint_is_due(trainer):
            self._look(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A validation of weights that have gone wrong stops the run before they are kept."""
        value = trainer.callback_metrics.get("val/loss")
        if not trainer.sanity_checking and value is not None and not math.isfinite(float(value)):
            raise self._error(trainer, trainer.global_step, f"the loss of the validation is {float(value)}", False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say how many steps were skipped, and look at the weights that are left."""
        if self.skipped:
            log.warning(
                "%d of %d steps were left out because a gradient overflowed 16 bits", self.skipped, trainer.global_step
            )
        weights = [value.detach() for value in pl_module.parameters() if value.is_floating_point()]
        if weights and not bool(torch.isfinite(torch.stack(torch._foreach_norm(weights)).sum())):
            raise self._error(trainer, trainer.global_step, "a weight is not finite", False)

    def _checkpoint_is_due(self, trainer: pl.Trainer) -> bool:
        steps = [getattr(one, "every_n_steps", None) for one in trainer.checkpoint_callbacks]
        return any(every and trainer.global_step % every == 0 for every in steps)

    def _look(self, trainer: pl.Trainer) -> None:
        seen, self._seen = self._seen, []
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        for step, facts in zip([step for step, _ in seen], torch.stack([one for _, one in seen]).tolist(), strict=True):
            loss, gradient, images = facts
            if loss and gradient:
                self._in_a_row = 0
                continue
            self.skipped += scaled
            self._in_a_row += 1
            if scaled and images and self._in_a_row <= MOST_SKIPPED:
                trainer.lightning_module.log("train/skipped_steps", float(self.skipped))
                continue
            what = "the loss" if not loss else "the gradient"
            raise self._error(trainer, step, f"{what} is not finite", not images)

    def _error(self, trainer: pl.Trainer, step: int, what: str, images: bool) -> TrainingDivergedError:
        folder = self.run_dir / CHECKPOINT_FOLDER
        kept = next(iter(step_checkpoints(folder)), None)
        left = f"the last good checkpoint is {kept}" if kept else "there is no checkpoint yet"
        on = f"; to go on from it in another paths.run_dir: initial_weights={kept}" if kept else ""
        return TrainingDivergedError(
            f"training went wrong at step {step}: {what}; {left}; {_cause(trainer, images)}{on}"
        )


def _finite_images(batch: Any, yes: Tensor) -> Tensor:
    image = batch.get("image") if isinstance(batch, Mapping) else None
    return torch.isfinite(image).all() if isinstance(image, Tensor) and image.is_floating_point() else yes


def _cause(trainer: pl.Trainer, images: bool) -> str:
    """The likeliest cause, and what to do about it."""
    if images:
        return "an image of the batch holds NaN or infinity: look at the data with `synthex preview` or `data inspect`"
    rate = max((float(group["lr"]) for one in trainer.optimizers for group in one.param_groups), default=0.0)
    if rate > _USUAL_RATE:
        return f"the likeliest cause is the learning rate {rate:g}: give a lower optimizer.lr, such as 1e-3"
    if "16" in str(trainer.precision) and "bf16" not in str(trainer.precision):
        return "the likeliest cause is an overflow of 16-bit numbers: give trainer.precision=bf16-mixed or 32"
    if not trainer.gradient_clip_val:
        return (
            "the likeliest cause is a gradient without bound: give trainer.gradient_clip_val=1, or a lower optimizer.lr"
        )
    return f"the likeliest cause is the learning rate {rate:g}: give a lower optimizer.lr"
