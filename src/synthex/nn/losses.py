"""Training losses for mask logits and landmark heatmaps."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from synthex.core import ConfigError
from synthex.nn.heatmaps import gaussian_profiles
from synthex.nn.processes import total_over_processes


class DiceHeatmapLoss(nn.Module):
    """Soft Dice for masks and normalised cross-correlation for heatmaps, SyntheX's loss put right.

    ``loss = (1 - w) (dice + b bce) + w heatmap`` with every term at least 0 and 0 for a perfect output.
    Differences from the original (Gao et al. 2023, whose terms are these minus 1): a structure that is
    not in the image is taught as absent (there the sign of epsilon rewarded false positives); so is an
    absent landmark (there it gave no gradient); the height of a heatmap is taught, because correlation
    alone is free of scale, so that height can mean presence; a constant heatmap has a finite gradient.
    Every landmark counts alike, however seldom the batch shows it: the images with it and those without it
    are averaged apart. What is not annotated contributes nothing: the mean over masks is that over the annotated ones.

    In a distributed training (training mode, a process group) images are counted over all processes: the mean of the
    processes' losses, and of their gradients, is the loss of the whole batch, however the landmarks are spread. In
    evaluation mode a batch stands for itself.

    Args:
        sigma_px: Standard deviation of the target Gaussians in network pixels.
        pixel_mm: Pixel pitch that ``sigma_px`` is for; images of another pitch (``batch["pixel_mm"]``) get
            Gaussians of the same width in mm. None for ``sigma_px`` in every image.
        heatmap_weight: ``w``; ignored where the network has one head only.
        bce_weight: ``b``, weight of the pixel-wise cross-entropy, which moves early and teaches absence
            where Dice is flat.
        amplitude_weight: Weight of the squared error to the peak-1 Gaussian within the heatmap term,
            relative to the Gaussian's energy (an all-zero heatmap costs 1).
        absent_weight: Weight of the images without a landmark. Below 1, because a landmark that is hard to
            find is otherwise taught to be absent before it is taught where to peak, and stays so (the hip's
            ASIS, at the image's border if in it at all).
        dice_smooth: Epsilon of the Dice ratio as a fraction of the image's pixels.
    """

    def __init__(
        self,
        sigma_px: float = 2.5,
        heatmap_weight: float = 0.5,
        bce_weight: float = 0.5,
        amplitude_weight: float = 0.5,
        absent_weight: float = 0.25,
        dice_smooth: float = 1e-3,
        pixel_mm: float | None = None,
    ) -> None:
        super().__init__()
        weights = (bce_weight, amplitude_weight, absent_weight)
        if sigma_px <= 0 or not 0 <= heatmap_weight <= 1 or min(weights) < 0 or dice_smooth <= 0:
            raise ConfigError(
                f"loss needs sigma_px > 0, heatmap_weight in [0, 1], other weights >= 0 and dice_smooth > 0, got "
                f"{sigma_px}, {heatmap_weight}, {weights}, {dice_smooth}"
            )
        self.sigma_px, self.pixel_mm = sigma_px, pixel_mm
        self.heatmap_weight = heatmap_weight
        self.bce_weight = bce_weight
        self.amplitude_weight, self.absent_weight = amplitude_weight, absent_weight
        self.dice_smooth = dice_smooth

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Loss and its parts, as scalars: ``loss``, and ``dice``, ``bce``, ``heatmap`` where they apply.

        Args:
            outputs: ``masks`` logits (B, S, H, W) and/or ``heatmaps`` (B, L, H, W).
            batch: ``masks`` bool (B, S, H, W); ``masks_annotated`` (B, S), all of them where it is missing;
                ``landmarks`` (B, L, 2), ``visible``, ``annotated`` (B, L); ``pixel_mm`` (B,) where the loss was made
                for a pitch.
        """
        parts: dict[str, Tensor] = {}
        terms: list[tuple[float, Tensor]] = []
        if "masks" in outputs:
            # In float32 under mixed precision: sums over an image overflow half precision.
            dice, bce = mask_losses(outputs["masks"].float(), batch["masks"], self.dice_smooth)
            parts |= dict(zip(("dice", "bce"), self._over_annotated((dice, bce), batch), strict=True))
            terms.append((1 - self.heatmap_weight, parts["dice"] + self.bce_weight * parts["bce"]))
        if "heatmaps" in outputs:
            taught = batch["annotated"]
            shown = taught & batch["visible"]
            sigma_px = self.sigma_px if self.pixel_mm is None else self.sigma_px * self.pixel_mm / batch["pixel_mm"]
            correlation, amplitude = heatmap_losses(outputs["heatmaps"].float(), batch["landmarks"], shown, sigma_px)
            height = self.amplitude_weight * amplitude
            absent = taught & ~shown
            counts, processes = torch.stack([shown.sum(dim=0), absent.sum(dim=0)]), 1
            if self.training:
                counts, processes = total_over_processes(counts)
            seen = _mean_over_images(correlation + height, shown, counts[0])
            empty = self.absent_weight * _mean_over_images(height, absent, counts[1])
            parts["heatmap"] = (seen + empty).sum() / counts.any(dim=0).sum().clamp(min=1)
            if processes > 1:  # this process's part of a sum, made its part of a mean
                parts["heatmap"] = processes * parts["heatmap"]
            terms.append((self.heatmap_weight, parts["heatmap"]))
        scale = sum(weight for weight, _ in terms) if len(terms) == 1 else 1.0
        parts["loss"] = torch.stack([weight / scale * term if scale else term for weight, term in terms]).sum()
        return parts

    def _over_annotated(
        self, losses: tuple[Float[Tensor, "B S"], ...], batch: Mapping[str, Any]
    ) -> tuple[Float[Tensor, ""], ...]:
        """Mean of each loss over the masks that are annotated, of all processes' images; 0 where none is."""
        whole = tuple(loss.mean() for loss in losses)
        known = batch.get("masks_annotated")
        if known is None:
            return whole
        counts, processes = torch.stack([known.sum(), known.new_tensor(known.numel(), dtype=torch.int64)]), 1
        if self.training:
            counts, processes = total_over_processes(counts)
        # Where all are annotated the plain mean is taken, to the bit. It is chosen on the device: looking would wait.
        every = counts[0] == counts[1]
        part = processes / counts[0].clamp(min=1)
        return tuple(
            torch.where(every, mean, part * torch.where(known, loss, 0.0).sum())
            for mean, loss in zip(whole, losses, strict=True)
        )


def _mean_over_images(
    values: Float[Tensor, "B L"], used: Bool[Tensor, "B L"], count: Int64[Tensor, "L"]
) -> Float[Tensor, "L"]:
    """Sum of each column over the rows where it is ``used``, by how many rows that is; 0 where it never is."""
    return torch.where(used, values, 0.0).sum(dim=0) / count.clamp(min=1)


def mask_losses(
    logits: Float[Tensor, "B S H W"], masks: Bool[Tensor, "B S H W"], smooth: float
) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S"]]:
    """Soft Dice loss and mean cross-entropy of each structure of each image.

    Dice is ``1 - (2 sum(t p) + e) / (sum(t) + sum(p^2) + e)`` (Milletari et al., V-Net, 3DV 2016) with ``p`` the
    sigmoid and ``e = smooth H W``; for an absent structure this is 0 at ``p = 0`` and grows with ``p``.
    """
    target = masks.to(logits.dtype).flatten(2)
    logits = logits.flatten(2)
    probability = torch.sigmoid(logits)
    epsilon = smooth * logits.shape[2]
    overlap = (target * probability).sum(dim=2)
    dice = 1 - (2 * overlap + epsilon) / (target.sum(dim=2) + (probability * probability).sum(dim=2) + epsilon)
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=2)
    return dice, bce


