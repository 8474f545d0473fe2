"""Supervised training of any network with any loss: the task's parts are injected."""

import inspect
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from synthex.core import Prediction, derive_seed
from synthex.learning.checkpoints import CHECKPOINT_KEY, check_task

Batch = Mapping[str, Any]


class SupervisedModule(pl.LightningModule):
    """Learns from batches and validates with the task's own score.

    Logged: ``train/<part of the loss>`` every step, ``val/<part of the loss>`` and ``val/<score>`` every
    validation. All randomness of a step (dropout, …) depends on ``seed`` and the step's number alone, so
    that an interrupted run continues exactly. Over several processes, losses and scores are those of the whole batch
    and of all validation batches; a step's randomness is each process's own.

    Args:
        network: Image to outputs.
        loss: ``(outputs, batch)`` to a dict of scalars, among them ``loss``.
        decode: ``(outputs, batch)`` to one prediction a case; None if the module is only trained.
        score: ``(predictions, batch)`` to named numbers of this batch, averaged over the batches weighted
            with their size; NaN means that the batch says nothing.
        optimizer: Called with the parameters (a partial).
        scheduler: Called with the optimizer (a partial), and with ``total_steps``, the optimizer steps of
            the whole run, if it takes a parameter of this name. None keeps the rate.
        scheduler_interval: Whether the scheduler counts steps or epochs.
        compile: Compile the network (``torch.compile``); its first steps are slow.
        channels_last: Memory order that convolutions like on GPUs and recent CPUs.
        seed: Of the randomness within steps.
        extra: JSON values stored in every checkpoint; ``task`` is compared when one is loaded.
        validation_images: Images of a validation batch that go through the network at once; None for all.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Mapping[str, Tensor], Batch], dict[str, Tensor]],
        decode: Callable[[Mapping[str, Tensor], Batch], list[Prediction]] | None = None,
        score: Callable[[list[Prediction], Batch], Mapping[str, float]] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW,
        scheduler: Callable[..., Any] | None = None,
        scheduler_interval: Literal["step", "epoch"] = "step",
        compile: bool = False,  # noqa: A002  the field's name for it
        channels_last: bool = False,
        seed: int = 0,
        extra: Mapping[str, Any] | None = None,
        validation_images: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.decode, self.score = network, loss, decode, score
        self._optimizer, self._scheduler, self._scheduler_interval = optimizer, scheduler, scheduler_interval
        self._channels_last = channels_last
        self._seed, self._validation_images = seed, validation_images
        self._extra = dict(extra or {})
        self._scores: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        if channels_last:
            self.network.to(memory_format=torch.channels_last)
        if compile:
            self.network.compile()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Network outputs for images (B, 1, H, W)."""
        if self._channels_last:
            image = image.contiguous(memory_format=torch.channels_last)
        return self.network(image)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make the step's randomness a function of its number."""
        seed = derive_seed(self._seed, "step", self.global_step, batch_idx, self.global_rank)
        torch.manual_seed(seed % 2**63)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch."""
        parts = self.loss(self(batch["image"]), batch)
        size = len(batch["image"])
        # The mean over the processes is the loss of the whole batch.
        values = {f"train/{name}": value.detach() for name, value in parts.items()}
        self.log_dict(values, batch_size=size, sync_dist=True)
        self.log("loss", parts["loss"].detach(), prog_bar=True, logger=False, batch_size=size)
        return parts["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Losses and scores of one batch."""
        outputs = self._outputs(batch["image"])
        # A batch that only fills up a process's share, so that all of them have the same number, counts for nothing.
        size = 0 if batch.get("padding") else len(batch["image"])
        parts = self.loss(outputs, batch)
        values = {f"val/{name}": value for name, value in parts.items()}
        # Lightning takes the mean of the processes' numbers of samples in whole numbers: make it one.
        weight = size * self.trainer.world_size
        self.log_dict(values, on_epoch=True, batch_size=weight, sync_dist=True)
        if self.decode is None or self.score is None:
            return
        for name, value in self.score(self.decode(outputs, batch), batch).items():
            total = self._scores[name]  # there in every process, as their sums are added up
            if math.isfinite(value):
                total[0] += value * size
                total[1] += size

    def _outputs(self, image: Tensor) -> dict[str, Tensor]:
        """Outputs for a validation batch, which may be larger than what training puts on the device."""
        if self._validation_images is None or len(image) <= self._validation_images:
            return self(image)
        pieces = [self(piece) for piece in image.split(self._validation_images)]
        return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}

    def on_validation_epoch_start(self) -> None:
        """Start new averages."""
        self._scores.clear()

    def on_validation_epoch_end(self) -> None:
        """Log the averages of the scores."""
        names: Sequence[str] = sorted(self._scores)
        if not names:
            return
        sums = torch.tensor([self._scores[name] for name in names], device=self.device, dtype=torch.float32)
        sums = self.trainer.strategy.reduce(sums, reduce_op="sum")
        for name, (total, count) in zip(names, sums.tolist(), strict=True):
            if count:
                self.log(f"val/{name}", total / count, prog_bar=len(names) <= 4, sync_dist=True)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move the batch's tensors; the rest (native geometry, names) stays as it is, whatever its type."""
        return {
            key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
            for key, value in batch.items()
        }

    def configure_optimizers(self) -> Any:
        """Optimizer and, if there is one, scheduler."""
        optimizer = self._optimizer([value for value in self.network.parameters() if value.requires_grad])
        if self._scheduler is None:
            return optimizer
        options = {}
        if "total_steps" in inspect.signature(self._scheduler).parameters:
            options["total_steps"] = max(1, int(self.trainer.estimated_stepping_batches))
        scheduler = self._scheduler(optimizer, **options)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": self._scheduler_interval},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose checkpoint it is."""
        checkpoint[CHECKPOINT_KEY] = dict(self._extra)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another task."""
        check_task(checkpoint, self._extra.get("task"), "the checkpoint")
