"""Networks that turn images into images, and that tell their patches apart (CycleGAN; Zhu et al., ICCV 2017)."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError

DOWNSAMPLINGS = 2
"""Halvings of the generator's resolution; its inputs are multiples of 4 pixels."""

INITIAL_DEVIATION = 0.02
"""Standard deviation of the weights at the beginning (Zhu et al. 2017, section 7.1 of the arXiv version)."""


class ResNetGenerator(nn.Module):
    """An image of the same size from residual blocks at a quarter of the resolution.

    The generator of Zhu et al. (2017), after Johnson et al. (2016): 7 x 7 convolution, two 3 x 3 convolutions of
    stride 2, residual blocks, two transposed convolutions, 7 x 7 convolution and tanh; reflected borders, instance
    normalisation without parameters. They take 6 blocks for 128 pixels, 9 from 256 pixels on, and 64 features.

    Args:
        channels: Of the image.
        width: Features at full resolution; twice and four times as many below.
        blocks: Residual blocks.
        residual: Add the image to the output in the place of tanh, and begin with a last layer of zeros: training
            begins with the identity. Our choice for short trainings; the original has none.

    Raises:
        ConfigError: A count is not positive.
    """

    def __init__(self, channels: int = 1, width: int = 64, blocks: int = 9, residual: bool = False) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("width", width), ("blocks", blocks)):
            if value < 1:
                raise ConfigError(f"generator.{name}={value}: give a whole number of at least 1")
        self.residual = residual
        self.multiple = 2**DOWNSAMPLINGS
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), *_normalised(width)]
        for level in range(DOWNSAMPLINGS):
            features = width * 2**level
            layers += [nn.Conv2d(features, 2 * features, 3, stride=2, padding=1), *_normalised(2 * features)]
        layers += [_ResidualBlock(width * 2**DOWNSAMPLINGS) for _ in range(blocks)]
        for level in reversed(range(DOWNSAMPLINGS)):
            features = width * 2**level
            up = nn.ConvTranspose2d(2 * features, features, 3, stride=2, padding=1, output_padding=1)
            layers += [up, *_normalised(features)]
        last = nn.Conv2d(width, channels, 7)
        self.body = nn.Sequential(*layers, nn.ReflectionPad2d(3), last)
        _initialise(self)
        if residual:
            nn.init.zeros_(last.weight)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """The image in the other style; sides are multiples of 4, values about -1 to 1."""
        found = cast(Tensor, self.body(image))
        return image + found if self.residual else torch.tanh(found)


class PatchDiscriminator(nn.Module):
    """A score for every patch of an image: near 1 where it is taken for real, near 0 elsewhere.

    With three layers of stride 2 each score sees 70 x 70 pixels (Isola et al., CVPR 2017; Zhu et al. 2017): 4 x 4
    convolutions to 64, 128, 256 (stride 2), 512 and 1 features (stride 1), instance normalisation but in the first
    and the last, leaky ReLU of slope 0.2.

    Args:
        channels: Of the image.
        width: Features of the first layer.
        layers: Convolutions of stride 2: with n of them the patch has 70, 34 or 16 pixels for n = 3, 2, 1.

    Raises:
        ConfigError: A count is not positive.
    """

    def __init__(self, channels: int = 1, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("width", width), ("layers", layers)):
            if value < 1:
                raise ConfigError(f"discriminator.{name}={value}: give a whole number of at least 1")
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        features = width
        for level in range(1, layers + 1):
            # No more than eight times the first layer's, as in the original.
            wider = width * min(2**level, 8)
            stride = 2 if level < layers else 1
            body += [nn.Conv2d(features, wider, 4, stride=stride, padding=1), nn.InstanceNorm2d(wider)]
            body += [nn.LeakyReLU(0.2)]
            features = wider
        self.body = nn.Sequential(*body, nn.Conv2d(features, 1, 4, padding=1))
        _initialise(self)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
        """Scores of overlapping patches, without a sigmoid."""
        return cast(Tensor, self.body(image))


class _ResidualBlock(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(features, features, 3),
            *_normalised(features),
            nn.ReflectionPad2d(1),
            nn.Conv2d(features, features, 3),
            nn.InstanceNorm2d(features),
        )

    def forward(self, image: Tensor) -> Tensor:
        return image + cast(Tensor, self.body(image))


def _normalised(features: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(features), nn.ReLU()


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INITIAL_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
