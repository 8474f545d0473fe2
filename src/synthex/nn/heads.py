"""The mask head and the landmark-heatmap head, which fit every decoder that ends in a feature map."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthex.core import ConfigError


def check_counts(structures: int, landmarks: int) -> None:
    """Raise ConfigError unless a network with these channels has something to predict."""
    if structures < 0 or landmarks < 0 or structures + landmarks == 0:
        raise ConfigError(
            f"a network needs structures or landmarks, got {structures} and {landmarks}; set at least one above 0"
        )


def heatmap_head(features: int, structures: int, landmarks: int) -> nn.Sequential:
    """Two 1 x 1 convolutions from the decoder's features and the mask logits to heatmaps.

    The landmark head of SyntheX (Gao et al., Nat. Mach. Intell. 5:294, 2023) with a rectifier between the two,
    without which they would be one linear map.
    """
    # The study's width, which two landmarks would make a bottleneck of three channels: base and tip of a tool
    # then share them, and the one that is harder to see is hardly learnt.
    hidden = max(landmarks + structures, features)
    last = nn.Conv2d(hidden, landmarks, 1)
    # Heatmaps are almost everywhere 0: start there, so that the first steps need not unlearn noise.
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one
    return nn.Sequential(nn.Conv2d(features + structures, hidden, 1), nn.ReLU(inplace=True), last)


def apply_heads(
    features: Float[Tensor, "B C H W"],
    masks: nn.Module | None,
    heatmaps: nn.Module | None,
    upsample: nn.Module | None = None,
) -> dict[str, Tensor]:
    """Mask logits (B, S, H, W) under ``masks`` and heatmaps (B, L, H, W) under ``heatmaps``, of the heads there are.

    Args:
        features: Output of a decoder.
        masks: From the features to logits.
        heatmaps: From features and logits, or from features alone where there are no masks, to heatmaps.
        upsample: From the decoder's resolution to the image's; None where they are the same.
    """
    enlarge = upsample or nn.Identity()
    outputs = {}
    if masks is not None:
        logits = masks(features)
        outputs["masks"] = enlarge(logits)
        features = torch.cat((features, logits), dim=1) if heatmaps is not None else features
    if heatmaps is not None:
        outputs["heatmaps"] = enlarge(heatmaps(features))
    return outputs


def covering_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """The smallest sides that cover ``height`` x ``width`` and are multiples of ``multiple``."""
    return math.ceil(height / multiple) * multiple, math.ceil(width / multiple) * multiple
