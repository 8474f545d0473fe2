"""The hybrid encoder of TransUNet: the first three stages of a ResNet, then a vision transformer on their output."""

from functools import partial
from pathlib import Path

import timm
from jaxtyping import Float
from timm.layers import HybridEmbed, StdConv2dSame
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from synthex.core import ConfigError, InputError, UserError
from synthex.nn.heads import covering_size
from synthex.nn.weights import as_path, check_file, fill_encoder, read_state

STRIDE = 16
"""Pixels a side that one token stands for."""

PRETRAINED = {"imagenet21k": "vit_base_r50_s16_224.orig_in21k", "imagenet": "vit_base_r50_s16_384.orig_in21k_ft_in1k"}
"""timm's names of the R50 + ViT-B/16 of Dosovitskiy et al. (ICLR 2021): trained on ImageNet-21k, which the study
started from, and tuned on ImageNet-1k after that."""

_DONOR = "vit_base_r50_s16_224"
_TIMM_WIDTH = (64, 256, 512, 1024)  # channels of the stem and of the three stages at width 1
_GROUPS = 32  # of every group normalisation


class HybridEncoder(VisionTransformer):
    """timm's R50 + ViT-B/16 without class token and classifier, giving the feature maps of all its scales.

    Subclass of timm's model, so that the entries of a state dict have timm's names.

    Args:
        image_size: Side that the position embeddings are learnt at, rounded up to a multiple of 16; they are
            interpolated for inputs of other sizes.
        resnet_layers: Blocks of each ResNet stage; three stages.
        resnet_width: Factor of the ResNet's widths, a multiple of 0.5.
        embed_dim: Width of the transformer.
        depth: Layers of the transformer.
        heads: Attention heads of each layer.
        dropout: Rate after the position embedding and in the perceptrons; attention has none.

    Raises:
        ConfigError: Sizes that do not go together.
    """

    def __init__(
        self,
        image_size: int = 224,
        resnet_layers: tuple[int, ...] = (3, 4, 9),
        resnet_width: float | int = 1.0,
        embed_dim: int = 768,
        depth: int = 12,
        heads: int = 12,
        dropout: float | int = 0.1,
    ) -> None:
        _check(image_size, resnet_layers, resnet_width, embed_dim, depth, heads, dropout)
        # As timm's own hybrids are built (timm/models/vision_transformer_hybrid.py).
        backbone = ResNetV2(
            layers=list(resnet_layers),
            num_classes=0,
            global_pool="",
            width_factor=resnet_width,  # type: ignore[arg-type]  # timm rounds the products
            preact=False,
            stem_type="same",
            conv_layer=partial(StdConv2dSame, eps=1e-8),
        )
        side, _ = covering_size(image_size, image_size, STRIDE)
        super().__init__(
            img_size=side,
            patch_size=1,
            num_classes=0,
            global_pool="",
            class_token=False,
            embed_dim=embed_dim,
            depth=depth,
            num_heads=heads,
            pos_drop_rate=dropout,
            proj_drop_rate=dropout,
            embed_layer=partial(HybridEmbed, backbone=backbone),
        )
        for block in self.blocks:
            # timm has one rate for this and the perceptron; TransUNet has none here.
            block.attn.proj_drop = nn.Identity()  # type: ignore[union-attr]  # a block
        self.grid = (side // STRIDE, side // STRIDE)
        self.channels = (*(int(width * resnet_width) for width in _TIMM_WIDTH[:-1]), embed_dim)

    def forward(self, image: Float[Tensor, "B 1 H W"]) -> list[Tensor]:  # type: ignore[override]  # features
        """Features at 1/2, 1/4 and 1/8 of the image, and the transformer's output at 1/16, (B, C, h, w) each.

        The grey image is repeated to three channels. To sum the first layer's weights instead, as other encoders
        do, would change what they compute, because each filter is standardised over all its channels.
        """
        backbone = self.patch_embed.backbone
        features = []
        maps = image.expand(-1, 3, -1, -1)
        for name, layer in backbone.stem.named_children():
            maps = layer(maps)
            if name == "norm":  # with its rectifier; the pooling is next
                features.append(maps)
        *stages, last = backbone.stages
        for stage in stages:
            maps = stage(maps)
            features.append(maps)
        maps = self.patch_embed.proj(last(maps))
        grid = (maps.shape[-2], maps.shape[-1])
        positions: Tensor = self.pos_embed  # type: ignore[assignment]  # it has one
        tokens = maps.flatten(2).transpose(1, 2) + resize_positions(positions, self.grid, grid)
        tokens = self.norm(self.blocks(self.pos_drop(tokens)))
        return [*features, tokens.transpose(1, 2).unflatten(2, grid)]


def resize_positions(
    positions: Float[Tensor, "1 N D"], old: tuple[int, int], new: tuple[int, int]
) -> Float[Tensor, "1 M D"]:
    """Position embeddings of an ``old`` grid (rows, columns) for a ``new`` one, row by row; the same where they agree.

    Bilinear with the corner tokens kept in the corners, as TransUNet's loader resizes the pretrained ones
    (``scipy.ndimage.zoom`` of order 1).
    """
    if old == new:
        return positions
    table = positions.unflatten(1, old).permute(0, 3, 1, 2)
    table = functional.interpolate(table, size=new, mode="bilinear", align_corners=True)
    return table.flatten(2).transpose(1, 2)


def load_hybrid_weights(encoder: HybridEncoder, weights: str) -> None:
    """Fill an encoder with pretrained weights, their position embeddings without class token and resized to its grid.

    Args:
        encoder: Its weights are replaced.
        weights: A name of :data:`PRETRAINED`, or a local file: a state dict of timm's hybrid (``.pt``, ``.pth``,
            ``.safetensors``) or of a :class:`HybridEncoder`, or the publishers' ``.npz``.

    Raises:
        ConfigError: There are no weights of this name.
        UserError: They cannot be fetched.
        InputError: The file is missing, unusable, or of another architecture.
    """
    path = as_path(weights)
    found = _fetch(weights) if path is None else _read_file(path)
    state = {name.removeprefix("encoder."): value for name, value in found.items()}
    positions = state.get("pos_embed")
    if positions is not None and positions.ndim == 3:
        count = positions.shape[1]
        side = int(count**0.5)
        if side * side in (count, count - 1):
            state["pos_embed"] = resize_positions(positions[:, count - side * side :], (side, side), encoder.grid)
    fill_encoder(encoder, state, path or weights)


def _fetch(name: str) -> dict[str, Tensor]:
    if name not in PRETRAINED:
        raise ConfigError(
            f"encoder_weights={name}: choose {', '.join(PRETRAINED)}, the path of a local file, or null for none"
        )
    try:
        return timm.create_model(PRETRAINED[name], pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # the hub's client raises errors of several libraries, which change with its version
        raise UserError(
            f"encoder_weights={name} ({PRETRAINED[name]} of timm) cannot be fetched ({type(error).__name__}); "
            "connect to the network once, give the path of a local file, or set encoder_weights=null"
        ) from error


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".npz":
        return read_state(path)
    check_file(path)
    donor = timm.create_model(_DONOR, num_classes=0)  # timm can read the publishers' layout, into its own model only
    try:
        donor.load_pretrained(str(path))  # type: ignore[operator]  # timm's method
    except Exception as error:  # zip, header, key and shape errors: all mean that the file is unusable
        raise InputError(
            path, f"is not the weights of R50 + ViT-B/16 ({type(error).__name__})", "give R50+ViT-B_16.npz"
        ) from error
    return donor.state_dict()


def _check(
    image_size: int,
    resnet_layers: tuple[int, ...],
    resnet_width: float,
    embed_dim: int,
    depth: int,
    heads: int,
    dropout: float,
) -> None:
    if image_size < STRIDE:
        raise ConfigError(f"image_size={image_size}: a hybrid encoder needs images of at least {STRIDE} pixels")
    if len(resnet_layers) != 3 or min(resnet_layers) < 1:
        raise ConfigError(f"resnet_layers={list(resnet_layers)}: give three numbers of at least 1")
    # The narrowest layer has the stem's width, and normalises 32 groups of channels.
    if resnet_width <= 0 or (resnet_width * _TIMM_WIDTH[0]) % _GROUPS:
        raise ConfigError(f"resnet_width={resnet_width}: give a multiple of {_GROUPS / _TIMM_WIDTH[0]}")
    if depth < 1 or heads < 1 or embed_dim < 1 or embed_dim % heads:
        raise ConfigError(f"embed_dim={embed_dim}, depth={depth}, heads={heads}: embed_dim must be a multiple of heads")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout={dropout}: give a rate from 0 to below 1")
