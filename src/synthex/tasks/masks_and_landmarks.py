"""Tasks of masks and landmarks: what their network is taught, and how its outputs are read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synthex.core import ConfigError, Prediction
from synthex.data import PixelMap, resize
from synthex.nn import DiceHeatmapLoss, read_heatmaps


def make_loss(sigma_mm: float | int, heat_weight: float | int) -> Callable[[float], DiceHeatmapLoss]:
    """The loss for a network input of a given pixel pitch; heatmaps have the same width in mm at any.

    Raises:
        ConfigError: The width is not above 0, or the weight outside 0 to 1.
    """
    check_within("sigma_mm", sigma_mm, 1e-3, math.inf)
    check_within("heat_weight", heat_weight, 0, 1)

    def loss(pixel_mm: float) -> DiceHeatmapLoss:
        return DiceHeatmapLoss(sigma_px=sigma_mm / pixel_mm, heatmap_weight=heat_weight, pixel_mm=pixel_mm)

    return loss


def read_each(
    heatmaps: Float[Tensor, "B L H W"], sigma_px: Float[Tensor, "B"], maps: Sequence[PixelMap]
) -> tuple[Float[Tensor, "B L 2"], Float[Tensor, "B L"]]:
    """:func:`synthex.nn.read_heatmaps` where every image has its own sigma and padding, whatever its batch mates.

    Padding is cut off first: what a network sees there is no part of the image.
    """
    batch, channels = heatmaps.shape[:2]
    points, confidence = heatmaps.new_zeros((batch, channels, 2)).float(), heatmaps.new_zeros((batch, channels)).float()
    groups: dict[tuple[float, PixelMap], list[int]] = {}
    for index, key in enumerate(zip(sigma_px.tolist(), maps, strict=True)):
        groups.setdefault(key, []).append(index)
    for (sigma, where), same in groups.items():  # normally one
        rows, columns = where.crop()
        found, confidence[same] = read_heatmaps(heatmaps[same][:, :, rows, columns], sigma)
        points[same] = found + found.new_tensor((columns.start, rows.start))
    return points, confidence


Correction = Callable[[np.ndarray, np.ndarray, float, tuple[int, int]], tuple[np.ndarray, np.ndarray]]
"""From points (L x 2, native pixels), confidences, pixel pitch in mm and (rows, columns) to better of the first two."""


@dataclass(frozen=True, eq=False)
class Decoder:
    """Reads a network's outputs: landmarks from heatmaps, masks from logits, in native pixels.

    Attributes:
        sigma_mm: Width of the heatmaps, mm at the detector.
        present_above: Confidence from which a landmark is there.
        mask_above: Probability from which a pixel belongs to a structure, one for each; None is one half for all.
        correct: What is known of all landmarks of an image together; None: nothing.
    """

    sigma_mm: float | int
    present_above: float | int
    mask_above: Sequence[float | int] | None = None
    correct: Correction | None = None

    @property
    def mask_bounds(self) -> Float[Tensor, "S 1 1"]:
        """``mask_above`` as an array; S is 1 where it is the same for all."""
        return torch.tensor(0.5 if self.mask_above is None else self.mask_above).reshape(-1, 1, 1)

    def __call__(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> list[Prediction]:
        """A prediction for each image of the batch."""
        # A task without landmarks has a network without that head.
        heatmaps = outputs["heatmaps"] if "heatmaps" in outputs else outputs["masks"][:, :0]
        points, confidence = read_each(heatmaps, self.sigma_mm / batch["pixel_mm"].double(), batch["native"])
        predictions = []
        for index, case_id in enumerate(batch["case_id"]):
            where: PixelMap = batch["native"][index]
            native = where.to_native(points[index].double().cpu().numpy())
            inside = ((native >= 0) & (native <= (where.width, where.height))).all(axis=1)
            sure = np.where(inside, confidence[index].double().cpu().numpy(), 0.0)
            if self.correct is not None:
                pitch = float(batch["pixel_mm"][index]) * where.scale
                native, sure = self.correct(native, sure, pitch, (where.height, where.width))
            # A peak fitted beyond the border is no point of the image: the border is the best guess left.
            native = np.clip(native, 0, (where.width, where.height))
            rows, columns = where.crop()
            logits = outputs["masks"][index, :, rows, columns].detach().cpu()
            probability = resize(torch.sigmoid(logits), where.height, where.width)
            masks, levels = (probability >= self.mask_bounds).numpy(), to_levels(probability).numpy()
            predictions.append(Prediction(case_id, native, sure, sure >= self.present_above, masks, levels))
        return predictions


def make_decoder(
    sigma_mm: float | int,
    present_above: float | int,
    mask_above: Sequence[float | int] | None = None,
    correct: Correction | None = None,
) -> Decoder:
    """A :class:`Decoder`, its settings checked.

    Raises:
        ConfigError: The width is not above 0, or a confidence or probability no number in 0 to 1.
    """
    check_within("sigma_mm", sigma_mm, 1e-3, math.inf)
    check_within("present_above", present_above, 0, 1)
    for value in mask_above or ():
        check_within("mask_above", value, 0, 1)
    return Decoder(sigma_mm, present_above, mask_above, correct)


def to_levels(probability: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """``round(255 p)``, halves to the even level: from 128 on exactly where the probability is one half or more."""
    return torch.round(255 * probability).to(torch.uint8)


def check_within(name: str, value: object, low: float | int, high: float | int) -> None:
    """A wrong number shows before hours of training, not in its first scores.

    Raises:
        ConfigError: The task's setting ``name`` is no number in ``low`` to ``high``.
    """
    if not (isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high):
        raise ConfigError(f"task.{name}={value!r} must be a number in {low:g} to {high:g}")