def heatmap_losses(
    heatmaps: Float[Tensor, "B L H W"],
    landmarks: Float[Tensor, "B L 2"],
    visible: Bool[Tensor, "B L"],
    sigma_px: float | Float[Tensor, "B"],
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """Correlation loss ``(1 - NCC) / 2`` and relative squared error of each heatmap to its Gaussian.

    The Gaussian is separable, so that its sums come from its two profiles and it is never drawn: three
    reductions over the heatmap are all the work.
    """
    height, width = heatmaps.shape[-2:]
    columns, rows = gaussian_profiles(landmarks, visible, (height, width), sigma_px)
    cross = ((heatmaps @ columns[..., None])[..., 0] * rows).sum(dim=2)
    target_sum = columns.sum(dim=2) * rows.sum(dim=2)
    target_square = (columns**2).sum(dim=2) * (rows**2).sum(dim=2)
    flat = heatmaps.flatten(2)
    total, square = flat.sum(dim=2), (flat * flat).sum(dim=2)

    count = height * width
    sigma = sigma_px[:, None] if isinstance(sigma_px, Tensor) else sigma_px
    energy = torch.pi * sigma**2  # sum of the squares of a whole peak-1 Gaussian
    covariance = cross - total * target_sum / count
    spread = (square - total**2 / count).clamp(min=0)
    target_spread = (target_square - target_sum**2 / count).clamp(min=0)
    # The floor keeps the square root's gradient finite for a constant heatmap.
    floor = 1e-4 * energy
    ncc = covariance / ((spread + floor).sqrt() * (target_spread + floor).sqrt())
    amplitude = (square - 2 * cross + target_square).clamp(min=0) / energy
    return (1 - ncc) / 2, amplitude
