"""Segmentation networks with a mask head and a landmark-heatmap head."""

import inspect
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError, InputError, UserError

log = logging.getLogger(__name__)


class SegmentationNetwork(nn.Module):
    """Encoder-decoder of segmentation-models-pytorch with one or two heads.

    The mask head is a 3 x 3 convolution of the decoder's features. The heatmap head sees these features
    and the mask logits, through two 1 x 1 convolutions: the landmark head of SyntheX (Gao et al., Nat.
    Mach. Intell. 5:294, 2023) with a rectifier between the two, without which they would be one linear map.

    Args:
        structures: Mask channels S; 0 leaves the mask head out.
        landmarks: Heatmap channels L; 0 leaves the heatmap head out.
        architecture: ``unet``, ``unetplusplus``, ``manet``, ``linknet``, ``fpn``, … (any of the library's).
        encoder: Name of an encoder of the library, or ``tu-<name>`` for one of timm's.
        encoder_weights: None for random weights, a name of pretrained weights (``imagenet``), or the path
            of a local file with the encoder's state (``.pt``, ``.pth``).
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
        if structures < 0 or landmarks < 0 or structures + landmarks == 0:
            raise ConfigError(
                f"a network needs structures or landmarks, got {structures} and {landmarks}; set at least one above 0"
            )
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
        self.heatmap_head: nn.Module | None = _heatmap_head(features, structures, landmarks) if landmarks else None
        # Some decoders also take sizes between, by cutting or padding features: avoided, it shifts them.
        self.multiple = int(base.encoder.output_stride)

    def forward(self, image: Float[Tensor, "B 1 H W"]) -> dict[str, Tensor]:
        """Mask logits (B, S, H, W) under ``masks`` and heatmaps (B, L, H, W), peak 1, under ``heatmaps``."""
        features = self.decoder(self.encoder(image))
        outputs = {}
        if self.mask_head is not None:
            logits = self.mask_head(features)
            outputs["masks"] = self.upsample(logits)
            features = torch.cat((features, logits), dim=1) if self.heatmap_head is not None else features
        if self.heatmap_head is not None:
            outputs["heatmaps"] = self.upsample(self.heatmap_head(features))
        return outputs

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest input that covers ``height`` x ``width`` and that the network can take."""
        return math.ceil(height / self.multiple) * self.multiple, math.ceil(width / self.multiple) * self.multiple


def _heatmap_head(features: int, structures: int, landmarks: int) -> nn.Sequential:
    # The study's width, which two landmarks would make a bottleneck of three channels: base and tip of a tool
    # then share them, and the one that is harder to see is hardly learnt.
    hidden = max(landmarks + structures, features)
    last = nn.Conv2d(hidden, landmarks, 1)
    # Heatmaps are almost everywhere 0: start there, so that the first steps need not unlearn noise.
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one
    return nn.Sequential(nn.Conv2d(features + structures, hidden, 1), nn.ReLU(inplace=True), last)


def _build(architecture: str, encoder: str, weights: str | None, classes: int, options: dict[str, Any]) -> Any:
    architectures = sorted(smp.MODEL_ARCHITECTURES_MAPPING)
    if architecture.lower() not in architectures:
        raise ConfigError(f"unknown architecture {architecture!r}; choose one of {', '.join(architectures)}")
    if not encoder.startswith("tu-") and encoder not in smp.encoders.get_encoder_names():
        raise ConfigError(
            f"unknown encoder {encoder!r}; choose a name like resnet18 or efficientnet-b0, or tu-<timm name>"
        )
    accepted = inspect.signature(smp.MODEL_ARCHITECTURES_MAPPING[architecture.lower()]).parameters
    if "decoder_channels" in options and "decoder_channels" not in accepted:
        raise ConfigError(f"{architecture} has no decoder_channels; set decoder_channels=null")
    path = Path(weights) if weights and (Path(weights).suffix or "/" in weights) else None
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
    if not path.is_file():
        raise InputError(path, "no such file of encoder weights", "check encoder_weights")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and OS errors: all mean that the file is unusable
        raise InputError(
            path, f"is not a file of weights ({type(error).__name__})", "give a state_dict file"
        ) from error
    state = {name.removeprefix("encoder."): value for name, value in state.items() if isinstance(value, Tensor)}
    own = encoder.state_dict()
    for name, value in state.items():
        # Grey images: a first layer for 3 channels is summed, as the library does for its own weights.
        if name in own and value.ndim == 4 and value.shape[1] == 3 and own[name].shape[1] == 1:
            state[name] = value.sum(dim=1, keepdim=True)
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    missing = [name for name in own if name not in fitting and not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(path, f"does not fit the encoder ({len(missing)} of {len(own)} entries missing, first "
                         f"{missing[0]})", "choose the encoder that these weights belong to")  # fmt: skip
    encoder.load_state_dict(fitting, strict=False)
    log.info("encoder weights from %s (%d entries, %d unused)", path.name, len(fitting), len(state) - len(fitting))
