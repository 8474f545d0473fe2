"""A discriminator that says of every pixel of a feature map which of two domains it comes from."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError


class PixelDiscriminator(nn.Module):
    """3 x 3 convolutions with rectifiers between, to one logit a pixel.

    The defaults are those of SyntheX's code: widths 16, 8, 4, 1, no strides, a receptive field of 9 pixels. Its
    sigmoid at the end is left to the loss, which has another one. With ``stride=2`` and a ``slope`` of 0.2 it is of
    the kind of AdaptSegNet (Tsai et al., CVPR 2018), which judges larger parts of the map.

    Args:
        channels: Channels of the features.
        hidden: Widths between; none is a linear judgement of 3 x 3 pixels.
        stride: Of every convolution but the last.
        slope: Of the rectifiers below 0.

    Raises:
        ConfigError: A width or the stride is less than 1.
    """

    def __init__(
        self, channels: int, hidden: Sequence[int] = (16, 8, 4), stride: int = 1, slope: float | int = 0.0
    ) -> None:
        super().__init__()
        if min((channels, stride, *hidden)) < 1:
            raise ConfigError(f"discriminator: channels {channels}, hidden={list(hidden)}, stride={stride}: at least 1")
        widths = (channels, *hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.LeakyReLU(slope)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
        """Logits, higher where the features look more like the domain that it has been taught to raise."""
        return self.layers(features)
