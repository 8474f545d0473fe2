"""Densities drawn for each image: a monotone map of HU, by its knots and along rays."""

import numpy as np
import pytest

from synthex.core import Affine, Anatomy, Scene, Volume, derive_rng
from synthex.geometry import CArm, View
from synthex.projection import HuTable
from synthex.simulation import Naive, Realistic
from synthex.simulation.densities import Densities

CAMERA = CArm().binned(16).camera(View(np.zeros(3)))


def block(hu):
    data = np.full((30, 30, 30), hu, dtype=np.int16)
    grid = Affine.from_parts(np.eye(3) * 4, np.full(3, -58.0))
    return Scene(Anatomy("block", Volume(data, grid), Volume(np.zeros_like(data, dtype=np.uint8), grid), {}, {}))


def test_tissues_move_as_they_are_told_and_air_and_metal_stay():
    drawn = {"bone": 0.5, "fat": 1.2, "muscle": 10.0}
    hu = np.array((-1000.0, -500, -100, 40, 120, 1120, 3000, 20000))
    np.testing.assert_allclose(Densities().bent(hu, drawn), (-1000, -500, -120, 50, 130, 630, 3000, 20000))


def test_the_map_is_monotone_for_every_draw():
    extremes = Densities(bone=(0.1, 1.5), fat=(0, 2.5), muscle=(-30, 50))
    hu = np.arange(-1000.0, 4000)
    for key in range(200):
        assert (np.diff(extremes.bent(hu, extremes.draw(key))) >= 0).all()


def test_a_table_is_that_of_the_bent_hu():
    table = HuTable(np.arange(5001, dtype=np.float32)[:, None])
    drawn = {"bone": 1.0, "fat": 1.0, "muscle": 0.0}
    np.testing.assert_array_equal(Densities().applied(table, drawn).values, table.values)
    thinner = Densities().applied(table, drawn | {"bone": 0.5})
    assert thinner.values[1000 + 1120, 0] == 1000 + 620


@pytest.mark.parametrize("hu", [-100, 1120])
def test_rays_through_bent_tissue_are_those_through_tissue_of_the_bent_hu(hu):
    fixed = Densities(bone=0.5, fat=1.2, muscle=0)
    bent = float(fixed.bent(np.array((float(hu),)), fixed.draw(0))[0])
    ours = Naive(densities=fixed)(block(hu), CAMERA, (), derive_rng(0))
    expected = Naive()(block(int(bent)), CAMERA, (), derive_rng(0))
    np.testing.assert_allclose(ours.radiograph.image[8, 8], expected.radiograph.image[8, 8], rtol=1e-5)
    np.testing.assert_array_equal(ours.water_path_mm, Naive()(block(hu), CAMERA, (), derive_rng(0)).water_path_mm)


def test_what_was_drawn_is_recorded_at_both_levels():
    for level in (Naive(densities=Densities()), Realistic(densities=Densities())):
        record = level(block(100), CAMERA, (), derive_rng(0)).record
        assert 0.6 <= record["densities"]["bone"] <= 1.4
    assert "densities" not in Naive()(block(100), CAMERA, (), derive_rng(0)).record
