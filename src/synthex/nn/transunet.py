"""TransUNet: a hybrid of ResNet and vision transformer, decoded with skips from the ResNet."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError
from synthex.nn.heads import apply_heads, check_counts, covering_size, heatmap_head
from synthex.nn.hybrid import STRIDE, HybridEncoder, load_hybrid_weights


class TransUNet(nn.Module):
    """TransUNet (Chen et al., arXiv:2102.04306, 2021), the network of SyntheX, with mask and heatmap heads.

    R50 + ViT-B/16 and the cascaded upsampler. With two masks and 224 pixels it has the 105 276 066 parameters that
    are published for the original (Sun et al., Front. Bioeng. Biotechnol. 12:1398237, 2024, table 3). The ResNet is
    timm's, which follows the network that the pretrained weights come from, where the original differs: convolutions
    and pooling padded so that sizes halve exactly (the original pads features that come out a pixel short), 32 groups
    in the normalisation of shortcuts (the original: one a channel).

    Args:
        structures: Mask channels S; 0 leaves the mask head out.
        landmarks: Heatmap channels L; 0 leaves the heatmap head out.
        encoder_weights: None for random weights, ``imagenet21k`` (the study's), ``imagenet``, or the path of a
            local file (:func:`synthex.nn.hybrid.load_hybrid_weights`).
        image_size: Side that the position embeddings are learnt at; others are interpolated.
        resnet_layers: Blocks of the three ResNet stages.
        resnet_width: Factor of the ResNet's widths, a multiple of 0.5.
        embed_dim: Width of the transformer.
        depth: Layers of the transformer.
        heads: Attention heads of each layer.
        dropout: Rate in the transformer.
        bottleneck_channels: Width of the convolution between transformer and upsampler.
        decoder_channels: Width of each upsampling block, coarse to fine; four blocks, the last without a skip.

    Raises:
        ConfigError: Sizes that do not go together, unknown weights, or no head at all.
        UserError: Pretrained weights cannot be had (offline).
        InputError: The weights file is missing or does not fit.
    """

    multiple = STRIDE
    """What the sides of an input are multiples of."""

    def __init__(
        self,
        structures: int,
        landmarks: int,
        encoder_weights: str | None = None,
        image_size: int = 224,
        resnet_layers: Sequence[int] = (3, 4, 9),
        resnet_width: float | int = 1.0,
        embed_dim: int = 768,
        depth: int = 12,
        heads: int = 12,
        dropout: float | int = 0.1,
        bottleneck_channels: int = 512,
        decoder_channels: Sequence[int] = (256, 128, 64, 16),
    ) -> None:
        super().__init__()
        check_counts(structures, landmarks)
        self.structures, self.landmarks = structures, landmarks
        self.encoder = HybridEncoder(image_size, tuple(resnet_layers), resnet_width, embed_dim, depth, heads, dropout)
        if encoder_weights is not None:
            load_hybrid_weights(self.encoder, encoder_weights)
        self.decoder = CascadedUpsampler(self.encoder.channels, bottleneck_channels, tuple(decoder_channels))
        features = decoder_channels[-1]
        self.mask_head = nn.Conv2d(features, structures, 3, padding=1) if structures else None
        self.heatmap_head = heatmap_head(features, structures, landmarks) if landmarks else None

    def forward(self, image: Float[Tensor, "B 1 H W"], features: bool = False) -> dict[str, Tensor]:
        """Mask logits (B, S, H, W) under ``masks`` and heatmaps (B, L, H, W), peak 1, under ``heatmaps``.

        With ``features``, also the encoder's coarsest features under ``encoder`` and the decoder's under ``decoder``.

        Raises:
            ConfigError: The sides are no multiples of 16.
        """
        height, width = image.shape[-2:]
        if height % STRIDE or width % STRIDE:
            fitting = self.input_size(height, width)
            raise ConfigError(
                f"TransUNet takes images whose sides are multiples of {STRIDE}, not {height} x {width}; "
                f"pad them to {fitting[0]} x {fitting[1]}"
            )
        stages = self.encoder(image)
        decoded = self.decoder(stages)
        outputs = apply_heads(decoded, self.mask_head, self.heatmap_head)
        return outputs | ({"encoder": stages[-1], "decoder": decoded} if features else {})

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest input that covers ``height`` x ``width`` and that the network can take."""
        return covering_size(height, width, STRIDE)


class CascadedUpsampler(nn.Module):
    """A convolution of the coarsest features, then blocks that double their size, with skips where there are any.

    Args:
        features: Channels of the encoder's features, fine to coarse, each half as large as the one before.
        bottleneck: Channels of the first convolution.
        channels: Channels of each block; one more than there are skips, so that the last reaches the image's size.

    Raises:
        ConfigError: There are more or fewer blocks.
    """

    def __init__(self, features: tuple[int, ...], bottleneck: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        *skips, coarsest = features
        if len(channels) != len(skips) + 1 or min((bottleneck, *channels)) < 1:
            raise ConfigError(
                f"bottleneck_channels={bottleneck}, decoder_channels={list(channels)}: give widths above 0, "
                f"{len(skips) + 1} of them to the decoder"
            )
        self.bottleneck = _convolution(coarsest, bottleneck)
        inputs = (bottleneck, *channels[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(_convolution(before + skip, after), _convolution(after, after))
            for before, skip, after in zip(inputs, (*reversed(skips), 0), channels, strict=True)
        )
        self.upsample = nn.UpsamplingBilinear2d(scale_factor=2)  # corners aligned, as in the original

    def forward(self, features: list[Tensor]) -> Float[Tensor, "B C H W"]:
        """Features at twice the size of the finest of ``features`` (B, C, h, w), which go from fine to coarse."""
        *skips, coarsest = features
        maps = self.bottleneck(coarsest)
        for index, block in enumerate(self.blocks, start=1):
            maps = self.upsample(maps)
            if index <= len(skips):
                maps = torch.cat((maps, skips[-index]), dim=1)
            maps = block(maps)
        return maps


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
