"""The loss and the read-out of SyntheX as published, faults included: for comparisons with its figures only.

Restated from the notes on arcadelab/SyntheX at 6791517 (Gao et al., Nat. Mach. Intell. 5:294-308, 2023), of which no
line is copied. :class:`~synthex.nn.DiceHeatmapLoss` and :func:`~synthex.nn.read_heatmaps` are what to use otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from synthex.core import ConfigError
from synthex.nn.heatmaps import render_heatmaps

EPSILON = 1e-4
"""In its Dice term, with the wrong sign in the numerator."""
NCC_EPSILON = 1e-8
LEAST_NCC = 0.9
"""A landmark is there where its surroundings are at least so like a Gaussian."""
PATCH_SIGMAS = 10
"""Side of these surroundings in standard deviations: 50 pixels of 5 at 4x, cut to a whole number."""


class SyntheX2023Loss(nn.Module):
    """Its loss, ``(1 - w) L_dice + w L_heat``, from -1 for a perfect output (lower than that with small structures).

    ``L_dice`` is the mean over images and classes, background included, of
    ``(-2 sum(t p) + e) / (sum(t^2) + sum(p^2) + e)`` with the softmax ``p`` and the one-hot truth ``t``. The sign of
    the first ``e`` rewards false positives of a class that is not in the image. ``L_heat`` is the mean over images and
    landmarks of ``-(NCC + 1) / 2``; a landmark that is not in the image has an empty target, so a constant -1/2
    without a gradient: nothing is taught of absence.

    Our networks have a logit for each structure and none for the background, which is 0 here: a softmax does not change
    with a constant, so that nothing is lost by it. One structure has a pixel, the later one where masks overlap.

    Args:
        sigma_px: Standard deviation of the target Gaussians in network pixels.
        pixel_mm: Pixel pitch that ``sigma_px`` is for; None for ``sigma_px`` in every image.
        heatmap_weight: ``w``; ignored where the network has one head only.
    """

    def __init__(self, sigma_px: float, heatmap_weight: float = 0.5, pixel_mm: float | None = None) -> None:
        super().__init__()
        if sigma_px <= 0 or not 0 <= heatmap_weight <= 1:
            raise ConfigError(f"loss needs sigma_px > 0 and heatmap_weight in [0, 1], got {sigma_px}, {heatmap_weight}")
        self.sigma_px, self.pixel_mm, self.heatmap_weight = sigma_px, pixel_mm, heatmap_weight

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Loss and its parts, as scalars; arguments as of :class:`~synthex.nn.DiceHeatmapLoss`.

        Raises:
            ConfigError: A mask is not annotated, of which this loss knows nothing.
        """
        parts: dict[str, Tensor] = {}
        terms: list[tuple[float, Tensor]] = []
        if "masks" in outputs:
            known = batch.get("masks_annotated")
            if known is not None and not bool(known.all()):
                raise ConfigError("loss=syntheX_2023 needs all masks annotated; use ours where some are not")
            parts["dice"] = self._inner(dice_2023, outputs["masks"].float(), batch["masks"], batch)
            terms.append((1 - self.heatmap_weight, parts["dice"]))
        if "heatmaps" in outputs:
            heatmaps = outputs["heatmaps"].float()
            likeness = torch.stack([self._likeness(one, batch, index) for index, one in enumerate(heatmaps)])
            taught = batch["annotated"]
            values = torch.where(taught, -(likeness + 1) / 2, 0.0)
            parts["heatmap"] = values.sum() / taught.sum().clamp(min=1)
            terms.append((self.heatmap_weight, parts["heatmap"]))
        scale = sum(weight for weight, _ in terms) if len(terms) == 1 else 1.0
        parts["loss"] = torch.stack([weight / scale * term if scale else term for weight, term in terms]).sum()
        return parts

    @staticmethod
    def _inner(term: Any, logits: Tensor, masks: Tensor, batch: Mapping[str, Any]) -> Tensor:
        """Mean over images of a term of what is no padding: its outputs are cut to the image before the loss."""
        crops = _crops(batch, len(logits))
        return torch.stack(
            [term(one[crop], mask[crop]) for one, mask, crop in zip(logits, masks, crops, strict=True)]
        ).mean()

    def _likeness(self, heatmaps: Tensor, batch: Mapping[str, Any], index: int) -> Tensor:
        sigma = self.sigma_px
        if self.pixel_mm is not None:
            sigma = sigma * self.pixel_mm / float(batch["pixel_mm"][index])
        shown = (batch["annotated"] & batch["visible"])[index : index + 1]
        height, width = heatmaps.shape[-2:]
        target = render_heatmaps(batch["landmarks"][index : index + 1], shown, (height, width), sigma)[0]
        crop = _crops(batch, len(batch["landmarks"]))[index]
        return ncc_2023(heatmaps[crop], target[crop])


