from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample

from synthex.core import Affine, Anatomy, Volume
from synthex.data import LearningDataset, collate
from synthex.nn import render_heatmaps
from synthex.tasks import hip_landmarks
from synthex.tasks.hip_landmarks.scene import view_center
from synthex.tasks.hip_landmarks.vocabulary import LANDMARKS, STRUCTURES
from synthex.tasks.masks_and_landmarks import make_decoder


def test_names_are_the_studys_in_its_order():
    assert LANDMARKS[:4] == ("FH-l", "FH-r", "GSN-l", "GSN-r")
    assert LANDMARKS[-2:] == ("ASIS-l", "ASIS-r")
    assert len(LANDMARKS) == 14
    assert len(STRUCTURES) == 6
    assert hip_landmarks.build().protocol.task == "hip_landmarks"


def batch_of(size, *samples):
    dataset = LearningDataset(ListReader(samples), size)
    return collate([dataset[index] for index in range(len(samples))])


@pytest.mark.parametrize("size", [64, 96])
def test_perfect_outputs_decode_to_the_truth_in_native_pixels(size):
    samples = [make_sample(index, 60, 90) for index in range(3)]
    batch = batch_of(size, *samples)
    sigma_mm = 2.0
    sigma_px = sigma_mm / float(batch["pixel_mm"].mean())
    heatmaps = render_heatmaps(batch["landmarks"], batch["visible"], (size, size), sigma_px)
    outputs = {"heatmaps": heatmaps, "masks": 20 * (batch["masks"].float() - 0.5)}
    for sample, found in zip(samples, make_decoder(sigma_mm, 0.3)(outputs, batch), strict=True):
        assert found.case_id == sample.case_id
        assert np.array_equal(found.present, sample.visible)
        assert np.allclose(found.landmarks[sample.visible], sample.landmarks[sample.visible], atol=0.1)
        assert found.masks.shape == sample.masks.shape
        disc, truth = found.masks[0], sample.masks[0]
        assert 2 * (disc & truth).sum() / (disc.sum() + truth.sum()) > 0.9


def test_a_prediction_does_not_depend_on_its_batch_mates():
    samples = [make_sample(0, 60, 90), replace(make_sample(1, 60, 90), pixel_mm=1.7)]
    decode, heatmaps = make_decoder(2.0, 0.3), torch.rand((2, 4, 64, 64), generator=torch.manual_seed(0))
    masks = torch.zeros((2, 3, 64, 64))
    together = decode({"heatmaps": heatmaps, "masks": masks}, batch_of(64, *samples))
    for index, sample in enumerate(samples):
        (alone,) = decode({"heatmaps": heatmaps[[index]], "masks": masks[[index]]}, batch_of(64, sample))
        assert np.array_equal(alone.landmarks, together[index].landmarks)
        assert np.array_equal(alone.confidence, together[index].confidence)


def test_each_structure_has_its_own_probability_to_start_from():
    batch = batch_of(64, make_sample(0, 64, 64))
    wanted = torch.rand((1, 3, 64, 64), generator=torch.manual_seed(1))
    bounds = (0.3, 0.5, 0.8)
    (found,) = make_decoder(2.0, 0.3, bounds)({"masks": torch.logit(wanted)}, batch)
    for mask, levels, bound in zip(found.masks, found.probabilities, bounds, strict=True):
        assert mask[levels > 255 * bound + 1].all()
        assert not mask[levels < 255 * bound - 1].any()


def test_heatmaps_are_taught_in_mm_whatever_the_pitch():
    samples = [make_sample(0, 60, 90), replace(make_sample(1, 60, 90), pixel_mm=1.7)]
    loss = hip_landmarks.build(sigma_mm=3.0).loss(float(batch_of(64, samples[0])["pixel_mm"]))
    for sample in samples:
        batch = batch_of(64, sample)
        sigma_px = 3.0 / float(batch["pixel_mm"])
        heatmaps = render_heatmaps(batch["landmarks"], batch["visible"], (64, 64), sigma_px)
        assert float(loss({"heatmaps": heatmaps}, batch)["loss"]) < 1e-3


def test_what_a_network_sees_in_the_padding_is_not_read():
    batch = batch_of(64, make_sample(0, 30, 90))
    where = batch["native"][0]
    assert where.row > 10
    heatmaps = torch.zeros(1, 4, 64, 64)
    heatmaps[0, :, where.row // 2, 32] = 1.0  # above the image
    heatmaps[0, :, where.row + 5, 20] = 0.5
    (found,) = make_decoder(2.0, 0.01)({"heatmaps": heatmaps, "masks": torch.zeros(1, 3, 64, 64)}, batch)
    wanted = where.to_native(np.array([[20.5, where.row + 5.5]]))
    assert np.allclose(found.landmarks, wanted, atol=0.5)


def test_absent_everywhere_decodes_to_absent():
    batch = batch_of(64, make_sample(0, 60, 90))
    outputs = {"heatmaps": torch.zeros(1, 4, 64, 64), "masks": torch.full((1, 3, 64, 64), -5.0)}
    (found,) = make_decoder(2.0, 0.3)(outputs, batch)
    assert not found.present.any()
    assert (found.confidence == 0).all()
    assert not found.masks.any()


def make_anatomy(landmarks):
    grid = Affine.identity()
    return Anatomy(
        "s",
        Volume(np.zeros((3, 3, 3), dtype=np.int16), grid),
        Volume(np.zeros((3, 3, 3), dtype=np.uint8), grid),
        {},
        landmarks,
    )


def test_views_aim_at_complete_pairs_only():
    points = {"FH-l": np.array((-80.0, 0, 0)), "FH-r": np.array((80.0, 0, 0)), "GSN-l": np.array((-500.0, 9, 9))}
    assert np.allclose(view_center(make_anatomy(points)), 0)
    assert np.allclose(view_center(make_anatomy({})), 1)
