"""Resampling of images and masks to another size: one rule for what networks see and for what augments it."""

import torch
from torch.nn import functional


def resize(stack: torch.Tensor, rows: int, columns: int, *, mask: bool = False) -> torch.Tensor:
    """Resample a (C, H, W) stack; area-weighted when shrinking, pixel centres at +0.5 throughout.

    Masks (bool, or probabilities) are resampled as coverage and cut at one half.
    """
    if stack.shape[-2:] == (rows, columns):
        return stack >= 0.5 if mask and stack.dtype != torch.bool else stack
    if len(stack) == 0:  # images without masks; PyTorch refuses them
        return stack.new_zeros((0, rows, columns), dtype=torch.bool if mask else torch.float32)
    resized = functional.interpolate(
        stack[None].float(), size=(rows, columns), mode="bilinear", align_corners=False, antialias=True
    )[0]
    return resized >= 0.5 if mask else resized