def _crops(batch: Mapping[str, Any], count: int) -> list[tuple[Any, ...]]:
    where: Sequence[Any] | None = batch.get("native")
    return [(slice(None), *one.crop()) for one in where] if where is not None else [(slice(None),)] * count


def dice_2023(logits: Float[Tensor, "S H W"], masks: Bool[Tensor, "S H W"]) -> Float[Tensor, ""]:
    """Its Dice term of one image: the mean over background and structures."""
    background = torch.zeros_like(logits[:1])
    probability = torch.softmax(torch.cat((background, logits)), dim=0).flatten(1)
    classes = exclusive(masks)
    truth = functional.one_hot(classes, len(masks) + 1).permute(2, 0, 1).flatten(1).to(logits.dtype)
    top = -2 * (truth * probability).sum(dim=1) + EPSILON
    return (top / ((truth * truth).sum(dim=1) + (probability * probability).sum(dim=1) + EPSILON)).mean()


def exclusive(masks: Bool[Tensor, "S H W"]) -> Tensor:
    """The class of each pixel, int64 (H, W): 0 for background, k + 1 for structure k, the later of several."""
    numbers = torch.arange(1, len(masks) + 1, device=masks.device)[:, None, None]
    return (masks * numbers).amax(dim=0)


def ncc_2023(x: Float[Tensor, "*batch H W"], y: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch"]:
    """``sum((x - mean)(y - mean)) / (N s_x s_y + 1e-8)`` with standard deviations of N - 1: at most (N - 1) / N."""
    x, y = x.flatten(-2), y.flatten(-2)
    centred = (x - x.mean(dim=-1, keepdim=True)) * (y - y.mean(dim=-1, keepdim=True))
    # Its square root has no finite gradient for a constant map; ours starts a little above 0.
    spread = ((x.var(dim=-1) + 1e-20) * (y.var(dim=-1) + 1e-20)).sqrt()
    found: Tensor = centred.sum(dim=-1) / (x.shape[-1] * spread + NCC_EPSILON)
    return found


def read_heatmaps_2023(
    heatmaps: Float[Tensor, "L H W"],
    classes: Tensor | None,
    bones: Sequence[int | None],
    sigma_px: float,
) -> tuple[Float[Tensor, "L 2"], Float[Tensor, "L"]]:
    """Its read-out of one image ("rule A"): the highest pixel within the landmark's bone, if it looks like a Gaussian.

    Args:
        heatmaps: Network output without padding.
        classes: The predicted class of each pixel, int64 (H, W), as :func:`exclusive` has them; None: no restriction.
        bones: The class of each landmark's bone; None for one that may be anywhere.
        sigma_px: Standard deviation that was taught, pixels.

    Returns:
        Points (column, row) at the centres of whole pixels (+0.5), no finer, NaN where no pixel has the class; and the
        correlation, 0 there. Below :data:`LEAST_NCC` it calls them "not found".
    """
    height, width = heatmaps.shape[-2:]
    side = max(2, int(PATCH_SIGMAS * sigma_px))
    grid = torch.arange(side, dtype=torch.float64) - side // 2
    template = torch.exp(-(grid[:, None] ** 2 + grid[None, :] ** 2) / (2 * sigma_px**2))
    maps = heatmaps.detach().double().cpu()
    points, likeness = torch.full((len(maps), 2), torch.nan), torch.zeros(len(maps))
    for index, (one, bone) in enumerate(zip(maps, bones, strict=True)):
        allowed = torch.ones((height, width), dtype=torch.bool)
        if classes is not None and bone is not None:
            allowed = classes.cpu() == bone
        if not allowed.any():
            continue
        row, column = divmod(int(torch.where(allowed, one, -torch.inf).argmax()), width)
        rows = reflected(torch.arange(side) - side // 2 + row, height)
        columns = reflected(torch.arange(side) - side // 2 + column, width)
        likeness[index] = float(ncc_2023(one[rows][:, columns], template))
        points[index] = torch.tensor((column + 0.5, row + 0.5))
    return points, likeness


def reflected(index: Tensor, length: int) -> Tensor:
    """Indices beyond the ends of ``length`` reflected into it, the end not repeated."""
    if length == 1:
        return torch.zeros_like(index)
    period = 2 * (length - 1)
    inside = index.remainder(period)
    return torch.where(inside < length, inside, period - inside)
