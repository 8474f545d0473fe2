import numpy as np
import pytest

from synthex.anatomy.hip_landmarks import find_hip_landmarks
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.anatomy.scan_range import limit_scan
from synthex.core import Volume


@pytest.fixture(scope="module")
def phantom():
    return PelvisPhantoms(count=1, spacing_mm=3.0).load("phantom-0000")


def test_a_bone_without_labels_proves_nothing_about_its_landmark(phantom):
    labels = np.where(phantom.labels.data == phantom.structures["femur_left"], 0, phantom.labels.data).astype(np.uint8)
    found = find_hip_landmarks(Volume(labels, phantom.labels.world_from_ijk), phantom.structures)
    assert "FH-l" in found.absent
    assert "FH-l" in found.unsure
    assert "FH-r" in found.positions


def test_a_bone_that_leaves_the_scan_does(phantom):
    cut = limit_scan(phantom, phantom.landmarks["MOF-l"][2] + 5.0)
    found = find_hip_landmarks(cut.labels, cut.structures)
    for name in ("IOF-l", "IOF-r", "IPS-l", "IPS-r"):
        assert name in found.absent
        assert name not in found.unsure


def test_nothing_is_unsure_on_a_whole_pelvis(phantom):
    found = find_hip_landmarks(phantom.labels, phantom.structures)
    assert found.unsure == frozenset()
