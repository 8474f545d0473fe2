"""The study's loss and read-out against its formulas, written out plainly."""

import math

import numpy as np
import pytest
import torch

from synthex.core import ConfigError
from synthex.nn import render_heatmaps
from synthex.nn.synthex_2023 import SyntheX2023Loss, dice_2023, exclusive, ncc_2023, read_heatmaps_2023, reflected

SIZE, SIGMA = (40, 48), 2.0


def batch(visible=(True, True)):
    masks = torch.zeros((1, 2, *SIZE), dtype=torch.bool)
    masks[0, 0, 5:20, 8:30] = True
    return {
        "masks": masks,
        "landmarks": torch.tensor([[[20.5, 10.5], [30.5, 25.5]]]),
        "visible": torch.tensor([visible]),
        "annotated": torch.tensor([[True, True]]),
    }


def plain_dice(probability, truth, epsilon=1e-4):
    """Facts 1.4: the mean over classes, background first, the sign of the first epsilon as it is there."""
    values = []
    for p, t in zip(probability, truth, strict=True):
        values.append((-2 * (t * p).sum() + epsilon) / ((t**2).sum() + (p**2).sum() + epsilon))
    return np.mean(values)


def plain_ncc(x, y):
    count = x.size
    return ((x - x.mean()) * (y - y.mean())).sum() / (count * x.std(ddof=1) * y.std(ddof=1) + 1e-8)


def test_the_dice_term_is_its_formula_over_a_softmax_with_background():
    logits = torch.randn((2, *SIZE), generator=torch.Generator().manual_seed(0))
    masks = batch()["masks"][0]
    exponents = np.exp(np.concatenate((np.zeros((1, *SIZE)), logits.double().numpy())))
    truth = np.stack([~masks.any(dim=0).numpy(), *masks.numpy()]).astype(float)
    assert dice_2023(logits.double(), masks).item() == pytest.approx(plain_dice(exponents / exponents.sum(0), truth))


def test_the_slip_of_a_sign_rewards_false_positives_of_what_is_not_there():
    masks = torch.zeros((1, *SIZE), dtype=torch.bool)
    quiet, loud = (torch.full((1, *SIZE), value) for value in (-30.0, 30.0))
    quiet_class, loud_class = 1.0, 1e-4 / (SIZE[0] * SIZE[1] + 1e-4)  # of the structure alone
    assert dice_2023(quiet, masks).item() == pytest.approx((-1 + quiet_class) / 2, abs=1e-4)
    assert dice_2023(loud, masks).item() == pytest.approx(loud_class / 2, abs=1e-4)  # background lost instead


def test_the_heatmap_term_is_minus_half_of_one_plus_the_correlation_and_flat_where_absent():
    one = batch(visible=(True, False))
    generator = torch.Generator().manual_seed(1)
    heatmaps = torch.randn((1, 2, *SIZE), generator=generator, requires_grad=True)
    parts = SyntheX2023Loss(SIGMA)({"heatmaps": heatmaps}, one)
    target = render_heatmaps(one["landmarks"], one["visible"], SIZE, SIGMA)[0, 0].double().numpy()
    shown = -(plain_ncc(heatmaps[0, 0].detach().double().numpy(), target) + 1) / 2
    assert parts["loss"].item() == pytest.approx((shown - 0.5) / 2, abs=1e-6)
    parts["loss"].backward()
    assert heatmaps.grad[0, 0].abs().max() > 0
    assert heatmaps.grad[0, 1].abs().max() == 0


