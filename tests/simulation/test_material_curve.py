import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics import get_material, mass_attenuation
from synthex.simulation.material_curve import Pure, Tissue, consistent_density, material_curve

HU = np.arange(-1000, 1501)
FIXED = {"lung_density": 1.0, "soft_density": 1.0, "bone_density": 1.0}


def seen_hu(tissue, drawn, kev):
    """What a CT of effective energy ``kev`` would make of the table's densities."""
    energy = np.array([kev])
    values = tissue.curve(drawn).values[: len(HU)]
    mu = sum(values[:, n] * mass_attenuation(name, energy)[0] for n, name in enumerate(tissue.materials()))
    return 1000 * (mu / mass_attenuation("water", energy)[0] - 1)


@pytest.mark.parametrize("kev", [70.0, 75.0, 80.0])
@pytest.mark.parametrize("key", range(3))
def test_the_curve_gives_the_ct_back_its_own_hu(kev, key):
    tissue = Tissue()
    drawn = {**tissue.draw(key), **FIXED, "ct_kev": kev}
    error = seen_hu(tissue, drawn, kev) - HU
    # Only between -1000 and -900 does it differ: noise of air weighs nothing.
    assert np.abs(error).max() < 15
    assert np.abs(error[HU >= -900]).max() < 0.1


def test_the_energy_of_the_ct_matters_little():
    tissue = Tissue()
    error = seen_hu(tissue, {**tissue.draw(0), **FIXED, "ct_kev": 75.0}, 70.0) - HU
    assert np.abs(error[(HU >= -900) & (HU <= 130)]).max() < 6
    assert np.abs(error).max() < 150  # bone attenuates less at a higher energy


def test_densities_are_those_of_the_published_calibration():
    # Schneider, Bortfeld and Schlegel 2000, Phys Med Biol 45:459: density over HU, piecewise linear.
    nodes = ((-1000, -98, -97, 14, 23, 100, 101, 1600), (1.21e-3, 0.93, 0.930486, 1.03, 1.031, 1.1199, 1.0762, 1.9642))
    published = np.interp(HU, *nodes)
    tissue = Tissue()
    density = tissue.curve({**tissue.draw(0), **FIXED, "ct_kev": 75.0}).values[: len(HU)].sum(axis=1)
    assert np.abs(density - published)[HU < -200].max() < 0.02
    assert np.abs(density / published - 1)[HU >= -200].max() < 0.04


def test_air_weighs_nothing_and_metal_its_own_density():
    tissue = Tissue(metal="steel_316l")
    values = tissue.curve(tissue.draw(0)).values
    assert not values[:11].any()
    assert values[11:].sum(axis=1).min() > 0
    np.testing.assert_allclose(values[-1], (0, 0, 0, 0, 0, get_material("steel_316l").density_g_cm3))
    assert len(values) == 4001


def test_neighbours_blend_without_a_step():
    tissue = Tissue()
    values = tissue.curve(tissue.draw(1)).values[: 2500 + 1000].astype(np.float64)
    # A threshold would make a material's density jump by 1 g/cm3 from one HU to the next.
    assert np.abs(np.diff(values, axis=0)).max() < 0.02
    assert (np.count_nonzero(values, axis=1) <= 2).all()


def test_scales_act_on_their_own_materials():
    tissue = Tissue()
    drawn = {**tissue.draw(0), **FIXED}
    plain, denser = tissue.curve(drawn).values, tissue.curve({**drawn, "bone_density": 1.1}).values
    np.testing.assert_array_equal(plain[:, [0, 1, 2, 5]], denser[:, [0, 1, 2, 5]])
    np.testing.assert_allclose(denser[:, 3:5], 1.1 * plain[:, 3:5], rtol=1e-6)


def test_water_of_zero_hu_has_the_attenuation_of_water():
    assert consistent_density("water", np.zeros(1), 75)[0] == pytest.approx(1.0)
    soft = consistent_density("soft_tissue", np.zeros(1), 75)[0] * mass_attenuation("soft_tissue", np.array([75.0]))[0]
    assert soft == pytest.approx(mass_attenuation("water", np.array([75.0]))[0])


def test_intervals_must_ascend():
    with pytest.raises(ConfigError, match=r"must ascend without overlap: lung ends at 0 but muscle is at -50"):
        material_curve([Pure("lung", -900, 0), Pure("muscle", -50, 100)], 75)
    with pytest.raises(ConfigError, match=r"tissue\.lung_to_hu can reach -160 HU but must stay below"):
        Tissue(lung_to_hu=(-400, -160))
    with pytest.raises(ConfigError, match="unobtainium"):
        Tissue(metal="unobtainium")
