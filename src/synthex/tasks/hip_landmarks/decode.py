"""Raw network outputs to predictions in native pixels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from synthex.core import Prediction
from synthex.data import PixelMap, resize
from synthex.nn import read_heatmaps


def make_decoder(
    sigma_mm: float, present_above: float
) -> Callable[[Mapping[str, Any], Mapping[str, Any]], list[Prediction]]:
    """A decoder for heatmaps of width ``sigma_mm``; a landmark is present from confidence ``present_above``."""

    def decode(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> list[Prediction]:
        sigma_px = sigma_mm / float(batch["pixel_mm"].mean())
        points, confidence = read_heatmaps(outputs["heatmaps"], sigma_px)
        predictions = []
        for index, case_id in enumerate(batch["case_id"]):
            where: PixelMap = batch["native"][index]
            native = where.to_native(points[index].double().cpu().numpy())
            inside = ((native >= 0) & (native <= (where.width, where.height))).all(axis=1)
            sure = np.where(inside, confidence[index].double().cpu().numpy(), 0.0)
            # A peak in the padding is no point of the image: the nearest border is the best guess left.
            native = np.clip(native, 0, (where.width, where.height))
            rows, columns = where.crop()
            logits = outputs["masks"][index, :, rows, columns].detach().cpu()
            masks = resize(torch.sigmoid(logits), where.height, where.width, mask=True)
            predictions.append(Prediction(case_id, native, sure, sure >= present_above, masks.numpy()))
        return predictions

    return decode
