import json

import numpy as np
import pytest
from scipy import ndimage

from synthex.core import Affine, Anatomy, ConfigError, Sample, Scene, Simulator, Solid, Volume, derive_rng
from synthex.data import to_log
from synthex.geometry import CArm, View
from synthex.physics import get_material, mass_attenuation, tungsten_spectrum
from synthex.simulation import Naive, Realistic
from synthex.simulation.material_curve import Tissue
from synthex.simulation.stages import Detector, Field, Scatter, Tube

CARM = CArm().binned(64)
CAMERA = CARM.camera(View(np.zeros(3)))
CLEAN_FIELD = Field(correction=1, gain_residual=0)
IDEAL = Detector(glare_fraction=0, electronic_quanta=0, mtf_h_mm2=0, saturation=10, bits=24)
NO_SCATTER = Scatter(strength=0, grid_primary=1, grid_scatter=1)
QUIET = Tube(kvp=80, aluminium_mm=3, copper_mm=0, mas=1000, focal_spot_mm=0, anode_direction_deg=90)


def slab(hu=0, half=(75, 75, 50), spacing=4.0, at=(0, 0, 0)):
    """A box of one HU, ``half`` extents in mm, in air."""
    shape = np.array((50, 50, 50))
    origin = -(shape - 1) / 2 * spacing
    axes = [origin[n] + spacing * np.arange(shape[n]) - at[n] for n in range(3)]
    inside = np.ones(tuple(shape), dtype=bool)
    for axis in range(3):
        keep = np.abs(axes[axis]) <= half[axis]
        inside &= keep.reshape([-1 if n == axis else 1 for n in range(3)])
    data = np.where(inside, hu, -1000).astype(np.int16)
    affine = Affine.from_parts(np.eye(3) * spacing, origin)
    labels = Volume(inside.astype(np.uint8), affine)
    return Scene(Anatomy("slab", Volume(data, affine), labels, {"slab": 1}, {}))


def middle(image, half=6):
    row, column = image.shape[0] // 2, image.shape[1] // 2
    return image[row - half : row + half, column - half : column + half]


