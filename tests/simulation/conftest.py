import numpy as np
import pytest

from synthex.core import Affine, Anatomy, Scene, Volume


@pytest.fixture(scope="session")
def scene() -> Scene:
    """A 100 mm water cube with a 20 mm dense cube on the patient's left, head end."""
    hu = np.full((60, 60, 60), -1000, dtype=np.int16)
    labels = np.zeros_like(hu, dtype=np.uint8)
    hu[5:55, 5:55, 5:55] = 0
    left_top = np.s_[10:20, 25:35, 40:50]  # low i is left in RAS
    hu[left_top], labels[left_top] = 1000, 3
    affine = Affine.from_parts(np.diag((2.0, 2.0, 2.0)), (-59, -59, -59))
    landmarks = {"cube": np.array((-30.0, 0.0, 30.0)), "far": np.array((500.0, 0.0, 0.0))}
    landmarks["behind"] = np.array((0.0, 600.0, 0.0))
    ct = Volume(hu, affine)
    return Scene(Anatomy("cube", ct, Volume(labels, affine), {"cube": 3}, landmarks, frozenset({"gone"})))
