"""Training with feature alignment: the part that both forms share, and the form of one shared network."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from synthex.adaptation.alignment.batch_statistics import held
from synthex.adaptation.alignment.losses import Game, confusion_loss, discriminator_loss, domain_accuracy
from synthex.adaptation.alignment.pairs import TARGET_IMAGE
from synthex.adaptation.alignment.settings import Alignment
from synthex.adaptation.alignment.statistics import statistics_distance
from synthex.adaptation.alignment.watch import WINDOW, DiscriminatorWatch
from synthex.core import ConfigError, derive_seed
from synthex.learning import SupervisedModule
from synthex.learning.schedules import make_scheduler
from synthex.nn import PixelDiscriminator

ALIGNMENT_KEY = "synthex_alignment"
"""Where a checkpoint keeps the state of the discriminators' optimizer."""

Batch = Mapping[str, Any]
Features = dict[str, Tensor]


class AlignmentModule(SupervisedModule):
    """Supervised learning on simulated images with the features of unlabelled target images aligned to theirs.

    The ``shared`` form of :class:`~synthex.adaptation.alignment.Alignment`: one network for both domains. Batches are
    those of :class:`~synthex.adaptation.alignment.PairedDataset`. A step first updates the discriminators, which are
    no part of the trainer's optimizer, so that steps, schedules, clipping and checkpoints are those of supervised
    training; then the network, with the sum of its task's loss and of the weighted adversarial ones.

    Logged beside what :class:`synthex.learning.SupervisedModule` does: ``train/adversarial``, and of each level under
    ``align/<level>_``: ``discriminator`` (its loss) and ``accuracy_source``, ``accuracy_target`` before its update,
    ``mean_distance`` and ``spread_distance`` (:func:`~synthex.adaptation.alignment.statistics_distance`).

    Args:
        network: Gives ``encoder`` and ``decoder`` features beside its outputs when called with ``features=True``.
        loss: As for supervised training.
        alignment: What is aligned, and how.
        options: Of :class:`synthex.learning.SupervisedModule`.

    Raises:
        ConfigError: The network gives no features.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Mapping[str, Tensor], Batch], dict[str, Tensor]],
        alignment: Alignment,
        **options: Any,
    ) -> None:
        if "features" not in inspect.signature(network.forward).parameters:
            raise ConfigError(f"{type(network).__name__} gives no features to align; use model=unet or model=transunet")
        super().__init__(network, loss, **options)
        self.alignment = alignment
        self.discriminators = nn.ModuleDict(self._new_discriminators())
        # Trained by themselves: the trainer's optimizer, and the reduction of gradients over processes, pass them by.
        self.discriminators.requires_grad_(False)
        self._teacher: torch.optim.Optimizer | None = None
        self._teacher_rate: Any = None
        self._restored: dict[str, Any] | None = None
        self._steps = 1.0
        self._watch = DiscriminatorWatch()
        self._accuracy: dict[str, Tensor] = {}
        self._watched = 0

    @property
    def _game(self) -> Game:
        return cast(Game, self.alignment.game)  # which has checked it

    def on_train_start(self) -> None:
        """Make the discriminators' optimizer, or go on with the checkpoint's."""
        self._steps = max(1.0, float(self.trainer.estimated_stepping_batches))
        self._teacher = self.alignment.optimizer(list(self.discriminators.parameters()))
        if self.alignment.scheduler is not None:
            batches = int(self._steps) * self.trainer.accumulate_grad_batches
            self._teacher_rate = make_scheduler(self.alignment.scheduler, self._teacher, batches)
        if self._restored is not None:
            self._teacher.load_state_dict(self._restored["optimizer"])
            if self._teacher_rate is not None:
                self._teacher_rate.load_state_dict(self._restored["scheduler"])
            self._restored = None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Update the discriminators; the loss of one batch."""
        own, *others = self._batches(batch)
        strength = self.alignment.strength(self.global_step / self._steps)
        if strength is None:
            return super().training_step(own, batch_idx)
        told = [self._teach(*self._seen(other)) for other in others]
        parts, source, target = self._learn(own)
        while len(told) < self.alignment.updates:
            told.append(self._teach(_detached(source), _detached(target)))
        adversarial = self._confusion(source, target)
        loss = strength * adversarial + parts["loss"] if parts else strength * adversarial
        size = len(own["image"])
        figures = {f"train/{name}": value.detach() for name, value in parts.items()}
        figures |= {"train/loss": loss.detach(), "train/adversarial": adversarial.detach()}
        self.log_dict(figures | told[0] | self._distances(source, target), batch_size=size)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=size)
        self._look(told[0])
        if self._teacher_rate is not None:
            self._teacher_rate.step()
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the discriminators' optimizer too."""
        super().on_save_checkpoint(checkpoint)
        if self._teacher is not None:
            rate = None if self._teacher_rate is None else self._teacher_rate.state_dict()
            checkpoint[ALIGNMENT_KEY] = {"optimizer": self._teacher.state_dict(), "scheduler": rate}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back, once there is an optimizer."""
        super().on_load_checkpoint(checkpoint)
        self._restored = checkpoint.get(ALIGNMENT_KEY)

    def _learn(self, batch: Batch) -> tuple[dict[str, Tensor], Features, Features]:
        """Parts of the task's loss (none where it is not learned), and features of both domains with gradients."""
        source, target = self._both(batch["image"], batch[TARGET_IMAGE])
        return self.loss(source, batch), self._features(source), self._features(target)

    def _seen(self, batch: Batch) -> tuple[Features, Features]:
        """Features of both domains without gradients, in a batch that teaches the discriminators only."""
        with torch.no_grad(), held(self.network):
            source, target = self._both(batch["image"], batch[TARGET_IMAGE])
        return self._features(source), self._features(target)

    def _both(self, source: Tensor, target: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Outputs for both domains, batches normalised as the settings say."""
        if self.alignment.batch_norm == "joint":
            together = self(torch.cat((source, target)), features=True)
            count = len(source)
            return {k: v[:count] for k, v in together.items()}, {k: v[count:] for k, v in together.items()}
        with held(self.network) if self.alignment.batch_norm == "target" else nullcontext():
            first = self(source, features=True)
        return first, self(target, features=True)

    def _features(self, outputs: Mapping[str, Tensor]) -> Features:
        """What each aligned level compares, in float32."""
        found: Features = {}
        for level in self.alignment.weights:
            if level == "outputs":
                maps = [outputs["masks"].sigmoid()] if "masks" in outputs else []
                maps += [outputs["heatmaps"]] if "heatmaps" in outputs else []
                found[level] = torch.cat(maps, dim=1).float()
            else:
                found[level] = outputs[level].float()
        return found

    def _teach(self, source: Features, target: Features) -> dict[str, Tensor]:
        """One update of the discriminators; their losses and accuracies before it, as they are logged."""
        losses: list[Tensor] = []
        figures: dict[str, Tensor] = {}
        self.discriminators.requires_grad_(True)
        with torch.autocast(self.device.type, enabled=False):
            for level, discriminator in self.discriminators.items():
                one, other = discriminator(source[level]), discriminator(target[level])
                losses.append(discriminator_loss(one, other, self._game))
                right = domain_accuracy(one.detach(), other.detach(), self._game)
                figures[f"align/{level}_discriminator"] = losses[-1].detach()
                figures |= {f"align/{level}_accuracy_{d}": v for d, v in zip(("source", "target"), right, strict=True)}
        parameters = list(self.discriminators.parameters())
        gradients = torch.autograd.grad(torch.stack(losses).sum(), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = self._averaged(gradient)
        if self._teacher is None:
            raise RuntimeError("the discriminators are updated within a fit of Lightning's Trainer only")
        self._teacher.step()
        self._teacher.zero_grad()
        self.discriminators.requires_grad_(False)
        return figures

    def _confusion(self, source: Features, target: Features) -> Tensor:
        """The adversarial losses of all levels, weighted."""
        with torch.autocast(self.device.type, enabled=False):
            terms = [
                weight
                * confusion_loss(
                    self.discriminators[level](source[level]),
                    self.discriminators[level](target[level]),
                    self._game,
                )
                for level, weight in self.alignment.weights.items()
            ]
        return torch.stack(terms).sum()

    def _distances(self, source: Features, target: Features) -> dict[str, Tensor]:
        figures: dict[str, Tensor] = {}
        for level in source:
            mean, spread = statistics_distance(source[level], target[level])
            figures |= {f"align/{level}_mean_distance": mean, f"align/{level}_spread_distance": spread}
        return figures

    def _look(self, figures: Mapping[str, Tensor]) -> None:
        """Judge the discriminators now and then; asking the device at every step would make it wait."""
        self._watched += 1
        for level in self.discriminators:
            both = figures[f"align/{level}_accuracy_source"] + figures[f"align/{level}_accuracy_target"]
            self._accuracy[level] = self._accuracy.get(level, torch.zeros_like(both)) + both / 2
        if self._watched == WINDOW:
            for level, total in self._accuracy.items():
                if self.global_rank == 0:
                    self._watch.see(level, float(total) / WINDOW, WINDOW)
            self._accuracy, self._watched = {}, 0

    def _averaged(self, gradient: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(gradient)
            gradient = gradient / self.trainer.world_size
        return gradient

    def _batches(self, batch: Batch) -> Iterator[Batch]:
        """The network's own batch, then those of the discriminators alone."""
        count = self.alignment.batches_per_step
        size = len(batch["image"]) // count
        for number in range(count):
            yield {key: value[number * size : (number + 1) * size] for key, value in batch.items()}

    def _new_discriminators(self) -> dict[str, nn.Module]:
        """A discriminator for the channels of every level, its weights drawn from the run's seed."""
        size = getattr(self.network, "input_size", lambda height, width: (height, width))(64, 64)
        parameter = next(self.network.parameters())
        training = self.network.training
        self.network.eval()
        with torch.no_grad():
            features = self._features(self(torch.zeros(1, 1, *size, device=parameter.device), features=True))
        self.network.train(training)
        made: dict[str, nn.Module] = {}
        how = self.alignment
        with torch.random.fork_rng(devices=[]):
            for level, found in features.items():
                torch.manual_seed(derive_seed(self._seed, "discriminator", level) % 2**63)
                made[level] = PixelDiscriminator(found.shape[1], how.hidden, how.stride, how.slope)
        return made


def _detached(features: Features) -> Features:
    return {level: value.detach() for level, value in features.items()}
