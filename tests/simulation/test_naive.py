import numpy as np
import pytest
import trimesh

from synthex.core import Scene, Simulator, Solid, derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Naive, visible_masks

CAMERA = CArm().binned(64).camera(View(np.zeros(3)))


def test_it_is_a_simulator():
    assert isinstance(Naive(), Simulator)


def test_log_image_is_attenuation_of_water(scene):
    # mu/rho of water at 60 keV is 0.2059 cm2/g; the oblique ray through the middle crosses 100 mm.
    image = Naive()(scene, CAMERA, (), derive_rng(0)).radiograph.image
    assert image.dtype == np.float32
    assert image[34, 29] == pytest.approx(0.02059 * 100, rel=2e-3)


def test_intensity_is_the_exponential_of_log(scene):
    log = Naive()(scene, CAMERA, (), derive_rng(0)).radiograph
    intensity = Naive(domain="intensity")(scene, CAMERA, (), derive_rng(0)).radiograph
    assert (log.domain, intensity.domain) == ("log", "intensity")
    np.testing.assert_allclose(intensity.image, np.exp(-log.image), rtol=1e-6)
    assert intensity.image.max() == 1.0  # beside the cube


def test_dense_cube_shows_where_its_label_does(scene):
    rendering = Naive()(scene, CAMERA, (3,), derive_rng(0))
    mask = visible_masks(rendering.label_path_mm)[0]
    rows, columns = np.nonzero(mask)
    assert rows.max() < 32 < columns.min()  # head end up, patient's left on the image's right
    image = rendering.radiograph.image
    assert image[mask].min() > 0.02059 * 100
    assert rendering.label_path_mm[0][mask].max() == pytest.approx(20, rel=0.02)


def test_targets_do_not_depend_on_the_pixels(scene):
    a = Naive()(scene, CAMERA, (3,), derive_rng(0))
    b = Naive(mu_water_per_mm=0.03, domain="intensity", threads=2)(scene, CAMERA, (3,), derive_rng(1))
    np.testing.assert_array_equal(a.label_path_mm, b.label_path_mm)


def test_nothing_is_drawn(scene):
    rng = derive_rng(0)
    Naive()(scene, CAMERA, (), rng)
    assert rng.random() == derive_rng(0).random()


def test_a_solid_displaces_water_and_attenuates_as_its_material(scene):
    ball = trimesh.creation.icosphere(subdivisions=4, radius=10)
    solid = Solid("ball", ball.vertices, ball.faces, "titanium", density_g_cm3=4.0)
    with_ball = Naive()(Scene(scene.anatomy, {}, (solid,)), CAMERA, (3,), derive_rng(0))
    without = Naive()(scene, CAMERA, (3,), derive_rng(0))
    np.testing.assert_array_equal(with_ball.label_path_mm, without.label_path_mm)
    more = with_ball.radiograph.image - without.radiograph.image
    path = with_ball.solid_path_mm[0]
    # mu/rho of titanium at 60 keV is 0.7660 cm2/g (NIST); water of 0.02059 per mm gives way to it.
    assert path.max() == pytest.approx(20, rel=0.02)
    np.testing.assert_allclose(more, path * (0.7660 * 4.0 / 10 - 0.02059), atol=0.02)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="mu_water"):
        Naive(mu_water_per_mm=0)
    with pytest.raises(Exception, match="domain"):
        Naive(domain="dose")
