"""Tasks of masks and landmarks: what their network is taught, and how its outputs are read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from synthex.core import ConfigError, Prediction
from synthex.data import PixelMap, resize
from synthex.nn import DiceHeatmapLoss, read_heatmaps
from synthex.nn.synthex_2023 import LEAST_NCC, SyntheX2023Loss, read_heatmaps_2023

OURS, STUDYS = "synthex", "syntheX_2023"
"""How a task is taught and read: our way, or as the SyntheX study did (:mod:`synthex.nn.synthex_2023`)."""


def make_loss(
    sigma_mm: float | int, heat_weight: float | int, rule: str = OURS
) -> Callable[[float], DiceHeatmapLoss | SyntheX2023Loss]:
    """The loss for a network input of a given pixel pitch; heatmaps have the same width in mm at any.

    Raises:
        ConfigError: The width is not above 0, the weight outside 0 to 1, or there is no such rule.
    """
    check_within("sigma_mm", sigma_mm, 1e-3, math.inf)
    check_within("heat_weight", heat_weight, 0, 1)
    check_rule("loss", rule)

    def loss(pixel_mm: float) -> DiceHeatmapLoss | SyntheX2023Loss:
        if rule == STUDYS:
            return SyntheX2023Loss(sigma_mm / pixel_mm, heatmap_weight=heat_weight, pixel_mm=pixel_mm)
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


@dataclass(frozen=True, eq=False)
class StudysDecoder:
    """Reads a network's outputs as the study did: whole pixels, one structure a pixel, "not found" by likeness alone.

    Masks are the classes of the softmax, whose background is a logit of 0 (:class:`synthex.nn.SyntheX2023Loss`).
    Confidence is the correlation with the Gaussian; a landmark is there from 0.9.

    Attributes:
        sigma_mm: Width of the heatmaps, mm at the detector.
        bones: Number of the structure that each landmark is looked for in; None for one that may be anywhere.
    """

    sigma_mm: float | int
    bones: Sequence[int | None]

    def __call__(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> list[Prediction]:
        """A prediction for each image of the batch."""
        predictions = []
        for index, case_id in enumerate(batch["case_id"]):
            where: PixelMap = batch["native"][index]
            rows, columns = where.crop()
            logits = outputs["masks"][index, :, rows, columns].detach().float().cpu()
            classes = exclusive_of(logits)
            sigma_px = float(self.sigma_mm) / float(batch["pixel_mm"][index])
            found, likeness = read_heatmaps_2023(
                outputs["heatmaps"][index, :, rows, columns],
                classes,
                [None if bone is None else bone + 1 for bone in self.bones],
                sigma_px,
            )
            start = np.array((columns.start, rows.start))
            native = where.to_native(found.double().numpy() + start)
            sure = likeness.double().numpy().clip(0, 1)
            present = sure >= LEAST_NCC
            probability = torch.softmax(torch.cat((torch.zeros_like(logits[:1]), logits)), dim=0)[1:]
            numbers = torch.arange(1, len(logits) + 1)[:, None, None]
            masks = resize((classes[None] == numbers).float(), where.height, where.width) >= 0.5
            levels = to_levels(resize(probability, where.height, where.width)).numpy()
            predictions.append(Prediction(case_id, native, sure, present, masks.numpy(), levels))
        return predictions


def exclusive_of(logits: Float[Tensor, "S H W"]) -> Int64[Tensor, "H W"]:
    """The class of each pixel: 0 for the background, whose logit is 0, k + 1 for structure k."""
    return torch.cat((torch.zeros_like(logits[:1]), logits)).argmax(dim=0)


def check_rule(name: str, rule: object) -> None:
    """Check a way of teaching or reading.

    Raises:
        ConfigError: There is no such way.
    """
    if rule not in (OURS, STUDYS):
        raise ConfigError(f"task.{name}={rule!r}: choose {OURS} or {STUDYS}")


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
