import numpy as np
import pytest

from synthex.instruments.flexible import rod, smooth_line, striped_tube
from synthex.instruments.sweep import enclosed_volume

STRAIGHT = np.array([(0.0, 0, 0), (0, 0, 40), (0, 0, 100)])


def test_a_line_passes_through_its_points_in_even_steps():
    points = np.array([(0.0, 0, 0), (30, 10, 5), (40, 60, 0), (0, 90, -20)])
    line = smooth_line(points, 4.0)
    for point in points:
        assert np.linalg.norm(line - point, axis=1).min() < 1e-9
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert steps.max() < 6
    directions = np.diff(line, axis=0) / steps[:, None]
    assert (directions[1:] * directions[:-1]).sum(axis=1).min() > np.cos(np.deg2rad(25))


def test_points_on_a_line_stay_on_it():
    line = smooth_line(STRAIGHT, 7.0)
    assert np.abs(line[:, :2]).max() < 1e-12
    assert (np.diff(line[:, 2]) > 0).all()


def test_volumes_are_those_of_round_tubes():
    line = smooth_line(STRAIGHT)
    assert enclosed_volume(rod(line, 2.0)) == pytest.approx(np.pi * 100)
    tube, stripe = striped_tube(line, 10.0, 1.5, 1.6)
    assert enclosed_volume(tube) == pytest.approx(np.pi * (25 - 3.5**2) * 100)
    assert enclosed_volume(stripe) == pytest.approx(np.pi * 0.64 * 100)
    # The strand runs in the middle of the wall.
    assert np.linalg.norm(stripe[0][:, :2].mean(axis=0)) == pytest.approx(4.25, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: smooth_line(STRAIGHT[:1]),
        lambda: smooth_line(np.zeros((2, 3))),
        lambda: smooth_line(STRAIGHT, 0),
        lambda: striped_tube(STRAIGHT, 4.0, 2.0, 1.0),
    ],
)
def test_what_is_no_line_or_tube_is_refused(make):
    with pytest.raises(ValueError, match=r"line|lumen"):
        make()
