"""A network asked twice: about the image and about its mirror image."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MirrorAveraged(nn.Module):
    """The mean of a network's answers to an image and to its mirror image, left and right traded back.

    For bodies that are mirror symmetric but for details. A side that is told apart by chance alone averages out, so
    confidence falls where the network guesses. Twice the time; nothing is learnt.

    Args:
        network: Gives ``masks`` (B, S, H, W) and ``heatmaps`` (B, L, H, W), or one of them.
        masks: Channel that each mask channel of the mirror image belongs to
            (:func:`synthex.data.mirror.mirrored_order`).
        heatmaps: The same for the heatmaps.
    """

    def __init__(self, network: nn.Module, masks: Sequence[int], heatmaps: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.orders = {"masks": list(masks), "heatmaps": list(heatmaps)}

    def forward(self, image: Float[Tensor, "B 1 H W"]) -> dict[str, Tensor]:
        """The averaged outputs of the network, under its own names."""
        here: dict[str, Tensor] = self.network(image)
        there: dict[str, Tensor] = self.network(torch.flip(image, dims=(-1,)))
        return {
            name: 0.5 * (values + torch.flip(there[name], dims=(-1,))[:, self.orders[name]])
            for name, values in here.items()
        }
