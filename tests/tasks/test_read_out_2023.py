"""Crafted network outputs, read and scored as the study did: its printed figures by its own formulas."""

import numpy as np
import pytest
import torch

from synthex.core import ConfigError, Sample
from synthex.data.preprocess import fit
from synthex.evaluation import original_figures
from synthex.nn import DiceHeatmapLoss, render_heatmaps
from synthex.nn.synthex_2023 import SyntheX2023Loss
from synthex.tasks.hip_landmarks import build
from synthex.tasks.hip_landmarks.vocabulary import BONES, LANDMARKS, STRUCTURES

SIDE, PITCH = 120, 0.776
SIGMA_PX = 3.88 / PITCH


def crafted(offsets, lost=()):
    """Outputs whose peaks lie ``offsets`` (whole pixels) beside the truth, each in its own bone's mask."""
    # More than half a patch from the border: there its reflection would show a second peak.
    truth = np.array([(40.5 + 3 * index, 40.5 + 2 * index) for index in range(len(LANDMARKS))])
    masks = np.zeros((len(STRUCTURES), SIDE, SIDE), dtype=bool)
    for structure in range(len(STRUCTURES)):
        masks[structure, 10 * structure + 4 : 10 * structure + 14] = True
    points = truth + offsets
    logits = torch.full((len(STRUCTURES), SIDE, SIDE), -20.0)
    for index, bone in enumerate(BONES):
        column, row = int(points[index, 0]), int(points[index, 1])
        logits[bone, row, column] = 30.0
    logits[:, :, :6] = torch.where(torch.tensor(masks[:, :, :6]), 20.0, -20.0)
    seen = torch.ones((1, len(LANDMARKS)), dtype=torch.bool)
    heatmaps = render_heatmaps(torch.tensor(points)[None].float(), seen, (SIDE, SIDE), SIGMA_PX)
    for index in lost:
        heatmaps[0, index] = torch.randn((SIDE, SIDE), generator=torch.Generator().manual_seed(index))
    outputs = {"masks": logits[None], "heatmaps": heatmaps}
    told = {"case_id": ["a"], "native": [fit(SIDE, SIDE, SIDE)], "pixel_mm": torch.tensor([PITCH])}
    known = np.ones(len(LANDMARKS), dtype=bool)
    image = np.zeros((SIDE, SIDE), dtype=np.float32)
    sample = Sample("a", "01", image, "log", masks, truth, known, known, PITCH)
    return outputs, told, sample


def test_peaks_within_the_bones_are_read_and_their_errors_are_the_studys():
    offsets = np.array([(index % 3, (index * 2) % 5) for index in range(len(LANDMARKS))], dtype=float)
    outputs, told, sample = crafted(offsets, lost=(3, 8))
    task = build(sigma_mm=3.88, loss="syntheX_2023", read_out="syntheX_2023")
    (prediction,) = task.decode(outputs, told)
    kept = np.array([index for index in range(len(LANDMARKS)) if index not in (3, 8)])
    assert prediction.present.nonzero()[0].tolist() == kept.tolist()
    assert np.allclose(prediction.landmarks[kept], (sample.landmarks + offsets)[kept])
    assert prediction.masks.sum(axis=0).max() == 1  # one structure a pixel
    figures = original_figures([(sample, prediction)], task.vocabulary, "hip")
    errors = np.hypot(*offsets[kept].T) * 0.194 * 4  # what is not found is dropped
    found = figures["landmark_error_mm"]
    spread = float(f"{errors.std():.2f}")  # population, rounded before the interval is made of it
    assert (found.count, found.std) == (len(kept), spread)
    assert f"{found.mean:.2f}" == f"{errors.mean():.2f}"
    assert f"{found.half_width:.2f}" == f"{1.96 * spread / np.sqrt(len(kept)):.2f}"
    overlap = (
        2 * (prediction.masks & sample.masks).sum((1, 2)) / (prediction.masks.sum((1, 2)) + sample.masks.sum((1, 2)))
    )
    assert figures["dice"].mean == pytest.approx(np.mean([float(f"{value:.2f}") for value in overlap]))


def test_a_higher_peak_outside_the_bone_is_not_looked_at():
    outputs, told, sample = crafted(np.zeros((len(LANDMARKS), 2)))
    beside = torch.tensor([[[96.5, 96.5]]])
    outputs["heatmaps"][0, 0] += (
        5 * render_heatmaps(beside, torch.ones((1, 1), dtype=torch.bool), (SIDE, SIDE), 5.0)[0, 0]
    )
    (theirs,) = build(sigma_mm=3.88, read_out="syntheX_2023").decode(outputs, told)
    (ours,) = build(sigma_mm=3.88).decode(outputs, told)
    assert np.allclose(theirs.landmarks[0], sample.landmarks[0])
    assert np.abs(ours.landmarks[0] - 96.5).max() < 1


def test_loss_and_read_out_are_ours_unless_asked_for():
    assert isinstance(build().loss(PITCH), DiceHeatmapLoss)
    loss = build(sigma_mm=3.88, loss="syntheX_2023").loss(PITCH)
    assert isinstance(loss, SyntheX2023Loss)
    assert loss.sigma_px == pytest.approx(5.0)
    for name in ("loss", "read_out"):
        with pytest.raises(ConfigError, match=rf"task\.{name}='2023': choose synthex or syntheX_2023"):
            build(**{name: "2023"})
