"""Learning rates as a function of the optimizer step, in fractions of the run."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from synthex.core import ConfigError


def make_scheduler(scheduler: Callable[..., Any], optimizer: Optimizer, total_steps: int) -> Any:
    """Call ``scheduler`` with the optimizer, and with ``total_steps`` if it takes a parameter of this name."""
    takes_steps = "total_steps" in inspect.signature(scheduler).parameters
    return scheduler(optimizer, **({"total_steps": total_steps} if takes_steps else {}))


def constant(optimizer: Optimizer, total_steps: int, warmup: float = 0.0) -> LambdaLR:
    """The optimizer's own rate, after a linear rise over the fraction ``warmup`` of the run."""
    return _scheduler(optimizer, total_steps, warmup, lambda _: 1.0)


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.05, floor: float = 0.01) -> LambdaLR:
    """Linear warm-up, then half a cosine down to ``floor`` times the rate (Loshchilov and Hutter, 2017)."""
    return _scheduler(
        optimizer, total_steps, warmup, lambda done: floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))
    )


def one_cycle(
    optimizer: Optimizer, total_steps: int, rise: float = 0.3, start: float = 0.04, floor: float = 4e-6
) -> LambdaLR:
    """Cosine up from ``start`` and down to ``floor`` times the rate (Smith and Topin, 2017); momentum is kept.

    Unlike PyTorch's, it can be run past its end (a resumed run made longer).
    """

    def factor(step: int) -> float:
        done = min(1.0, step / total_steps)
        if done < rise:
            return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * done / rise))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (done - rise) / max(1 - rise, 1e-9)))

    return LambdaLR(optimizer, factor)


def step(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[float] = (0.6, 0.8), gamma: float = 0.5
) -> LambdaLR:
    """Times ``gamma`` at each of the ``milestones`` (fractions of the run).

    The defaults are SyntheX's hip schedule: 50 epochs, the rate halved at the 30th and the 40th.
    """
    marks = sorted(milestones)
    return _scheduler(optimizer, total_steps, 0.0, lambda done: gamma ** sum(done >= mark for mark in marks))


def linear(optimizer: Optimizer, total_steps: int, hold: float = 0.5) -> LambdaLR:
    """The optimizer's own rate for the fraction ``hold`` of the run, then down to zero in a straight line.

    The default is CycleGAN's (Zhu et al. 2017): 100 epochs of each.
    """
    if not 0 <= hold < 1:
        raise ConfigError(f"hold={hold} must be a fraction of the run in [0, 1)")
    return _scheduler(optimizer, total_steps, 0.0, lambda done: min(1.0, (1 - done) / (1 - hold)))


def _scheduler(
    optimizer: Optimizer, total_steps: int, warmup: float, factor_of_progress: Callable[[float], float]
) -> LambdaLR:
    if not 0 <= warmup < 1:
        raise ConfigError(f"warmup={warmup} must be a fraction of the run in [0, 1)")
    rise = math.ceil(warmup * total_steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return factor_of_progress(min(1.0, (step - rise) / max(1, total_steps - rise)))

    return LambdaLR(optimizer, factor)
