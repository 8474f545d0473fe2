import math

import pytest
import torch

from synthex.core import ConfigError
from synthex.nn import DiceHeatmapLoss, render_heatmaps
from synthex.nn.losses import heatmap_losses, mask_losses

SIZE, SIGMA = (32, 48), 2.0


def make_batch(visible=(True, True, False), annotated=(True, True, True)):
    visible = torch.tensor([visible])
    points = torch.tensor([[[20.2, 10.7], [30.0, 25.0], [5.0, 5.0]]])
    masks = torch.zeros((1, 2, *SIZE), dtype=torch.bool)
    masks[0, 0, 5:20, 8:30] = True
    return {
        "masks": masks,
        "landmarks": torch.where(visible[..., None], points, math.nan),
        "visible": visible,
        "annotated": torch.tensor([annotated]),
    }


def perfect(batch):
    logits = torch.where(batch["masks"], 30.0, -30.0)
    return {"masks": logits, "heatmaps": render_heatmaps(batch["landmarks"], batch["visible"], SIZE, SIGMA)}


def test_a_perfect_output_costs_nothing():
    batch = make_batch()
    parts = DiceHeatmapLoss(SIGMA)(perfect(batch), batch)
    assert parts["loss"].item() == pytest.approx(0, abs=2e-4)
    assert set(parts) == {"loss", "dice", "bce", "heatmap"}


def test_separable_sums_equal_the_drawn_heatmap():
    """Parity with the plain formulas on a drawn target."""
    generator = torch.Generator().manual_seed(0)
    batch = make_batch()
    output = torch.randn((1, 3, *SIZE), generator=generator)
    ncc_loss, amplitude = heatmap_losses(output, batch["landmarks"], batch["visible"], SIGMA)
    target = render_heatmaps(batch["landmarks"], batch["visible"], SIZE, SIGMA)
    x, y = output - output.mean((2, 3), keepdim=True), target - target.mean((2, 3), keepdim=True)
    ncc = (x * y).sum((2, 3)) / ((x * x).sum((2, 3)) * (y * y).sum((2, 3)) + 1e-20).sqrt()
    # The floor under the square root is 1e-4 of the Gaussian's energy.
    assert torch.allclose(1 - 2 * ncc_loss[:, :2], ncc[:, :2], atol=1e-4)
    expected = ((output - target) ** 2).sum((2, 3)) / (math.pi * SIGMA**2)
    assert torch.allclose(amplitude, expected, rtol=1e-4)


def test_dice_matches_its_formula_on_half_an_overlap():
    masks = torch.zeros((1, 1, 10, 10), dtype=torch.bool)
    masks[0, 0, :4] = True
    logits = torch.full((1, 1, 10, 10), -40.0)
    logits[0, 0, 2:6] = 40.0
    dice, _ = mask_losses(logits, masks, 1e-9)
    assert dice.item() == pytest.approx(1 - 2 * 20 / 80, abs=1e-6)


def test_a_false_positive_of_an_absent_structure_costs_more_than_none():
    batch = make_batch()
    right = perfect(batch)
    wrong = {**right, "masks": right["masks"].clone()}
    wrong["masks"][0, 1, :4, :4] = 30.0
    loss = DiceHeatmapLoss(SIGMA)
    assert loss(wrong, batch)["dice"] > loss(right, batch)["dice"] + 0.1


def test_an_absent_landmark_is_taught_as_absent_and_an_unannotated_one_not_at_all():
    batch = make_batch(visible=(True, False, False), annotated=(True, True, False))
    heatmaps = torch.full((1, 3, *SIZE), 0.3, requires_grad=True)
    DiceHeatmapLoss(SIGMA)({"heatmaps": heatmaps}, batch)["loss"].backward()
    assert (heatmaps.grad[0, 1] > 0).all()
    assert not heatmaps.grad[0, 2].any()


def test_height_is_taught():
    batch = make_batch()
    output = perfect(batch)
    half = {**output, "heatmaps": 0.5 * output["heatmaps"]}
    loss = DiceHeatmapLoss(SIGMA)
    assert loss(half, batch)["heatmap"] > loss(output, batch)["heatmap"] + 0.05


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_heatmap_has_a_finite_gradient(value):
    batch = make_batch()
    heatmaps = torch.full((1, 3, *SIZE), value, requires_grad=True)
    DiceHeatmapLoss(SIGMA)({"heatmaps": heatmaps}, batch)["loss"].backward()
    assert torch.isfinite(heatmaps.grad).all()
    assert heatmaps.grad[0, 0].any()


def test_nothing_annotated_costs_nothing():
    batch = make_batch(annotated=(False, False, False))
    heatmaps = torch.randn((1, 3, *SIZE), requires_grad=True)
    loss = DiceHeatmapLoss(SIGMA)({"heatmaps": heatmaps}, batch)["loss"]
    loss.backward()
    assert loss.item() == 0
    assert not heatmaps.grad.any()


