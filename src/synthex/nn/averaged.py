"""A network asked several times: about an image, its mirror image, and the image turned and scaled a little."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

POSES = ((0.0, 1.0), (-7.0, 1.0), (7.0, 1.0), (0.0, 0.9), (0.0, 1.1))
"""Turns (degrees, counterclockwise as shown) and scales of an image's content. Well within what training shows. Four
more changed nothing on simulated radiographs."""


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


class PoseAveraged(nn.Module):
    """The mean of a network's answers to an image as it is and to it turned and scaled a little, each turned back.

    What an answer owes to where things lie on the pixel grid averages out. As many times the time as there are poses;
    nothing is learnt.

    Args:
        network: Gives maps (B, C, H, W) for images (B, 1, H, W), H = W, under any names.
        poses: Turn in degrees and scale of each.
    """

    def __init__(self, network: nn.Module, poses: Sequence[tuple[float, float]] = POSES) -> None:
        super().__init__()
        self.network = network
        self.poses = tuple(poses)

    def forward(self, image: Float[Tensor, "B 1 N N"]) -> dict[str, Tensor]:
        """The averaged outputs of the network, under its own names."""
        total: dict[str, Tensor] = {}
        for turn, scale in self.poses:
            said = self.network(_moved(image, turn, 1 / scale, "border"))
            for name, values in said.items():
                back = _moved(values, -turn, scale, "zeros" if name == "heatmaps" else "border")
                total[name] = total[name] + back if name in total else back
        return {name: values / len(self.poses) for name, values in total.items()}


def _moved(images: Float[Tensor, "B C N N"], turn: float, scale: float, outside: str) -> Float[Tensor, "B C N N"]:
    """Images sampled on a grid that is turned about the middle and enlarged."""
    if turn == 0 and scale == 1:
        return images
    cosine, sine = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
    map_ = images.new_tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    grid = affine_grid(map_.expand(images.shape[0], 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode=outside, align_corners=False)
