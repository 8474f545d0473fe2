"""Boxes of what is in a volume."""

import numpy as np
import pytest

from synthex.anatomy.box_kernel import box_of


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_box_is_that_of_the_voxels_wanted(order):
    rng = np.random.default_rng(0)
    for _ in range(20):
        data = np.asarray(rng.random((7, 5, 6)) < 0.03, dtype=np.uint8) * rng.integers(1, 3, (7, 5, 6), dtype=np.uint8)
        data = np.asarray(data, order=order)
        for value, wanted in ((None, data != 0), (2, data == 2)):
            found, at = box_of(data, value), np.argwhere(wanted)
            if at.size:
                np.testing.assert_array_equal(found, (at.min(axis=0), at.max(axis=0) + 1))
            else:
                assert found is None
