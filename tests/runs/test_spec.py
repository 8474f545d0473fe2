"""What a run keeps of how its task and network are made."""

from functools import partial

import pytest
import torch

from synthex.core import ConfigError
from synthex.nn import SegmentationNetwork
from synthex.runs import Run, RunSpec
from synthex.runs.spec import described
from synthex.tasks import hip_landmarks


def test_makers_are_written_down_by_their_shortest_name() -> None:
    assert described(hip_landmarks.build) == {"_target_": "synthex.tasks.hip_landmarks.build"}
    network = partial(SegmentationNetwork, encoder="resnet18", decoder_channels=[8, 8])
    found = described(network)
    assert found == {"_target_": "synthex.nn.SegmentationNetwork", "encoder": "resnet18", "decoder_channels": [8, 8]}


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (lambda: None, "no name"),
        (partial(SegmentationNetwork, 2), "without names"),
        (partial(SegmentationNetwork, encoder=torch.nn.Identity()), "encoder is no plain value"),
    ],
)
def test_what_cannot_be_written_down_is_refused(maker, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        described(maker)


def test_a_spec_says_how_its_model_is_made() -> None:
    spec = RunSpec(task=hip_landmarks.build, network=SegmentationNetwork, readers={}, size=96, input_size=128)
    assert spec.settings("mine")["data"] == {"size": 96, "normalization": "zscore", "input_size": 128}
    assert spec.side == 128
    assert Run("folder").config.name == "config.yaml"
