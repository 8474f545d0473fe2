"""How far apart the features of two domains lie, channel by channel."""

import torch
from jaxtyping import Float
from torch import Tensor


def statistics_distance(source: Float[Tensor, "B C H W"], target: Float[Tensor, "N C h w"]) -> tuple[Tensor, Tensor]:
    """Distances of the channels' means and of their spreads, as root mean squares over channels; 0 for equal domains.

    Of a channel with means ``a, b`` and standard deviations ``s, t`` over images and pixels: ``(a - b) / r`` with
    ``r^2 = (s^2 + t^2) / 2``, and ``log(s / t)``. Both do not change when a channel is scaled. Our choice: the second
    moments that batch normalisation removes, in units that can be read (1 is a whole standard deviation, 0.7 a factor
    of two). A channel that is constant in both domains counts as equal in spread.
    """
    first, second = (features.detach().float().transpose(0, 1).flatten(1) for features in (source, target))
    spread, other = (values.std(dim=1, correction=0) for values in (first, second))
    floor = 1e-6
    pooled = ((spread**2 + other**2) / 2).sqrt().clamp(min=floor)
    shift = (first.mean(dim=1) - second.mean(dim=1)) / pooled
    ratio = torch.log(spread.clamp(min=floor) / other.clamp(min=floor))
    return shift.square().mean().sqrt(), ratio.square().mean().sqrt()
