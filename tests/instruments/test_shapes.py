"""Primitives have the volumes and the sizes of their formulas, and are turned outwards."""

import numpy as np
import pytest

from synthex.core import Solid
from synthex.instruments import shapes
from synthex.instruments.sweep import enclosed_volume

BODIES = {
    "cylinder": (shapes.cylinder(3, 20), np.pi * 9 * 20, (0, 20)),
    "cone": (shapes.cone(3, 20), np.pi * 9 * 20 / 3, (0, 20)),
    "frustum": (shapes.cone(3, 20, 1.5), np.pi * 20 / 3 * (9 + 4.5 + 2.25), (0, 20)),
    "capsule": (shapes.capsule(3, 20), np.pi * 9 * 20 + 4 / 3 * np.pi * 27, (-3, 23)),
    "tube": (shapes.tube(3, 2, 20), np.pi * 5 * 20, (0, 20)),
    "sphere": (shapes.sphere(3), 4 / 3 * np.pi * 27, (-3, 3)),
    "box": (shapes.box(np.array((2.0, 3, 4))), 24.0, (-2, 2)),
}


@pytest.mark.parametrize("name", BODIES)
def test_volume_and_extent(name):
    surface, volume, (low, high) = BODIES[name]
    # Circles keep their area; a hemisphere of 8 rings loses 0.6 %.
    exact = name not in ("capsule", "sphere")
    assert enclosed_volume(surface) == pytest.approx(volume, rel=1e-9 if exact else 0.01)
    assert surface[0][:, 2].min() == pytest.approx(low)
    assert surface[0][:, 2].max() == pytest.approx(high)
    assert Solid(name, *surface, "titanium").faces.shape[1] == 3


@pytest.mark.parametrize("axis", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -1, 0), (0.6, 0, -0.8), (1e-9, 0, -1)])
def test_shapes_are_turned_to_their_axis(axis):
    unit = np.array(axis, dtype=float) / np.linalg.norm(axis)
    place = shapes.placed(np.array((1.0, 2, 3)), unit)
    np.testing.assert_allclose(place.apply(np.array([[0, 0, 10.0]]))[0], np.array((1, 2, 3)) + 10 * unit, atol=1e-7)
    assert np.linalg.det(place.linear) == pytest.approx(1)
