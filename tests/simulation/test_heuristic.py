import numpy as np
import pytest

from synthex.core import ConfigError, Simulator, derive_rng
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.simulation import Heuristic, Naive
from synthex.simulation.levels.heuristic import above_threshold

CAMERA = CArm().binned(32).camera(View(np.zeros(3)))


def test_it_is_a_simulator_and_records_its_draw(scene):
    assert isinstance(Heuristic(), Simulator)
    rendering = Heuristic(hu_lower=(-600, -400))(scene, CAMERA, (3,), derive_rng(0))
    assert -600 <= rendering.record["hu_lower"] <= -400
    assert rendering.record["level"] == "heuristic"


def test_a_threshold_at_air_is_the_naive_level(scene):
    naive = Naive()(scene, CAMERA, (), derive_rng(0)).radiograph.image
    image = Heuristic(hu_lower=-1000)(scene, CAMERA, (), derive_rng(0)).radiograph.image
    # The table is read in steps of HU, the water path is not: they differ by less than 1e-4 of the largest value.
    np.testing.assert_allclose(image, naive, rtol=0, atol=1e-4 * naive.max())


def test_the_table_is_linear_above_the_threshold():
    values = above_threshold(-250.5).values[:, 0]
    assert not values[:750].any()
    hu = np.array((-250, 0, 1000, 32767))
    np.testing.assert_allclose(values[hu + 1000], (hu + 250.5) / 1000, rtol=1e-6)


def test_it_has_more_contrast_between_bone_and_water(scene):
    def contrast(level):
        rendering = level(scene, CAMERA, (3,), derive_rng(0))
        image, inside = rendering.radiograph.image, rendering.label_path_mm[0] > 15
        beside = np.roll(inside, 10, axis=0)
        return image[inside].mean() / image[beside].mean()

    assert contrast(Heuristic()) > contrast(Naive()) > 1


def test_intensity_is_the_exponential_of_log(scene):
    log, intensity = (Heuristic(domain=d)(scene, CAMERA, (), derive_rng(0)).radiograph for d in ("log", "intensity"))
    assert (log.domain, intensity.domain) == ("log", "intensity")
    np.testing.assert_allclose(intensity.image, np.exp(-log.image), rtol=1e-6)


def test_its_line_integral_is_the_projectors(scene):
    ct = scene.anatomy.ct
    wanted = project(ct, None, (), CAMERA, table=above_threshold(-500)).quantity_mm[0] * 0.02059
    image = Heuristic()(scene, CAMERA, (), derive_rng(0)).radiograph.image
    np.testing.assert_allclose(image, wanted, rtol=1e-5, atol=1e-6)


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match=r"simulation\.hu_lower must lie in"):
        Heuristic(hu_lower=-1500)
    with pytest.raises(Exception, match="domain"):
        Heuristic(domain="dose")
