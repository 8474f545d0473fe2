"""Both forms train, resume bitwise, use no label of the target, and leave a plain network."""

import csv
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from generators.samples import ListReader
from generators.tiny_alignment import (
    TinyUNet,
    module,
    pairs,
    reader,
    same,
    settings,
    shifted,
    state,
    tiny_transunet,
    train,
)

from synthex.adaptation.alignment import Alignment, AlignmentModule, domain_accuracy
from synthex.adaptation.alignment.batch_statistics import held
from synthex.core import ConfigError
from synthex.learning import find_weights, load_network_weights
from synthex.nn import DiceHeatmapLoss

SHARED = {
    "shared": {"batch_norm": "separate"},
    "fresh": {"fresh_batches": True},
    "target statistics": {"batch_norm": "target", "game": "standard"},
    "joint": {"batch_norm": "joint", "start": 0.4, "ramp": 0.4},
}
FORMS = {**SHARED, "classic": {"form": "classic", "game": "standard"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every kind of run, undisturbed."""
    found = {}
    for name, options in FORMS.items():
        run = tmp_path_factory.mktemp("run")
        found[name] = run, train(run, settings(**options))
    return found


@pytest.mark.parametrize("name", FORMS)
def test_a_cut_and_resumed_run_ends_bitwise_equal(name, whole, tmp_path):
    how = settings(**FORMS[name])
    steps = 4 if name == "fresh" else 12
    for cut in (3, steps // 2 + 1):
        assert train(tmp_path, how, cut) is None
    resumed = train(tmp_path, how)
    assert resumed.global_step == steps
    assert same(state(resumed), state(whole[name][1]))
    fresh = state(module(how))
    weights = [name for name in fresh if name.startswith("discriminators") and name.endswith("6.weight")]
    assert len(weights) == 3
    assert not any(torch.equal(state(resumed)[name], fresh[name]) for name in weights)  # they have learned


def test_the_average_of_weights_resumes_too(tmp_path):
    how = settings()
    straight = train(tmp_path / "one", how, ema=True)
    assert train(tmp_path / "two", how, 5, ema=True) is None
    assert same(state(train(tmp_path / "two", how, ema=True)), state(straight))


@pytest.mark.parametrize("name", ["shared", "classic"])
def test_labels_of_the_target_change_nothing_and_its_images_do(name, whole, tmp_path):
    samples = [reader(100, 7, shifted)[index] for index in range(7)]
    labels = [samples[index] for index in (3, 6, 0, 2, 1, 5, 4)]
    shuffled = [
        replace(image, masks=~other.masks, landmarks=other.landmarks + 1, pixel_mm=other.pixel_mm)
        for image, other in zip(samples, labels, strict=True)
    ]
    how = settings(**FORMS[name])
    again = train(tmp_path / "labels", how, dataset=pairs(ListReader(shuffled)))
    assert same(state(again), state(whole[name][1]))
    brighter = [replace(sample, image=sample.image**2) for sample in samples]
    other = train(tmp_path / "images", how, dataset=pairs(ListReader(brighter)))
    assert not same(state(other), state(whole[name][1]))


@pytest.mark.parametrize("name", FORMS)
def test_a_plain_network_is_kept(name, whole):
    run, trained = whole[name]
    network = TinyUNet()
    assert load_network_weights(find_weights(run), network, task="tiny") == {"task": "tiny"}
    assert same(network.state_dict(), trained.network.state_dict())


@pytest.mark.parametrize("name", FORMS)
def test_losses_accuracies_and_distances_are_logged(name, whole):
    with (whole[name][0] / "metrics.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    for level in ("encoder", "decoder", "outputs"):
        for figure in ("accuracy_source", "accuracy_target"):
            assert 0 <= float(last[f"align/{level}_{figure}"]) <= 1
        for figure in ("discriminator", "mean_distance", "spread_distance"):
            assert float(last[f"align/{level}_{figure}"]) > 0
    assert float(last["train/adversarial"]) > 0
    assert float(last["val/loss"]) > 0
    assert ("train/dice" in last and last["train/dice"] != "") == (name != "classic")


def test_the_classic_form_teaches_the_target_encoder_alone(whole):
    before, after = module(settings(form="classic")), whole["classic"][1]
    assert same(before.source.state_dict(), after.source.state_dict())
    for name, value in after.network.state_dict().items():
        taught = name.startswith("encoder")
        assert torch.equal(value, before.network.state_dict()[name]) != taught, name
    after.train()
    assert after.network.encoder.training
    assert not after.source.training
    assert not after.network.decoder.training


@pytest.mark.parametrize("form", ["shared", "classic"])
def test_the_studys_network_is_aligned_too(form, tmp_path):
    how = settings(form=form)
    before, after = module(how, tiny_transunet), train(tmp_path, how, epochs=1, network=tiny_transunet)
    old = before.network.state_dict()
    taught = {name for name, value in after.network.named_parameters() if not torch.equal(value, old[name])}
    encoder = {name for name, _ in after.network.named_parameters() if name.startswith("encoder")}
    # Not all: at this size some groups are of one value, which their normalisation makes nothing of.
    assert len(taught & encoder) > 0.8 * len(encoder)
    assert (taught <= encoder) == (form == "classic")
    again = tiny_transunet()
    load_network_weights(find_weights(tmp_path), again, task="tiny")
    assert same(again.state_dict(), after.network.state_dict())


def test_alignment_may_begin_later(tmp_path):
    """Until then the run is that of supervised training, discriminators untouched."""
    how = settings(start=0.5)
    made = train(tmp_path, how, epochs=1)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        adversarial = [row["train/adversarial"] != "" for row in csv.DictReader(file)]
    assert adversarial == [False] * 3 + [True] * 3
    assert made.alignment.strength(0.49) is None
    assert settings(start=0.5, ramp=0.25).strength(0.625) == 0.5
    assert settings(start=0.5, ramp=0.25).strength(0.9) == 1


def running(made):
    return {name: value for name, value in made.network.state_dict().items() if "running" in name}


def test_running_statistics_follow_the_domains_that_are_chosen():
    images = [torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) + seed for seed in (1, 5)]

    def after(images, batch_norm):
        made = module(settings(batch_norm=batch_norm))
        with torch.no_grad():
            outputs = made._both(*images)
        return running(made), outputs

    alone = module(settings())
    with torch.no_grad():
        expected = alone(images[1], features=True)
    target, outputs = after(images, "target")
    assert same(target, running(alone))
    assert torch.equal(outputs[1]["encoder"], expected["encoder"])
    first = module(settings())
    with torch.no_grad():
        first(images[0])
        first(images[1])
    separate, _ = after(images, "separate")
    assert same(separate, running(first))
    joint, _ = after(images, "joint")
    together = module(settings())
    with torch.no_grad():
        together(torch.cat(images))
    assert same(joint, running(together))


def test_held_statistics_stay_and_go_on_afterwards():
    network = TinyUNet()
    before = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
    with held(network):
        network(torch.rand(2, 1, 16, 16) + 3)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    network(torch.rand(2, 1, 16, 16) + 3)
    assert not any(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_discriminators_learn_and_the_adversarial_gradient_undoes_it(tmp_path):
    """A discriminator tells a plain domain shift; along its gradient alone, the network takes that away from it."""

    def skewed(sample):
        return replace(sample, image=np.exp(5 * sample.image))

    how = settings(levels={"encoder": 1e-9}, updates=2, scheduler=None, optimizer=partial(torch.optim.Adam, lr=0.01))
    dataset = pairs(reader(100, 7, skewed))
    made = train(tmp_path, how, epochs=6, dataset=dataset)
    images = [torch.stack([dataset[i][key] for i in range(12)]) for key in ("image", "target_image")]
    made.alignment = settings(levels={"encoder": 1.0})
    optimizer = torch.optim.SGD(made.network.encoder.parameters(), lr=0.05)
    losses, accuracies, distances = [], [], []
    for _ in range(15):
        source, target = (made._features(outputs) for outputs in made._both(*images))
        logits = [made.discriminators["encoder"](features["encoder"]) for features in (source, target)]
        accuracies.append(sum(value.item() for value in domain_accuracy(*logits, how.game)) / 2)
        distances.append(float(made._distances(source, target)["align/encoder_spread_distance"]))
        losses.append(made._confusion(source, target))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert accuracies[0] > 0.65
    assert accuracies[-1] < accuracies[0] - 0.1
    assert losses[-1] < 0.8 * losses[0]
    assert all(np.isfinite(distances))


class Featureless(torch.nn.Module):
    def forward(self, image):
        return {"masks": image}


def test_a_network_without_features_is_refused():
    with pytest.raises(ConfigError, match="Featureless gives no features"):
        AlignmentModule(Featureless(), DiceHeatmapLoss(sigma_px=1.0), settings())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "clasic"}, "did you mean classic"),
        ({"game": "wasserstein"}, "relativistic, standard"),
        ({"batch_norm": "none"}, "joint, separate, target"),
        ({"levels": {"decoder": 0}}, "above 0"),
        ({"levels": {"decodr": 1}}, "did you mean decoder"),
        ({"levels": {"decoder": -1}}, "at least 0"),
        ({"levels": {"decoder": np.inf}}, "at least 0"),
        ({"updates": 0}, "updates=0"),
        ({"start": 1.0}, "start=1.0"),
        ({"ramp": -0.1}, "ramp=-0.1"),
        ({"form": "classic", "start": 0.5}, "starts from a trained network"),
    ],
)
def test_settings_that_cannot_be_used_are_named_in_one_line(options, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Alignment(**options)
    assert "\n" not in str(caught.value)
