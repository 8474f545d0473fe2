import pytest
import segmentation_models_pytorch as smp
import torch

from synthex.core import ConfigError, InputError, UserError
from synthex.nn import SegmentationNetwork

SMALL = (16, 16, 8, 8, 8)


@pytest.mark.parametrize(("structures", "landmarks"), [(2, 3), (2, 0), (0, 3)])
def test_heads_follow_the_counts(structures, landmarks):
    network = SegmentationNetwork(structures, landmarks, decoder_channels=SMALL).eval()
    outputs = network(torch.randn(1, 1, 64, 32))
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    expected = {"masks": (1, structures, 64, 32), "heatmaps": (1, landmarks, 64, 32)}
    assert shapes == {name: shape for name, shape in expected.items() if shape[1]}


@pytest.mark.parametrize(("architecture", "channels"), [("unetplusplus", SMALL), ("fpn", None), ("unet", SMALL[:4])])
def test_other_architectures_and_depths(architecture, channels):
    network = SegmentationNetwork(2, 3, architecture=architecture, decoder_channels=channels).eval()
    outputs = network(torch.randn(1, 1, 64, 64))
    assert outputs["masks"].shape == (1, 2, 64, 64)
    assert outputs["heatmaps"].shape == (1, 3, 64, 64)


def test_input_size_is_rounded_up_to_what_the_network_takes():
    network = SegmentationNetwork(1, 0, decoder_channels=SMALL)
    assert network.input_size(97, 128) == (128, 128)
    assert SegmentationNetwork(1, 0, decoder_channels=SMALL[:4]).input_size(97, 128) == (112, 128)


def test_every_parameter_gets_a_gradient():
    network = SegmentationNetwork(2, 3, decoder_channels=SMALL)
    outputs = network(torch.randn(2, 1, 64, 64))
    (outputs["masks"].square().mean() + outputs["heatmaps"].square().mean()).backward()
    assert all(value.grad is not None for value in network.parameters())


def test_encoder_weights_from_a_local_file_with_three_colours(tmp_path):
    donor = smp.encoders.get_encoder("resnet18", in_channels=3, weights=None)
    path = tmp_path / "encoder.pth"
    torch.save(donor.state_dict(), path)
    network = SegmentationNetwork(1, 0, encoder_weights=str(path), decoder_channels=SMALL)
    state = network.encoder.state_dict()
    assert torch.equal(state["layer1.0.conv1.weight"], donor.state_dict()["layer1.0.conv1.weight"])
    assert torch.equal(state["conv1.weight"], donor.state_dict()["conv1.weight"].sum(1, keepdim=True))


def test_bad_weight_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        SegmentationNetwork(1, 0, encoder_weights=str(tmp_path / "gone.pth"))
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(InputError, match="not a file of weights"):
        SegmentationNetwork(1, 0, encoder_weights=str(tmp_path / "text.pth"))
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="does not fit the encoder"):
        SegmentationNetwork(1, 0, encoder_weights=str(tmp_path / "other.pth"))


def test_offline_pretrained_weights_are_one_line(monkeypatch):
    def offline(*args, **kwargs):
        raise ConnectionError("no route to host\nwith a second line")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", offline)
    with pytest.raises(UserError, match="cannot be fetched") as caught:
        SegmentationNetwork(1, 0, encoder_weights="imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "vnet"}, "unknown architecture 'vnet'"),
        ({"encoder": "resnet17"}, "unknown encoder 'resnet17'"),
        ({"structures": 0}, "needs structures or landmarks"),
        ({"architecture": "fpn", "decoder_channels": SMALL}, "fpn has no decoder_channels"),
        ({"encoder_weights": "imagined"}, "impossible"),
    ],
)
def test_impossible_networks_are_refused_in_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        SegmentationNetwork(**({"structures": 1, "landmarks": 0} | options))
    assert "\n" not in str(caught.value)