def test_a_perfect_output_has_the_least_loss_and_scale_and_offset_of_heatmaps_do_not_matter():
    one = batch()
    one["masks"][0, 1, 22:40, 30:48] = True
    logits = torch.where(one["masks"], 40.0, -40.0)
    heatmaps = 7 * render_heatmaps(one["landmarks"], one["visible"], SIZE, SIGMA) - 3
    parts = SyntheX2023Loss(SIGMA, heatmap_weight=0.25)({"masks": logits, "heatmaps": heatmaps}, one)
    assert parts["dice"].item() == pytest.approx(-1, abs=1e-3)
    assert parts["heatmap"].item() == pytest.approx(-1, abs=1e-3)
    assert parts["loss"].item() == pytest.approx(0.75 * parts["dice"].item() + 0.25 * parts["heatmap"].item())
    assert torch.isfinite(SyntheX2023Loss(SIGMA)({"heatmaps": torch.zeros((1, 2, *SIZE))}, one)["loss"])


def test_masks_that_are_not_annotated_are_refused():
    one = batch() | {"masks_annotated": torch.tensor([[True, False]])}
    with pytest.raises(ConfigError, match="needs all masks annotated"):
        SyntheX2023Loss(SIGMA)({"masks": torch.zeros((1, 2, *SIZE))}, one)


def test_the_highest_pixel_within_the_bone_is_read_if_it_looks_like_a_gaussian():
    peaks = torch.tensor([[[20.5, 10.5], [30.5, 25.5], [12.5, 30.5]]])
    seen = torch.ones((1, 3), dtype=torch.bool)
    heatmaps = render_heatmaps(peaks, seen, SIZE, SIGMA)[0]
    heatmaps[0] += 3 * render_heatmaps(torch.tensor([[[40.5, 30.5]]]), seen[:, :1], SIZE, SIGMA)[0, 0]  # off the bone
    heatmaps[2] = 0
    heatmaps[2, 30, 12] = 1.0  # one bright pixel is no Gaussian
    classes = torch.zeros(SIZE, dtype=torch.int64)
    classes[:20, :30] = 1
    points, likeness = read_heatmaps_2023(heatmaps, classes, [1, None, None], SIGMA)
    assert points[:2].tolist() == [[20.5, 10.5], [30.5, 25.5]]
    assert likeness[0] > 0.9
    assert likeness[1] > 0.99
    assert likeness[2] < 0.9
    anywhere, _ = read_heatmaps_2023(heatmaps, None, [1, None, None], SIGMA)
    assert anywhere[0].tolist() == [40.5, 30.5]
    points, likeness = read_heatmaps_2023(heatmaps, classes, [5, None, None], SIGMA)
    assert points[0].isnan().all()  # no pixel of its class
    assert likeness[0] == 0


def test_the_patch_is_of_ten_sigmas_and_reflected_at_the_border():
    rng = np.random.default_rng(0)
    heatmap = torch.tensor(rng.uniform(0, 0.5, SIZE))
    heatmap[2, 3] = 1.0
    side = int(25 * 8 / 4)  # 50 pixels at 4x, where sigma is 5
    _, likeness = read_heatmaps_2023(heatmap[None], None, [None], 5.0)
    padded = np.pad(heatmap.numpy(), side, mode="reflect")
    patch = padded[
        2 + side - side // 2 : 2 + side - side // 2 + side, 3 + side - side // 2 : 3 + side - side // 2 + side
    ]
    grid = np.arange(side) - side // 2
    gaussian = np.exp(-(grid[:, None] ** 2 + grid[None, :] ** 2) / (2 * 5.0**2))
    assert likeness.item() == pytest.approx(plain_ncc(patch, gaussian), abs=1e-6)
    assert reflected(torch.arange(-3, 8), 5).tolist() == [3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1]


def test_overlapping_masks_become_the_later_one_and_the_correlation_is_a_little_below_one():
    masks = torch.zeros((2, 2, 2), dtype=torch.bool)
    masks[0, 0], masks[1, 0, 0] = True, True
    assert exclusive(masks).tolist() == [[2, 1], [0, 0]]
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64)
    assert ncc_2023(x, x).item() == pytest.approx(3 / 4, abs=1e-6)  # N against N - 1
    assert not math.isnan(ncc_2023(torch.zeros(2, 2), x.float()).item())
