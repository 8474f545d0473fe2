"""The notched wall: closed, of the right volume, with its notches where they should be."""

import numpy as np
import pytest

from synthex.core import Solid
from synthex.instruments.joint_profile import PlanarChain
from synthex.instruments.notched_tube import NotchedTube, wall_faces
from synthex.instruments.sweep import enclosed_volume
from synthex.projection.solids import winding_number

TUBE = NotchedTube(3.0, 2.0, 35.0, 54, 0.46, 4.0)
STRAIGHT = PlanarChain(np.zeros(27), 35.0)


@pytest.mark.parametrize("sides", [12, 20, 33])
@pytest.mark.parametrize("depth", [1.2, 3.0, 4.0, 5.5])
def test_what_is_left_of_the_wall_has_its_closed_volume(depth, sides):
    tube = NotchedTube(3.0, 2.0, 35.0, 54, 0.46, depth, collar_mm=2)
    surface = tube.surface(STRAIGHT, sides)
    Solid("tube", *surface, "nitinol")
    assert enclosed_volume(surface) == pytest.approx(tube.volume_mm3, rel=0.01)
    assert surface[0][:, 2].max() == pytest.approx(37, abs=1e-9)


def test_bending_keeps_the_volume():
    bent = TUBE.surface(PlanarChain(np.full(27, np.deg2rad(7.9)), 35.0), 20)
    Solid("tube", *bent, "nitinol")
    assert enclosed_volume(bent) == pytest.approx(TUBE.volume_mm3, rel=0.02)


def test_notches_alternate_and_leave_bridges():
    solid = Solid("tube", *TUBE.surface(STRAIGHT, 20), "nitinol")
    pitch = 35 / 54
    for notch in (0, 1, 26, 53):
        facing = 1 if notch % 2 == 0 else -1
        middle = (notch + 0.5) * pitch
        assert winding_number(solid, np.array([facing * 2.5, 0.0, middle])) == 0
        assert winding_number(solid, np.array([-facing * 2.5, 0.0, middle])) == 1
        for edge, inside in ((0.22, 0), (0.24, 1)):
            assert winding_number(solid, np.array([facing * 2.5, 0.0, middle + edge])) == inside
    assert winding_number(solid, np.array([0.0, 0.0, 10.0])) == 0
    assert winding_number(solid, np.array([0.0, 2.5, pitch])) == 1


def test_notches_close_inside_of_a_bend_and_open_outside():
    """Rings are rigid: the gap between neighbours changes by radius times angle."""
    bent = TUBE.surface(PlanarChain(np.full(27, 0.1), 35.0), 20)[0].reshape(2, 110, -1, 3)
    inside, outside = (int(np.argmax(side * bent[0, 0, :, 0])) for side in (1, -1))
    for corner, side in ((inside, 1), (outside, -1)):
        reach = side * bent[0, 0, corner, 0]
        gap = np.linalg.norm(bent[0, 20, corner] - bent[0, 19, corner])
        ring = np.linalg.norm(bent[0, 19, corner] - bent[0, 18, corner])
        # A joint of two notches turns by 0.1; the chord of the middle line is the pitch to 1e-4.
        assert ring == pytest.approx(35 / 54 - 0.46, abs=1e-9)
        assert gap == pytest.approx(0.46 - side * reach * 0.05, abs=2e-3)


def test_any_pattern_of_wall_is_closed():
    metal = np.random.default_rng(1).random((6, 9)) < 0.6
    assert len(wall_faces(metal))
    Solid("wall", np.zeros((2 * 7 * 9, 3)), wall_faces(metal), "nitinol")
