import math

import numpy as np
import pytest
import torch

from synthex.nn import read_heatmaps, render_heatmaps

SIZE = (40, 56)


def points_of(*points):
    return torch.tensor(points, dtype=torch.float32)[None]


def all_visible(points):
    return torch.ones(points.shape[:2], dtype=torch.bool)


def test_render_follows_the_pixel_convention():
    points = points_of((10.5, 20.5))
    heatmap = render_heatmaps(points, all_visible(points), SIZE, 2.0)[0, 0]
    assert heatmap.shape == SIZE
    assert heatmap[20, 10] == 1.0
    assert heatmap[20, 12].item() == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert heatmap[22, 10].item() == pytest.approx(math.exp(-0.5), rel=1e-6)


def test_invisible_landmarks_are_not_drawn_whatever_their_position():
    points = points_of((math.nan, math.nan), (5.0, 5.0))
    heatmaps = render_heatmaps(points, torch.tensor([[False, False]]), SIZE, 2.0)
    assert not heatmaps.any()


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.5])
def test_clean_gaussians_are_read_to_a_twentieth_of_a_pixel(sigma):
    rng = np.random.default_rng(5)
    height, width = SIZE
    inner = rng.uniform((0, 0), (width, height), (200, 2))
    border = [(0.0, 0.0), (width, height), (0.2, 17.3), (30.1, height - 0.05), (width - 0.4, 0.3), (0.5, 20.5)]
    points = torch.from_numpy(np.concatenate((inner, border)).astype(np.float32))[None]
    heatmaps = render_heatmaps(points, all_visible(points), SIZE, sigma)
    found, confidence = read_heatmaps(heatmaps, sigma)
    assert (found - points).norm(dim=-1).max() <= 0.05
    assert confidence.min() > 0.95


def test_a_wider_and_lower_peak_is_found_where_it_is_with_less_confidence():
    points = points_of((20.3, 14.8))
    wide = 0.6 * render_heatmaps(points, all_visible(points), SIZE, 3.0)
    found, confidence = read_heatmaps(wide, 2.0)
    assert (found - points).norm() <= 0.05
    _, full = read_heatmaps(render_heatmaps(points, all_visible(points), SIZE, 2.0), 2.0)
    assert confidence.item() < 0.65 < full.item()


def test_noise_moves_the_point_little():
    generator = torch.Generator().manual_seed(1)
    points = torch.rand((1, 100, 2), generator=generator) * torch.tensor([40.0, 24.0]) + 8
    heatmaps = render_heatmaps(points, all_visible(points), SIZE, 2.5)
    found, _ = read_heatmaps(heatmaps + 0.05 * torch.randn(heatmaps.shape, generator=generator), 2.5)
    assert (found - points).norm(dim=-1).mean() < 0.3


@pytest.mark.parametrize("value", [0.0, -1.0, 0.7, math.nan])
def test_a_constant_heatmap_is_no_landmark(value):
    found, confidence = read_heatmaps(torch.full((2, 3, *SIZE), value), 2.0)
    assert torch.isfinite(found).all()
    assert (confidence == 0).all()


def test_a_single_bright_pixel_is_less_convincing_than_a_gaussian():
    heatmap = torch.zeros((1, 1, *SIZE))
    heatmap[0, 0, 11, 30] = 1.0
    found, confidence = read_heatmaps(heatmap, 2.5)
    assert found[0, 0].tolist() == pytest.approx([30.5, 11.5])
    assert confidence.item() < 0.5


def test_input_is_left_alone():
    heatmaps = torch.randn((1, 2, *SIZE))
    before = heatmaps.clone()
    read_heatmaps(heatmaps, 2.0)
    assert torch.equal(heatmaps, before)
