from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from synthex.config.gate import with_gate
from synthex.core import ConfigError, DistanceGate, Vocabulary
from synthex.tasks import hip_landmarks

HIP = hip_landmarks.build()


def with_landmarks(*names):
    vocabulary = Vocabulary(("tool",), names)
    return replace(HIP, name="tool", vocabulary=vocabulary, protocol=replace(HIP.protocol, vocabulary=vocabulary))


def test_the_first_two_landmarks_are_gated():
    task = with_gate(with_landmarks("base", "tip", "joint"), OmegaConf.create([15, 200.5]))
    assert task.protocol.gate == DistanceGate("base", "tip", 15, 200.5)


def test_null_leaves_the_gate_of_the_task():
    task = with_gate(with_landmarks("base", "tip"), [15, 200])
    assert with_gate(task, None) is task


@pytest.mark.parametrize("bounds", [15, "wide", [15], [15, 200, 300], ["a", "b"], [True, 5]])
def test_other_bounds_are_refused(bounds):
    with pytest.raises(ConfigError, match=r"gate_mm=.*give \[low, high\] in mm"):
        with_gate(HIP, bounds)


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match=r"gate_mm=\[200, 15\]: give \[low, high\]"):
        with_gate(HIP, [200, 15])


@pytest.mark.parametrize("names", [(), ("tip",)])
def test_a_task_with_fewer_than_two_landmarks_has_no_pair(names):
    with pytest.raises(ConfigError, match=f"the task tool has {len(names)} landmarks, a gate needs two"):
        with_gate(with_landmarks(*names), [15, 200])
