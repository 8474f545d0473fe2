"""A table's parts by closed forms."""

import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Naive, Realistic
from synthex.simulation.stages import Table
from synthex.simulation.stages.table import Bar, bar_paths_mm

CARM = CArm().binned(33)
BAR = Bar("adipose", 0.5, (-250.0, 250.0), (-160.0, -120.0))
SURE = Table(present=1, rails=1, below_mm=120, half_width_mm=100, beside_mm=0, rail_mm=20)


def test_the_central_ray_crosses_as_much_as_it_is_thick_and_slant_rays_more():
    camera = CARM.camera(View(np.zeros(3)))
    (path,) = bar_paths_mm(camera, [BAR])
    slant = np.hypot(np.hypot((np.arange(33) - 16)[None], (np.arange(33) - 16)[:, None]) * camera.pixel_mm, 1020) / 1020
    np.testing.assert_allclose(path, 40 * slant, rtol=1e-4)


def test_a_lateral_view_sees_the_whole_width_as_a_streak():
    camera = CARM.camera(View(np.array((0.0, -140.0, 0.0)), lao_rao_deg=90))
    (path,) = bar_paths_mm(camera, [BAR])
    assert path[16, 16] == pytest.approx(500, rel=1e-4)
    assert path[16, 0] == path[16, -1] == 0  # in front of it and behind it


def test_a_bar_beyond_the_detector_or_the_source_is_not_there():
    camera = CARM.camera(View(np.zeros(3)))
    beyond = Bar("adipose", 0.5, (-250.0, 250.0), (-600.0, -500.0))
    before = Bar("adipose", 0.5, (-250.0, 250.0), (540.0, 600.0))
    assert not any(path.any() for path in bar_paths_mm(camera, [beyond, before]))


def test_rails_bound_the_table_on_both_sides():
    bars = SURE.bars(np.zeros(3), SURE.draw(0), 0)
    assert [bar.across_mm for bar in bars] == [(-100, 100), (-100, 100), (-120, -100), (100, 120)]
    assert Table(present=0).bars(np.zeros(3), Table(present=0).draw(0), 0) == []


def test_a_table_darkens_and_moves_no_target(scene):
    camera = CARM.camera(View(np.zeros(3)))
    with_table = Realistic(table=SURE)(scene, camera, (3,), derive_rng(0))
    without = Realistic()(scene, camera, (3,), derive_rng(0))
    assert with_table.radiograph.image.mean() > without.radiograph.image.mean()
    np.testing.assert_array_equal(with_table.label_path_mm, Naive()(scene, camera, (3,), derive_rng(0)).label_path_mm)
