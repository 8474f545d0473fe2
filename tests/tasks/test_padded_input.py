"""Padding of the network input leaves no trace in predictions, nor in the scores of validation."""

import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample

from synthex.data import LearningDataset, collate
from synthex.learning import score_batch
from synthex.nn import render_heatmaps
from synthex.tasks.masks_and_landmarks import make_decoder, to_levels

SIGMA_MM = 2.0


def answered(input_size):
    """Batch, and what a perfect network says to it, of 60 x 60 images in an input of this side."""
    samples = [make_sample(index, 60, 60) for index in range(3)]
    dataset = LearningDataset(ListReader(samples), 60, input_size=input_size)
    batch = collate([dataset[index] for index in range(3)])
    side = batch["image"].shape[-1]
    heatmaps = torch.cat([
        render_heatmaps(batch["landmarks"][i : i + 1], batch["visible"][i : i + 1], (side, side), SIGMA_MM / pixel_mm)
        for i, pixel_mm in enumerate(batch["pixel_mm"].tolist())
    ])  # fmt: skip
    return samples, batch, {"heatmaps": heatmaps, "masks": 20.0 * batch["masks"].float() - 10}


@pytest.mark.parametrize("input_size", [None, 64, 96])
def test_predictions_are_in_the_pixels_of_the_image(input_size):
    samples, batch, outputs = answered(input_size)
    assert batch["image"].shape[-1] == (input_size or 60)
    predictions = make_decoder(SIGMA_MM, 0.3)(outputs, batch)
    for sample, prediction in zip(samples, predictions, strict=True):
        assert np.array_equal(prediction.masks, sample.masks)
        assert np.array_equal(prediction.present, sample.visible)
        assert np.allclose(prediction.landmarks[:2], sample.landmarks[:2], atol=1e-3)


def test_validation_scores_the_image_and_not_its_padding():
    _, batch, outputs = answered(96)
    inside = torch.zeros(96, 96, dtype=torch.bool)
    inside[18:78, 18:78] = True
    outputs["masks"] = torch.where(inside, outputs["masks"], 10.0)  # all of the padding is called tool
    scores = score_batch(make_decoder(SIGMA_MM, 0.3)(outputs, batch), batch)
    assert scores["dice"] == 1
    assert scores["detection_rate"] == 1
    assert scores["landmark_error_mm"] < 1e-3


def test_a_peak_in_the_padding_is_not_found():
    _, batch, outputs = answered(96)
    outputs["heatmaps"][0, 0] = render_heatmaps(
        torch.tensor([[[40.0, 5.0]]]), torch.ones(1, 1, dtype=torch.bool), (96, 96), 4.0
    )[0, 0]
    found = make_decoder(SIGMA_MM, 0.3)(outputs, batch)[0]
    assert not found.present[0]
    assert tuple(found.landmarks[0]) == pytest.approx((22, 0), abs=0.01)  # the nearest border: 40 - 18, 5 - 18


def test_levels_of_probabilities_are_cut_where_masks_are():
    half = np.float32(0.5)
    near = [np.nextafter(half, np.float32(0)), half, np.nextafter(half, np.float32(1)), np.float32(0), np.float32(1)]
    assert to_levels(torch.tensor(near)).tolist() == [127, 128, 128, 0, 255]
    probability = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(to_levels(probability) >= 128, probability >= 0.5)
