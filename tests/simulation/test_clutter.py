"""Cables, buttons and shields: where they are, what they weigh, and that no target moves."""

import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Naive, Realistic
from synthex.simulation.stages import Clutter

CAMERA = CArm(rows=300, columns=300, pixel_mm=1.0).camera(View(np.zeros(3)))
ALL = Clutter(cables=1, buttons=1, shield=1, shield_mm=100, shield_lead_mm=0.5, button_mm=14, button_plastic_mm=3)


def test_each_is_there_with_its_material_and_thickness():
    sheets = ALL.sheets(CAMERA, np.zeros(3), ALL.draw(0), 0)
    assert [material for material, _ in sheets] == ["copper", "copper", "pmma", "lead"]
    assert sheets[3][1].max() == 0.5
    assert sheets[3][1][150, 150] == 0.5  # over the middle of the view
    assert 0.2 < (sheets[3][1] > 0.25).sum() / 100**2 < 1.2
    one = np.pi * 7**2
    discs = (sheets[2][1] > 1.5).sum() / one
    assert discs == pytest.approx(round(discs), abs=0.15) or discs < 5  # whole ones, or cut by the border


def test_nothing_is_there_unless_it_is_drawn():
    none = Clutter(cables=0, buttons=0, shield=0)
    area = np.ones((1, 300, 300), dtype=np.float32)
    same, names = none.add(area, ("adipose",), CAMERA, np.zeros(3), none.draw(0), 0)
    assert same is area
    assert names == ("adipose",)
    rare = Clutter(cables=0.1, buttons=0, shield=0)
    share = np.mean([bool(rare.sheets(CAMERA, np.zeros(3), rare.draw(key), key)) for key in range(300)])
    assert share == pytest.approx(0.19, abs=0.09)


def test_it_darkens_and_moves_no_target(scene):
    camera = CArm().binned(48).camera(View(np.zeros(3)))
    cluttered = Realistic(clutter=ALL)(scene, camera, (3,), derive_rng(0))
    plain = Realistic()(scene, camera, (3,), derive_rng(0))
    assert cluttered.radiograph.image.mean() > plain.radiograph.image.mean()
    np.testing.assert_array_equal(cluttered.label_path_mm, Naive()(scene, camera, (3,), derive_rng(0)).label_path_mm)
