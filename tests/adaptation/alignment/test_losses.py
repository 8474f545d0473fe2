"""The adversarial game in closed form, and against PyTorch's own losses."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from synthex.adaptation.alignment import confusion_loss, discriminator_loss, domain_accuracy


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return tuple(2 * torch.randn(3, 1, 5, 4, generator=generator, requires_grad=True) for _ in range(2))


@pytest.mark.parametrize("game", ["relativistic", "standard"])
def test_a_blind_discriminator_costs_log_two(game):
    blind = torch.zeros(2, 1, 3, 3)
    assert discriminator_loss(blind, blind, game).item() == pytest.approx(math.log(2))
    assert confusion_loss(blind, blind, game).item() == pytest.approx(math.log(2))
    assert [value.item() for value in domain_accuracy(blind, blind, game)] == [0.5, 0.5]


def test_the_relativistic_losses_are_those_of_the_study(logits):
    """-[log s(t - s) + log(1 - s(s - t))] / 2 for the discriminator, with signs exchanged for the network."""
    source, target = logits
    for found, first, second in (
        (discriminator_loss(source, target, "relativistic"), target, source),
        (confusion_loss(source, target, "relativistic"), source, target),
    ):
        study = -(logsigmoid(first - second) + torch.log(1 - torch.sigmoid(second - first))) / 2
        assert torch.allclose(found, study.mean(), rtol=1e-5)


def test_the_standard_losses_are_cross_entropies(logits):
    source, target = logits
    zeros, ones = torch.zeros_like(source), torch.ones_like(source)
    both = (binary_cross_entropy_with_logits(target, ones) + binary_cross_entropy_with_logits(source, zeros)) / 2
    assert torch.allclose(discriminator_loss(source, target, "standard"), both)
    inverted = binary_cross_entropy_with_logits(target, zeros)
    assert torch.allclose(confusion_loss(source, target, "standard"), inverted)


@pytest.mark.parametrize(("game", "flows"), [("relativistic", True), ("standard", False)])
def test_gradients_flow_through_both_domains_only_in_the_relativistic_game(logits, game, flows):
    source, target = logits
    gradients = torch.autograd.grad(confusion_loss(source, target, game), (source, target), allow_unused=True)
    assert (gradients[0] is not None) == flows
    assert gradients[1].abs().sum() > 0


def test_accuracy_counts_pixels_of_each_domain():
    source, target = torch.tensor([-1.0, -2.0, 3.0, -1.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    source, target = (values.reshape(1, 1, 2, 2) for values in (source, target))
    assert [value.item() for value in domain_accuracy(source, target, "standard")] == [0.75, 1.0]
    found = [value.item() for value in domain_accuracy(source + 7, target + 7, "relativistic")]
    assert found == [0.75, 0.75]  # cut at 7 + (-0.25 + 2.5) / 2