def box(center, half, material):
    """A solid box of ``half`` extents in mm."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return Solid(material, corners * half + center, np.array(faces), material)


def test_it_is_a_simulator_whose_record_tells_every_draw(scene):
    level = Realistic()
    assert isinstance(level, Simulator)
    rendering = level(scene, CAMERA, (3,), derive_rng(0))
    record = json.loads(json.dumps(dict(rendering.record)))
    assert record["level"] == "realistic"
    assert 70 <= record["tube"]["kvp"] <= 110
    for name, group in level.groups().items():
        assert set(record[name]) == {field for field, value in vars(group).items() if not isinstance(value, str | bool)}


def test_an_image_is_a_function_of_its_generator(scene):
    one, same, other = (Realistic()(scene, CAMERA, (3,), derive_rng(n)).radiograph.image for n in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_fixing_one_parameter_leaves_all_other_draws(scene):
    plain = Realistic()(scene, CAMERA, (), derive_rng(0)).record
    fixed = Realistic(tube=Tube(kvp=90))(scene, CAMERA, (), derive_rng(0)).record
    assert fixed["tube"]["kvp"] == 90
    assert {**fixed["tube"], "kvp": 0} == {**plain["tube"], "kvp": 0}
    assert all(fixed[name] == plain[name] for name in ("tissue", "scatter", "field", "detector"))


def test_paths_are_those_of_the_naive_level(scene):
    solids = (box((20, 0, 0), (5, 5, 20), "titanium"),)
    scene = Scene(scene.anatomy, {}, solids)
    naive = Naive()(scene, CAMERA, (3,), derive_rng(0))
    realistic = Realistic()(scene, CAMERA, (3,), derive_rng(1))
    np.testing.assert_array_equal(realistic.label_path_mm, naive.label_path_mm)
    np.testing.assert_array_equal(realistic.solid_path_mm, naive.solid_path_mm)
    assert realistic.solid_path_mm.max() > 9


@pytest.mark.parametrize("kvp", [60, 90, 120])
def test_without_scatter_and_noise_it_is_beer_lambert(kvp):
    level = Realistic(
        tissue=Tissue(adipose_to_hu=-70, soft_tissue_from_hu=-30, soft_density=1),
        tube=Tube(kvp=kvp, aluminium_mm=4, copper_mm=0.1, mas=1000, focal_spot_mm=0),
        scatter=NO_SCATTER,
        field=CLEAN_FIELD,
        detector=IDEAL,
        domain="intensity",
    )
    rendering = level(slab(0), CAMERA, (1,), derive_rng(0))
    path = middle(Naive()(slab(0), CAMERA, (), derive_rng(0)).radiograph.image) / 0.02059 / 10
    drawn = rendering.record
    spectrum = tungsten_spectrum(kvp, {"aluminium": 4, "copper": 0.1})
    csi = mass_attenuation("csi", spectrum.energies_kev) * get_material("csi").density_g_cm3
    stopped = 1 - np.exp(-csi * drawn["detector"]["packing"] * drawn["detector"]["scintillator_mm"] / 10)
    response = spectrum.fluence * spectrum.energies_kev * stopped
    kev = np.array([drawn["tissue"]["ct_kev"]])
    water = mass_attenuation("water", kev)[0]
    density = water / mass_attenuation("soft_tissue", kev)[0]
    mu = density * mass_attenuation("soft_tissue", spectrum.energies_kev)
    wanted = (response * np.exp(-mu * path[..., None])).sum(axis=-1) / response.sum()
    np.testing.assert_allclose(middle(rendering.radiograph.image), wanted, rtol=0.008)


def test_noise_is_that_of_the_quanta():
    def relative_noise(mas):
        tube = Tube(kvp=80, aluminium_mm=3, copper_mm=0, mas=mas, focal_spot_mm=0)
        level = Realistic(tube=tube, scatter=NO_SCATTER, field=CLEAN_FIELD, detector=IDEAL, domain="intensity")
        images = [middle(level(slab(0), CAMERA, (), derive_rng(n)).radiograph.image, 12) for n in range(2)]
        return [np.std(image - ndimage.uniform_filter(image, 3)) / np.mean(image) for image in images]

    few, many = np.mean(relative_noise(0.02)), np.mean(relative_noise(2.0))
    assert few / many == pytest.approx(10, rel=0.15)


def test_noise_has_the_level_of_the_detected_quanta():
    tube = Tube(kvp=80, aluminium_mm=3, copper_mm=0, mas=0.02, focal_spot_mm=0, target_angle_deg=12)
    level = Realistic(tube=tube, scatter=NO_SCATTER, field=CLEAN_FIELD, detector=IDEAL, domain="intensity")
    empty = slab(-1000)
    image = middle(level(empty, CAMERA, (), derive_rng(0)).radiograph.image, 8)
    spectrum = tungsten_spectrum(80, {"aluminium": 3})
    photons = spectrum.total() * 0.02 * CAMERA.pixel_mm**2 * (1000 / CAMERA.sdd_mm) ** 2
    # Detected quanta are 0.7 to 0.9 of these, a spectrum and the Swank factor add 10 to 25 % of variance, and the
    # open field is sharpened by nothing but the pixels' area (a sinc before the noise, so not on it).
    assert 1.1 < image.std() ** 2 * photons < 1.8
    assert image.mean() == pytest.approx(1, abs=0.01)


def test_scatter_lowers_contrast_and_a_grid_gives_part_of_it_back():
    scene = slab(0)
    scene.anatomy.ct.data[24:27, 20:30, 20:30] = 1000

    def contrast(scatter):
        level = Realistic(tube=QUIET, scatter=scatter, field=CLEAN_FIELD, detector=IDEAL)
        image = level(scene, CAMERA, (), derive_rng(0)).radiograph.image
        return image[30:34, 31:33].mean() - image[30:34, 22:24].mean()

    none = contrast(NO_SCATTER)
    bare = contrast(Scatter(strength=1, grid_primary=1, grid_scatter=1))
    grid = contrast(Scatter(strength=1, grid_primary=0.7, grid_scatter=0.1))
    assert bare < 0.7 * none
    assert bare < grid < none


def test_harder_beams_show_less_bone():
    scene = slab(0)
    scene.anatomy.ct.data[24:27, 20:30, 20:30] = 1400

    def contrast(kvp):
        tube = Tube(kvp=kvp, aluminium_mm=3, copper_mm=0.1, mas=1000, focal_spot_mm=0)
        level = Realistic(tube=tube, scatter=NO_SCATTER, field=CLEAN_FIELD, detector=IDEAL)
        image = level(scene, CAMERA, (), derive_rng(0)).radiograph.image
        return image[30:34, 31:33].mean() - image[30:34, 22:24].mean()

    assert contrast(60) > 1.3 * contrast(120)


def test_denser_bone_and_metal_attenuate_more(scene):
    def level(**tissue):
        groups = {"scatter": NO_SCATTER, "field": CLEAN_FIELD, "detector": IDEAL}
        return Realistic(tube=QUIET, tissue=Tissue(**tissue), **groups)

    mask = level()(scene, CAMERA, (3,), derive_rng(0)).label_path_mm[0] > 15
    images = [level(bone_density=b)(scene, CAMERA, (), derive_rng(0)).radiograph.image for b in (0.8, 1.2)]
    assert images[1][mask].mean() > images[0][mask].mean() + 0.1
    np.testing.assert_allclose(images[1][40:45, 15:25], images[0][40:45, 15:25], atol=0.01)

    def behind(material):
        with_solid = Scene(scene.anatomy, {}, (box((0, 0, 0), (8, 3, 8), material),))
        return middle(level()(with_solid, CAMERA, (), derive_rng(0)).radiograph.image, 3).mean()

    assert behind("steel_316l") > behind("titanium") > behind("pmma")


def test_the_collimator_darkens_what_lies_behind_it(scene):
    shut = Field(collimated=1, open_width=0.5, open_height=0.5, tilt_deg=0, leakage=0.02)
    level = Realistic(field=shut, domain="intensity", scatter=NO_SCATTER, detector=IDEAL)
    rendering = level(slab(-1000), CAMERA, (), derive_rng(0))
    image = rendering.radiograph.image
    assert rendering.record["collimated"]
    assert image[:10].max() < 0.1 * middle(image).min()
    assert not Realistic()(scene, CAMERA, (), derive_rng(0)).record["collimated"]


def test_log_and_intensity_say_the_same_to_the_network(scene):
    log, intensity = (Realistic(domain=d)(scene, CAMERA, (), derive_rng(0)).radiograph for d in ("log", "intensity"))
    assert (log.domain, intensity.domain) == ("log", "intensity")
    np.testing.assert_allclose(log.image, -np.log(intensity.image), rtol=1e-6)
    nothing = {"masks": np.zeros((0, 64, 64), bool), "landmarks": np.zeros((0, 2)), "visible": np.zeros(0, bool)}
    sample = Sample("a", "a", intensity.image, "intensity", annotated=np.zeros(0, bool), pixel_mm=1.0, **nothing)
    difference = to_log(sample) - log.image
    np.testing.assert_allclose(difference, difference.mean(), atol=1e-4)


def test_a_starved_image_is_clamped_at_what_the_detector_tells_apart():
    tube = Tube(kvp=40, aluminium_mm=3, copper_mm=0, mas=1e-3)
    detector = Detector(saturation=1, bits=12, electronic_quanta=0)
    level = Realistic(tube=tube, scatter=NO_SCATTER, field=CLEAN_FIELD, detector=detector)
    image = level(slab(1400, (90, 90, 90)), CAMERA, (), derive_rng(0)).radiograph.image
    assert np.isfinite(image).all()
    assert image.max() <= np.log(2**12)


def test_the_tube_always_covers_the_detector():
    wide = CArm(pixel_mm=0.3).binned(64).camera(View(np.zeros(3)))
    level = Realistic(tube=Tube(target_angle_deg=5), field=Field(correction=0), domain="intensity")
    assert level(slab(-1000), wide, (), derive_rng(0)).radiograph.image.min() > 0.03


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="energy_groups"):
        Realistic(energy_groups=3)
    with pytest.raises(Exception, match="domain"):
        Realistic(domain="dose")
    with pytest.raises(Exception, match="shape"):
        Field(shape="star")
    with pytest.raises(ConfigError, match=r"simulation\.tube\.kvp must lie in 40\.\.150 kV, got 200"):
        Tube(kvp=(60, 200))
