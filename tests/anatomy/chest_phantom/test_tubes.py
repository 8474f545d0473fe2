import numpy as np
import pytest

from synthex.anatomy.chest_phantom.tube_kernel import cover_tubes
from synthex.anatomy.chest_phantom.vessels import grow_tree

SHAPE = (40, 40, 60)


@pytest.mark.parametrize("radius", [0.4, 0.8, 1.5, 3.0, 6.0])
def test_a_tube_keeps_its_cross_section(radius):
    origin = np.array((-20.0, -20.0, -30.0))
    tubes = np.array(((0.3, -0.2, -60.0, 0.3, -0.2, 60.0, radius, radius),))
    share = cover_tubes(SHAPE, origin, 1.0, tubes)
    area = share[:, :, 30].sum()
    assert abs(area / (np.pi * radius**2) - 1) < 0.07
    assert share.max() <= 1.0


def test_tubes_outside_the_grid_leave_it_empty():
    tubes = np.array(((100.0, 0, 0, 120.0, 0, 0, 3.0, 3.0),))
    assert not cover_tubes(SHAPE, np.zeros(3), 1.0, tubes).any()


def test_a_tree_reaches_every_target_and_narrows():
    rng = np.random.default_rng(1)
    targets = rng.uniform(-50, 50, (60, 3)) + np.array((80, 0, 0))
    root = np.zeros(3)
    rows = grow_tree(root, targets, 0.5, rng)
    ends = {tuple(row[3:6]) for row in rows}
    assert all(tuple(target) in ends for target in targets)
    # Every branch begins at the root or where another one ends, and no wider than that one.
    wide = {tuple(row[3:6]): row[6] for row in rows}
    for row in rows:
        start = tuple(row[:3])
        assert start == tuple(root) or row[6] <= wide[start] + 1e-9
    assert np.isclose(rows[:, 6].max(), 0.5 * 60 ** (1 / 2.9))
    assert len(rows) == 2 * 60 - 1
