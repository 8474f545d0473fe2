"""The game between a discriminator of two domains and a network that gives it features."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

Game = Literal["relativistic", "standard"]

Logits = Float[Tensor, "B 1 h w"]


def discriminator_loss(source: Logits, target: Logits, game: Game) -> Tensor:
    """What the discriminator lowers: it is to give the target the higher logits.

    ``relativistic``: the mean of ``-log s(t - s)`` over pixels of pairs of images (Jolicoeur-Martineau, ICLR 2019),
    as in SyntheX's code, which takes a sigmoid of the logits before, so that its differences stay within (-1, 1).
    ``standard``: the mean of ``-log s(t)`` and of ``-log(1 - s(s))``, halved (Goodfellow et al., NeurIPS 2014; equation
    6 of ADDA, Tzeng et al., CVPR 2017, has the two domains' names exchanged, which changes nothing).
    """
    if game == "relativistic":
        return softplus(source - target).mean()
    return (softplus(-target).mean() + softplus(source).mean()) / 2


def confusion_loss(source: Logits, target: Logits, game: Game) -> Tensor:
    """What the network lowers: the target is to look like the source.

    ``relativistic``: the mean of ``-log s(s - t)``; gradients flow through both domains. ``standard``: the mean of
    ``-log(1 - s(t))``, the labels inverted as in ADDA; gradients flow through the target alone.
    """
    return softplus(target - source).mean() if game == "relativistic" else softplus(target).mean()


def domain_accuracy(source: Logits, target: Logits, game: Game) -> tuple[Tensor, Tensor]:
    """Share of the pixels of either domain on which the discriminator is right; ties are half right.

    Relativistic logits mean something in their differences only: they are cut midway between the domains' means, ADDA's
    at 0.
    """
    cut = (source.mean() + target.mean()) / 2 if game == "relativistic" else source.new_zeros(())
    return torch.heaviside(cut - source, cut.new_tensor(0.5)).mean(), torch.heaviside(
        target - cut, cut.new_tensor(0.5)
    ).mean()
