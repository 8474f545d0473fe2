"""Training of CycleGAN: two generators, two discriminators, no pairs."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from synthex.adaptation.translation.pool import ImagePool
from synthex.adaptation.translation.structure import check_structure
from synthex.core import derive_rng, derive_seed
from synthex.learning.checkpoints import CHECKPOINT_KEY, check_task
from synthex.nn import PatchDiscriminator, ResNetGenerator

POOLS_KEY = "synthex_pools"
"""Where a checkpoint keeps the pools of earlier translations."""


class CycleGanModule(pl.LightningModule):
    """CycleGAN (Zhu et al., ICCV 2017) between simulated and real radiographs.

    The generators' loss is ``adversarial + cycle_weight (cycle + identity_weight identity)``, summed over both
    directions: least squares to 1 of the discriminators' scores, and mean absolute differences. A discriminator's is
    half the sum of its least squares to 1 for images of its domain and to 0 for translations out of the pool.

    Generators and discriminators share one optimizer and one step. This is the original's alternation: there, too,
    the discriminators learn from the translations that the generators have made before their own step, and Adam
    treats every weight by itself.

    Logged every step as ``train/...``: all parts of the loss, ``accuracy_real`` and ``accuracy_simulated`` (the share
    of patches that a discriminator tells right; 0.5 is chance, and for long near 1 it has won and teaches nothing),
    ``structure`` (agreement of the edges before and after translation to real) and ``label_fit_before`` and
    ``label_fit_after`` (:mod:`synthex.adaptation.translation.structure`).

    All randomness of a step depends on ``seed`` and the step's number, and the pools are part of the checkpoint, so
    that an interrupted run continues exactly. (Of several processes only the first one's pools are kept.)

    Args:
        generator: Makes a generator; called twice. None for :class:`synthex.nn.ResNetGenerator` as it comes.
        discriminator: Makes a discriminator; called twice. None for :class:`synthex.nn.PatchDiscriminator`.
        cycle_weight: Of what comes back after both translations (10 in the original).
        identity_weight: Of what a generator does to images of its own domain, relative to the cycle (0.5).
        pool: Earlier translations that a discriminator learns from (50).
        optimizer: Called with the parameters (a partial); None for Adam with 2e-4 and betas 0.5 and 0.999.
        scheduler: As for :class:`synthex.learning.SupervisedModule`.
        seed: Of the randomness within steps.
        extra: JSON values stored in every checkpoint; ``task`` is compared when one is loaded.
    """

    def __init__(
        self,
        generator: Callable[[], ResNetGenerator] | None = None,
        discriminator: Callable[[], PatchDiscriminator] | None = None,
        cycle_weight: float | int = 10.0,
        identity_weight: float | int = 0.5,
        pool: int = 50,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        scheduler: Callable[..., Any] | None = None,
        seed: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        generator, discriminator = generator or ResNetGenerator, discriminator or PatchDiscriminator
        self.to_real, self.to_simulated = generator(), generator()
        self.judge_real, self.judge_simulated = discriminator(), discriminator()
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        self.pools = {"real": ImagePool(pool), "simulated": ImagePool(pool)}
        self._optimizer, self._scheduler, self._seed, self._extra = optimizer, scheduler, seed, dict(extra or {})

    def forward(self, image: Tensor) -> Tensor:
        """Simulated images (B, 1, H, W), values about -1 to 1, as if they were real."""
        return self.to_real(image)

    def on_train_batch_start(self, batch: Mapping[str, Any], batch_idx: int) -> None:
        """Make the step's randomness a function of its number."""
        torch.manual_seed(derive_seed(self._seed, "step", self.global_step, batch_idx, self.global_rank) % 2**63)

    def training_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        """Loss of all four networks for one batch: ``image`` (simulated) and ``real``, both (B, 1, H, W)."""
        simulated, real = batch["image"], batch["real"]
        looks_real, looks_simulated = self.to_real(simulated), self.to_simulated(real)
        parts = self._generators(simulated, real, looks_real, looks_simulated)
        rng = derive_rng(self._seed, "pool", self.global_step, batch_idx, self.global_rank)
        for name, judge, own, translated in (
            ("real", self.judge_real, real, looks_real),
            ("simulated", self.judge_simulated, simulated, looks_simulated),
        ):
            loss, accuracy = judged(judge, own, self.pools[name].exchange(translated, rng))
            parts |= {f"discriminator_{name}": loss, f"accuracy_{name}": accuracy}
        total = parts["generators"] + parts["discriminator_real"] + parts["discriminator_simulated"]
        size = len(simulated)
        self.log_dict({f"train/{name}": value.detach() for name, value in parts.items()}, batch_size=size)
        for name in ("accuracy_real", "accuracy_simulated"):
            self.log(name, parts[name], prog_bar=True, logger=False, batch_size=size)
        if (self.global_step + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_structure(batch, looks_real)
        return total

    def _generators(
        self, simulated: Tensor, real: Tensor, looks_real: Tensor, looks_simulated: Tensor
    ) -> dict[str, Tensor]:
        with frozen(self.judge_real), frozen(self.judge_simulated):
            parts = {
                "adversarial_real": _least_squares(self.judge_real(looks_real), 1.0),
                "adversarial_simulated": _least_squares(self.judge_simulated(looks_simulated), 1.0),
            }
        parts["cycle_simulated"] = functional.l1_loss(self.to_simulated(looks_real), simulated)
        parts["cycle_real"] = functional.l1_loss(self.to_real(looks_simulated), real)
        cycle = parts["cycle_simulated"] + parts["cycle_real"]
        if self.identity_weight > 0:
            parts["identity_real"] = functional.l1_loss(self.to_real(real), real)
            parts["identity_simulated"] = functional.l1_loss(self.to_simulated(simulated), simulated)
            cycle = cycle + self.identity_weight * (parts["identity_real"] + parts["identity_simulated"])
        adversarial = parts["adversarial_real"] + parts["adversarial_simulated"]
        return parts | {"generators": adversarial + self.cycle_weight * cycle}

    def _log_structure(self, batch: Mapping[str, Any], looks_real: Tensor) -> None:
        images = zip(batch["image"], looks_real.detach(), batch["masks"], strict=True)
        checks = [
            check_structure(image[0].float().cpu().numpy(), translated[0].float().cpu().numpy(), masks.cpu().numpy())
            for image, translated, masks in images
        ]
        for name, values in (
            ("structure", [check.agreement for check in checks]),
            ("label_fit_before", [check.before for check in checks]),
            ("label_fit_after", [check.after for check in checks]),
        ):
            known = [value for value in values if value == value]  # NaN where there is nothing to see
            if known:
                self.log(f"train/{name}", sum(known) / len(known), batch_size=len(known))

    def configure_optimizers(self) -> Any:
        """One optimizer for all four networks and, if there is one, its scheduler."""
        parameters = [value for value in self.parameters() if value.requires_grad]
        if self._optimizer is None:
            optimizer: torch.optim.Optimizer = torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))
        else:
            optimizer = self._optimizer(parameters)
        if self._scheduler is None:
            return optimizer
        options = {}
        if "total_steps" in inspect.signature(self._scheduler).parameters:
            options["total_steps"] = max(1, int(self.trainer.estimated_stepping_batches))
        scheduler = self._scheduler(optimizer, **options)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose checkpoint it is, and keep the pools."""
        checkpoint[CHECKPOINT_KEY] = dict(self._extra)
        checkpoint[POOLS_KEY] = {name: pool.state_dict() for name, pool in self.pools.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another task; take the pools."""
        check_task(checkpoint, self._extra.get("task"), "the checkpoint")
        for name, state in checkpoint.get(POOLS_KEY, {}).items():
            self.pools[name].load_state_dict(state, self.device)


def judged(judge: nn.Module, own: Tensor, translated: Tensor) -> tuple[Tensor, Tensor]:
    """A discriminator's loss, and the share of patches that it tells right (cut at one half, both kinds alike)."""
    of_own, of_translated = judge(own), judge(translated.detach())
    # Half of it slows the discriminator down relative to the generator (Zhu et al. 2017).
    loss = 0.5 * (_least_squares(of_own, 1.0) + _least_squares(of_translated, 0.0))
    right = 0.5 * ((of_own > 0.5).float().mean() + (of_translated < 0.5).float().mean())
    return loss, right


def _least_squares(scores: Tensor, target: float) -> Tensor:
    return functional.mse_loss(scores, torch.full_like(scores, target))


@contextlib.contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients pass through a network to its inputs, and not into its weights."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
