"""Scores of a validation batch, by the same functions that make the final tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from synthex.core import Prediction
from synthex.data import PixelMap, resize
from synthex.metrics import detection_rate, dice, distances_px, errors_mm


def score_batch(predictions: Sequence[Prediction], batch: Mapping[str, Any]) -> dict[str, float]:
    """Landmark error of what was detected (mm at the detector), detection rate and mean Dice of one batch.

    Args:
        predictions: One a case, native pixels.
        batch: The batch they answer, with the pixel maps under ``native``.

    Returns:
        ``landmark_error_mm`` and ``detection_rate`` where there are landmarks, ``dice`` where there are
        structures; NaN where the batch has nothing to count.
    """
    maps: list[PixelMap] = batch["native"]
    scores: dict[str, float] = {}
    if batch["landmarks"].shape[1]:
        truth = batch["landmarks"].cpu().numpy()
        visible, annotated = batch["visible"].cpu().numpy(), batch["annotated"].cpu().numpy()
        guess = np.stack([where.to_network(one.landmarks) for one, where in zip(predictions, maps, strict=True)])
        present = np.stack([one.present for one in predictions])
        error = errors_mm(distances_px(guess, truth), batch["pixel_mm"].cpu().numpy())
        counted = present & visible & annotated
        scores["landmark_error_mm"] = float(np.mean(error[counted])) if counted.any() else float("nan")
        scores["detection_rate"] = detection_rate(present, visible, annotated)
    if batch["masks"].shape[1]:
        values = []
        known = batch["masks_annotated"].cpu().numpy() if "masks_annotated" in batch else None
        for index, (one, where, masks) in enumerate(zip(predictions, maps, batch["masks"].cpu(), strict=True)):
            rows, columns = where.crop()
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            found = resize(torch.from_numpy(one.masks), *shape, mask=True).numpy()
            overlap = dice(found, masks[:, rows, columns].numpy())
            values.append(overlap if known is None else np.where(known[index], overlap, np.nan))
        overlap = np.concatenate(values)
        scores["dice"] = float(np.nanmean(overlap)) if np.isfinite(overlap).any() else float("nan")
    return scores