def test_gradient_agrees_with_finite_differences():
    batch = make_batch()
    generator = torch.Generator().manual_seed(3)
    heatmaps = torch.randn((1, 3, *SIZE), generator=generator, dtype=torch.float64, requires_grad=True)
    ncc_loss, amplitude = heatmap_losses(heatmaps, batch["landmarks"].double(), batch["visible"], SIGMA)
    (ncc_loss + amplitude).sum().backward()
    step = torch.zeros_like(heatmaps)
    step[0, 0, 10, 20] = 1e-5
    with torch.no_grad():
        up, down = (
            sum(part.sum() for part in heatmap_losses(moved, batch["landmarks"].double(), batch["visible"], SIGMA))
            for moved in (heatmaps + step, heatmaps - step)
        )
    assert heatmaps.grad[0, 0, 10, 20].item() == pytest.approx(((up - down) / 2e-5).item(), rel=1e-4)


def test_half_precision_outputs_do_not_overflow():
    batch = make_batch()
    outputs = {name: value.bfloat16() for name, value in perfect(batch).items()}
    assert DiceHeatmapLoss(SIGMA)(outputs, batch)["loss"].item() == pytest.approx(0, abs=5e-3)


def test_senseless_weights_are_refused():
    with pytest.raises(ConfigError, match="sigma_px > 0"):
        DiceHeatmapLoss(sigma_px=0.0)


def test_an_absent_landmark_weighs_less_but_is_still_taught():
    heatmaps = torch.full((1, 1, 16, 16), 0.5, requires_grad=True)
    batch = {
        "landmarks": torch.full((1, 1, 2), float("nan")),
        "visible": torch.zeros(1, 1, dtype=torch.bool),
        "annotated": torch.ones(1, 1, dtype=torch.bool),
    }
    full = DiceHeatmapLoss(absent_weight=1.0)({"heatmaps": heatmaps}, batch)["loss"]
    less = DiceHeatmapLoss(absent_weight=0.25)({"heatmaps": heatmaps}, batch)["loss"]
    assert float(less) == pytest.approx(0.25 * float(full))
    less.backward()
    assert (heatmaps.grad > 0).all()


def test_a_landmark_seldom_shown_counts_as_much_as_one_always_shown():
    generator = torch.Generator().manual_seed(4)
    same = torch.randn(1, 1, *SIZE, generator=generator).expand(4, 2, *SIZE).clone().requires_grad_()
    shown = torch.ones(4, 2, dtype=torch.bool)
    shown[1:, 1] = False
    batch = {"landmarks": torch.full((4, 2, 2), 12.0), "visible": shown, "annotated": torch.ones_like(shown)}
    DiceHeatmapLoss(SIGMA, absent_weight=0.0)({"heatmaps": same}, batch)["loss"].backward()
    assert torch.allclose(same.grad[:, 0].sum(dim=0), same.grad[0, 1], atol=1e-7)
    assert not same.grad[1:, 1].any()


def _batch_of(flags, seed=0):
    """Random logits and targets of 3 images and 2 structures, of which ``flags`` are annotated."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((3, 2, *SIZE), generator=generator).requires_grad_()
    batch = {"masks": torch.rand((3, 2, *SIZE), generator=generator) < 0.3}
    return logits, batch if flags is None else batch | {"masks_annotated": torch.tensor(flags)}


def test_all_masks_annotated_is_the_plain_loss_to_the_bit():
    results = []
    for flags in (None, [[True, True]] * 3):
        logits, batch = _batch_of(flags)
        loss = DiceHeatmapLoss(SIGMA)({"masks": logits}, batch)["loss"]
        loss.backward()
        results.append((loss.detach(), logits.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_masks_that_are_not_annotated_are_not_taught():
    flags = [[True, False], [False, False], [True, True]]
    logits, batch = _batch_of(flags)
    parts = DiceHeatmapLoss(SIGMA, bce_weight=0.7)({"masks": logits}, batch)
    dice, bce = mask_losses(logits.detach(), batch["masks"], 1e-3)
    kept = torch.tensor(flags)
    assert parts["loss"].item() == pytest.approx((dice[kept].mean() + 0.7 * bce[kept].mean()).item(), rel=1e-6)
    parts["loss"].backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum((2, 3)) > 0
    assert torch.equal(touched, kept)


def test_structures_annotated_in_no_image_leave_the_loss_of_the_others():
    logits, batch = _batch_of([[True, False]] * 3)
    loss = DiceHeatmapLoss(SIGMA)
    alone = loss({"masks": logits[:, :1]}, {"masks": batch["masks"][:, :1]})["loss"]
    assert loss({"masks": logits}, batch)["loss"].item() == pytest.approx(alone.item(), rel=1e-6)


def test_a_batch_with_nothing_annotated_teaches_nothing():
    batch = make_batch(annotated=(False, False, False)) | {"masks_annotated": torch.zeros((1, 2), dtype=torch.bool)}
    outputs = {name: value.clone().requires_grad_() for name, value in perfect(make_batch()).items()}
    parts = DiceHeatmapLoss(SIGMA)(outputs, batch)
    assert all(part.item() == 0 for part in parts.values())
    parts["loss"].backward()
    assert all(not value.grad.any() for value in outputs.values())
