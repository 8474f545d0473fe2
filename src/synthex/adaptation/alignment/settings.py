"""What a user chooses about feature alignment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch

from synthex.adaptation.alignment.losses import Game
from synthex.core import ConfigError, nearest

Form = Literal["shared", "classic"]
BatchNorm = Literal["joint", "separate", "target"]

LEVELS = ("encoder", "decoder", "outputs")
"""Where features can be aligned: the encoder's coarsest, the decoder's, the network's masks and heatmaps."""


@dataclass(frozen=True)
class Alignment:
    """How the features of simulated and of target images are made indistinguishable.

    Attributes:
        form: ``shared``: one network learns its task on simulated images while its features of both domains are
            aligned (SyntheX's code). ``classic``: a network that has learned its task is frozen as the source's; its
            encoder alone goes on as the target's, taught by the discriminator only (ADDA: Tzeng et al., CVPR 2017).
        levels: Weight of the adversarial loss at each of :data:`LEVELS`, beside 1 for the task; 0 leaves one out.
        game: The adversarial losses: ``relativistic`` (SyntheX's code) or ``standard`` (ADDA's).
        updates: Of the discriminators before each of the network; SyntheX's code has 20 before every 5.
        fresh_batches: Whether each of them has a batch of its own, as in SyntheX's code, so that a step takes
            ``1 + updates`` batches; else all see the features that the network is then updated with.
        batch_norm: How batches are normalised in training, and what the network normalises with at test (the shared
            form's; the classic target encoder is normalised by target images, which are all it sees, the frozen rest
            by what it learned). ``joint``: both domains in one batch. ``separate``: each by its own statistics, the
            running ones follow both (SyntheX's code). ``target``: each by its own, the running ones follow the target
            alone, as its images are what the network is for (AdaBN: Li et al., Pattern Recognition 80:109, 2018).
        start: Fraction of the run before alignment begins: where training does not start from a trained network.
        ramp: Fraction of the run over which its weight then rises to the full (our choice, for stability).
        hidden: Widths of the discriminators (:class:`synthex.nn.PixelDiscriminator`).
        stride: Stride of their convolutions.
        slope: Of their rectifiers below 0.
        optimizer: Of the discriminators, called with their parameters.
        scheduler: Of its rate, called with the optimizer and ``total_steps``; None keeps it.

    Raises:
        ConfigError: A value cannot be used.
    """

    form: str = "shared"
    levels: Mapping[str, float | int] = field(default_factory=lambda: {"decoder": 0.01})
    game: str = "relativistic"
    updates: int = 1
    fresh_batches: bool = False
    batch_norm: str = "target"
    start: float | int = 0.0
    ramp: float | int = 0.0
    hidden: Sequence[int] = (16, 8, 4)
    stride: int = 1
    slope: float | int = 0.0
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam
    scheduler: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("form", Form), ("game", Game), ("batch_norm", BatchNorm)):
            value, choices = getattr(self, name), get_args(kind)
            if value not in choices:
                raise ConfigError(f"{_PATH}.{name}={value}: {nearest(str(value), choices)} ({', '.join(choices)})")
        for level, weight in self.levels.items():
            if level not in LEVELS:
                raise ConfigError(f"{_PATH}.levels.{level}: {nearest(level, LEVELS)} ({', '.join(LEVELS)})")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
                raise ConfigError(f"{_PATH}.levels.{level}={weight}: give a weight of at least 0")
        if not self.weights:
            raise ConfigError(f"{_PATH}.levels: give one of {', '.join(LEVELS)} a weight above 0")
        if isinstance(self.updates, bool) or not isinstance(self.updates, int) or self.updates < 1:
            raise ConfigError(f"{_PATH}.updates={self.updates}: give a whole number of at least 1")
        for name in ("start", "ramp"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                raise ConfigError(f"{_PATH}.{name}={value}: give a fraction of the run in [0, 1)")
        if self.form == "classic" and self.start:
            raise ConfigError(
                f"{_PATH}.start={self.start}: the classic form starts from a trained network; set it to 0"
            )

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every level that is aligned."""
        return {level: float(weight) for level, weight in self.levels.items() if weight > 0}

    @property
    def batches_per_step(self) -> int:
        """Batches that a step takes from the stream of training."""
        return 1 + self.updates if self.fresh_batches else 1

    def strength(self, progress: float) -> float | None:
        """Factor of the weights at a fraction of the run; None before alignment begins."""
        if progress < self.start:
            return None
        return min(1.0, (progress - self.start) / self.ramp) if self.ramp else 1.0


_PATH = "adaptation.method"
