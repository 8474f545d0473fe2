"""Segmentation networks with a mask head and a landmark-heatmap head."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError, UserError
from synthex.nn.heads import apply_heads, check_counts, covering_size, heatmap_head
from synthex.nn.weights import as_path, fill_encoder, read_state


class SegmentationNetwork(nn.Module):
    """Encoder-decoder of segmentation-models-pytorch with one or two heads.

    The mask head is a 3 x 3 convolution of the decoder's features; the heatmap head sees these features and the
    mask logits (:mod:`synthex.nn.heads`).

    Args:
        structures: Mask channels S; 0 leaves the mask head out.
        landmarks: Heatmap channels L; 0 leaves the heatmap head out.
        architecture: ``unet``, ``unetplusplus``, ``manet``, ``linknet``, ``fpn``, … (any of the library's).
        encoder: Name of an encoder of the library, or ``tu-<name>`` for one of timm's.
        encoder_weights: None for random weights, a name of pretrained weights (``imagenet``), or the path
            of a local file with the encoder's state (``.pt``, ``.pth``, ``.safetensors``).
        decoder_channels: Width of each decoder stage, coarse to fine; their number is the encoder's depth.
            None takes the library's. Only for architectures that have such stages.
        options: Further keyword arguments of the library's architecture.

    Raises:
        ConfigError: Unknown architecture, encoder or weights, or no head at all.
        UserError: Pretrained weights cannot be had (offline).
        InputError: The weights file is missing or does not fit.
    """

    def __init__(
        self,
        structures: int,
        landmarks: int,
        architecture: str = "unet",
        encoder: str = "resnet18",
        encoder_weights: str | None = None,
        decoder_channels: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        check_counts(structures, landmarks)
        self.structures, self.landmarks = structures, landmarks
        if decoder_channels is not None:
            options |= {"decoder_channels": tuple(decoder_channels), "encoder_depth": len(decoder_channels)}
        base = _build(architecture, encoder, encoder_weights, max(structures, 1), options)
        self.encoder: nn.Module = base.encoder
        self.decoder: nn.Module = base.decoder
        mask_convolution: nn.Conv2d = base.segmentation_head[0]
        self.upsample: nn.Module = base.segmentation_head[1]
        features = mask_convolution.in_channels
        self.mask_head: nn.Module | None = mask_convolution if structures else None
        self.heatmap_head: nn.Module | None = heatmap_head(features, structures, landmarks) if landmarks else None
        # Some decoders also take sizes between, by cutting or padding features: avoided, it shifts them.
        self.multiple = int(base.encoder.output_stride)

    def forward(self, image: Float[Tensor, "B 1 H W"], features: bool = False) -> dict[str, Tensor]:
        """Mask logits (B, S, H, W) under ``masks`` and heatmaps (B, L, H, W), peak 1, under ``heatmaps``.

        With ``features``, also the encoder's coarsest features under ``encoder`` and the decoder's under ``decoder``.
        """
        stages = self.encoder(image)
        decoded = self.decoder(stages)
        outputs = apply_heads(decoded, self.mask_head, self.heatmap_head, self.upsample)
        return outputs | ({"encoder": stages[-1], "decoder": decoded} if features else {})

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest input that covers ``height`` x ``width`` and that the network can take."""
        return covering_size(height, width, self.multiple)


def _build(architecture: str, encoder: str, weights: str | None, classes: int, options: dict[str, Any]) -> Any:
    architectures = sorted(smp.MODEL_ARCHITECTURES_MAPPING)
    if architecture.lower() not in architectures:
        raise ConfigError(f"unknown architecture {architecture!r}; choose one of {', '.join(architectures)}")
    # timm would also take hf_hub:… and local-dir:…, which fetch and read what anybody has written.
    known = timm.is_model(encoder[3:]) if encoder.startswith("tu-") else encoder in smp.encoders.get_encoder_names()
    if not known:
        raise ConfigError(
            f"unknown encoder {encoder!r}; choose a name like resnet18 or efficientnet-b0, or tu-<timm name>"
        )
    accepted = inspect.signature(smp.MODEL_ARCHITECTURES_MAPPING[architecture.lower()]).parameters
    if "decoder_channels" in options and "decoder_channels" not in accepted:
        raise ConfigError(f"{architecture} has no decoder_channels; set decoder_channels=null")
    path = as_path(weights)
    try:
        network = smp.create_model(
            architecture, encoder, None if path else weights, in_channels=1, classes=classes, **options
        )
    except OSError as error:
        raise UserError(
            f"encoder_weights={weights} of {encoder} cannot be fetched ({type(error).__name__}); "
            "connect to the network once, give the path of a local file, or set encoder_weights=null"
        ) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{architecture} with encoder {encoder}, weights {weights} is impossible: {reason}"
        ) from error
    if path:
        _load_encoder(network.encoder, path)
    return network


def _load_encoder(encoder: nn.Module, path: Path) -> None:
    state = {name.removeprefix("encoder."): value for name, value in read_state(path).items()}
    own = encoder.state_dict()
    for name, value in state.items():
        # Grey images: a first layer for 3 channels is summed, as the library does for its own weights.
        if name in own and value.ndim == 4 and value.shape[1] == 3 and own[name].shape[1] == 1:
            state[name] = value.sum(dim=1, keepdim=True)
    fill_encoder(encoder, state, path)
