"""What a training is made of, as values: no config file, no command line."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from synthex.core import Augmentation, ConfigError, Reader, Task
from synthex.data.preprocess import Normalization
from synthex.learning.schedules import cosine


@dataclass(frozen=True, eq=False)
class RunSpec:
    """What a training is made of.

    Attributes:
        task: Makes the task: its ``build``, or a :class:`functools.partial` of it.
        network: Makes the network, called with ``structures=`` and ``landmarks=``; likewise.
        readers: Of ``train`` and, where there is one, ``val``.
        size: Pixels of the images along their longer side.
        normalization: See :func:`synthex.data.preprocess.preprocess`.
        input_size: Side of the network input, to which images are padded; None for ``size``.
        augment: Domain randomisation of training images; None for none.
        mirrored: Share of the training images that are mirrored.
        quarter_turns: Share of them that are turned by one to three quarters.
        batch_size: Images a batch and process.
        workers: Processes that make images; 0: the training process does.
        samples_per_epoch: None: all that a finite reader has.
        epochs: For the default ``trainer``.
        optimizer: Parameters to an optimizer.
        scheduler: See :mod:`synthex.learning.schedules`.
        trainer: Makes Lightning's trainer, called with ``callbacks=`` and ``logger=``; None: a plain one.
        callbacks: Lightning's; None: resumable checkpoints.
        loggers: Lightning's; None: ``metrics.csv``.
        seed: Every sample, weight and shuffle follows from it.
        initial_weights: A model to start from, as :func:`synthex.load` takes it; None: random, or the network's own.
        translator: A translator of simulated training images to the look of real ones.
        compile: Whether the network is compiled.
        channels_last: The memory order that convolutions like.
        render_on_device: Whether the training device projects for the workers.
        identity: What checkpoints keep to tell one training from another.
    """

    task: Callable[[], Task]
    network: Callable[..., torch.nn.Module]
    readers: Mapping[str, Reader]
    size: int = 192
    normalization: Normalization = "zscore"
    input_size: int | None = None
    augment: Augmentation | None = None
    mirrored: float | int = 0.0
    quarter_turns: float | int = 0.0
    batch_size: int = 16
    workers: int = 0
    samples_per_epoch: int | None = None
    epochs: int = 20
    optimizer: Callable[..., Any] = field(default=partial(torch.optim.AdamW, lr=1e-3, weight_decay=1e-4))
    scheduler: Callable[..., Any] = field(default=partial(cosine, warmup=0.05, floor=0.01))
    trainer: Callable[..., Any] | None = None
    callbacks: Sequence[Any] | None = None
    loggers: Sequence[Any] | None = None
    seed: int = 0
    initial_weights: str | Path | None = None
    translator: Path | None = None
    compile: bool = False
    channels_last: bool = True
    render_on_device: bool = False
    identity: str = ""

    @property
    def side(self) -> int:
        """Side of the network input."""
        return self.size if self.input_size is None else self.input_size

    def settings(self, name: str) -> dict[str, Any]:
        """What :func:`synthex.load` has to know, as plain values; names code and holds none.

        Raises:
            ConfigError: ``task`` or ``network`` are no functions, classes or partials of them with plain arguments.
        """
        return {
            "name": name,
            "seed": self.seed,
            "task": described(self.task),
            "model": described(self.network),
            "data": {"size": self.size, "normalization": self.normalization, "input_size": self.input_size},
        }


def described(maker: Callable[..., Any]) -> dict[str, Any]:
    """What makes an object, as settings: ``_target_``, by its shortest name, and the arguments.

    Raises:
        ConfigError: It cannot be written down.
    """
    arguments: dict[str, Any] = {}
    if isinstance(maker, partial):
        bound: partial[Any] = maker
        if bound.args:
            raise ConfigError(f"{bound.func} is given arguments without names; name them, so that they can be kept")
        maker, arguments = bound.func, dict(bound.keywords)
    name, module = getattr(maker, "__qualname__", ""), getattr(maker, "__module__", "")
    if not name.isidentifier() or not module:
        raise ConfigError(
            f"{maker!r} has no name to be kept by; give a function of a module, or functools.partial of it"
        )
    strange = [key for key, value in arguments.items() if not _plain(value)]
    if strange:
        raise ConfigError(f"{name}: {strange[0]} is no plain value, so it cannot be kept with the run")
    parts = module.split(".")
    homes = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    home = next(one for one in homes if getattr(importlib.import_module(one), name, None) is maker)
    return {"_target_": f"{home}.{name}", **arguments}


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
