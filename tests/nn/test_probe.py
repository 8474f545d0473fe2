"""What a network cannot learn from is said before it begins."""

import pytest
import torch
from torch import nn

from synthex.core import ConfigError
from synthex.nn import SegmentationNetwork, check_batch


def test_one_value_a_channel_is_refused_and_nothing_is_changed():
    network = SegmentationNetwork(1, 1, encoder="tu-test_resnet").eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    check_batch(network, 2, network.multiple, "data.size")
    check_batch(network, 1, 2 * network.multiple, "data.size")
    with pytest.raises(ConfigError, match="one value a channel"):
        check_batch(network, 1, network.multiple, "data.size")
    assert not network.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_an_encoder_of_a_fixed_size_says_which():
    network = SegmentationNetwork(1, 0, encoder="tu-swinv2_cr_tiny_ns_224", decoder_channels=(16, 16, 16, 16))
    with pytest.raises(ConfigError, match=r"data\.size=96.*224"):
        check_batch(network, 2, 96, "data.size")


def test_what_cannot_be_done_without_values_is_left_to_training():
    class Own(nn.Module):
        def forward(self, image):
            return {"masks": image * float(image.sum())}

    check_batch(Own(), 1, 8, "data.size")
