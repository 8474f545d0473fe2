import json

import pytest
import torch

from synthex.config.compose import options as names_in
from synthex.nn import SegmentationNetwork, TransUNet
from synthex.nn.complexity import complexity


@pytest.fixture
def summary(synthex, tmp_path):
    def run(*arguments):
        text = synthex("model summary", *arguments, f"json={tmp_path / 'rows.json'}")
        return text, {row["model"]: row for row in json.loads((tmp_path / "rows.json").read_text())}

    return run


def test_every_model_is_listed_at_the_size_asked_for(summary):
    text, rows = summary("data.size=200", "task=tool_detection")
    assert sorted(rows) == names_in("model")
    assert all(name in text for name in rows)
    assert rows["unet"]["input"] == "224 x 224"  # a multiple of 32 that covers it
    assert rows["transunet"]["input"] == "208 x 208"
    assert rows["transunet_small"]["parameters"] < rows["unet"]["parameters"] < rows["transunet"]["parameters"]
    assert {row["output_stride"] for row in rows.values()} == {1.0}


def test_one_model_with_its_settings(summary):
    text, rows = summary("model=transunet", "data.size=224", "task=lesion_segmentation")
    assert list(rows) == ["transunet"]
    assert rows["transunet"]["parameters"] == 105_276_066
    assert "105.28" in text
    _, rows = summary("model.encoder=tu-test_resnet")
    assert list(rows) == ["unet"]
    assert rows["unet"]["parameters"] < 3e6


def test_the_experiment_s_model_is_shown_without_fetching_its_weights(summary):
    _, rows = summary("experiment=tool/paper")
    assert list(rows) == ["transunet_imagenet21k"]
    assert rows["transunet_imagenet21k"]["input"] == "512 x 512"


def test_operations_are_those_of_the_formula():
    """2 k^2 C_in C_out H W of each convolution, 2 N (C_in C_out) of each linear map, 4 N^2 D of each attention."""
    depth, dim, height, width = 3, 48, 64, 32
    options = {"resnet_layers": [1, 1, 1], "resnet_width": 0.5, "embed_dim": dim, "depth": depth, "heads": 3}
    network = TransUNet(2, 1, **options, bottleneck_channels=32, decoder_channels=[32, 16, 16, 8])
    counted = [0]

    def count(layer, inputs, output):
        if isinstance(layer, torch.nn.Conv2d):
            counted[0] += 2 * layer.weight.numel() * output[0, 0].numel()
        else:
            counted[0] += 2 * layer.weight.numel() * output[..., 0].numel()

    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            part.register_forward_hook(count)
    found = complexity(network, height, width)
    tokens = height * width // 16**2
    assert found.flops == counted[0] + depth * 4 * tokens**2 * dim
    assert network.training


def test_frozen_parameters_are_not_trainable():
    network = SegmentationNetwork(1, 0, encoder="tu-test_resnet")
    network.encoder.requires_grad_(False)
    found = complexity(network, 64, 64)
    frozen = sum(value.numel() for value in network.encoder.parameters())
    assert found.parameters - found.trainable == frozen
    assert (found.input_stride, found.output_stride) == (32, 1.0)
