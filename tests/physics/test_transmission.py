import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics import MATERIALS, Spectrum, get_material, mass_attenuation, transmit, tungsten_spectrum

TOY = Spectrum(np.array([40.0, 60.0, 80.0]), np.array([0.3, 0.5, 0.2]))


def _through(spectrum, thickness_cm, weights=None, squared_weights=None):
    """Transmission of one pixel behind slabs: name to thickness in cm, at the materials' own densities."""
    amounts = [MATERIALS[name].density_g_cm3 * thickness for name, thickness in thickness_cm.items()]
    area = np.array(amounts, dtype=np.float32)[:, None, None]
    return transmit(area, list(thickness_cm), spectrum, weights, squared_weights)


@pytest.mark.parametrize(
    ("material", "thickness_cm", "energy", "expected"),
    [
        ("water", 20, 60, 1.62855e-2),
        ("soft_tissue", 20, 60, 1.30011e-2),
        ("cortical_bone", 2, 60, 0.298516),
        ("cortical_bone", 2, 100, 0.490434),
        ("titanium", 0.5, 60, 0.175713),
        ("steel_316l", 0.3, 60, 4.80551e-2),
        ("lung", 15, 60, 0.449017),
        ("water", 3.3669, 60, 0.5),
    ],
)
def test_one_energy_is_beer_lambert(material, thickness_cm, energy, expected):
    mono = Spectrum(np.array([float(energy)]), np.array([5e5]))
    passed = _through(mono, {material: thickness_cm})
    assert passed.signal[0, 0] == pytest.approx(expected, rel=1e-4)
    # One energy: Poisson, the variance is the mean.
    assert passed.variance_factor[0, 0] == pytest.approx(expected, rel=1e-4)
    assert passed.response_per_photon == pytest.approx(energy)


@pytest.mark.parametrize(
    ("thickness_cm", "counted", "energy"),
    [
        ({"water": 20}, 1.46246e-2, 1.63967e-2),
        ({"cortical_bone": 3}, 0.143435, 0.165244),
        ({"soft_tissue": 18, "cortical_bone": 2}, 5.75586e-3, 6.81089e-3),
    ],
)
def test_three_energies_are_the_closed_form(thickness_cm, counted, energy):
    assert _through(TOY, thickness_cm, np.ones(3)).signal[0, 0] == pytest.approx(counted, rel=1e-4)
    passed = _through(TOY, thickness_cm)
    assert passed.signal[0, 0] == pytest.approx(energy, rel=1e-4)
    assert passed.response_per_photon == pytest.approx(58.0)
    if "water" in thickness_cm:
        assert passed.signal[0, 0] * passed.response_per_photon == pytest.approx(0.951009, rel=1e-4)


@pytest.mark.parametrize("bins", [None, 24])
@pytest.mark.parametrize(
    ("kvp", "aluminium", "material", "thickness_cm", "expected"),
    [
        (60, 3.5, "water", 5, 0.240781),
        (60, 3.5, "water", 10, 0.0643885),
        (60, 3.5, "water", 20, 5.31999e-3),
        (60, 3.5, "water", 30, 4.87186e-4),
        (90, 4.0, "water", 5, 0.311910),
        (90, 4.0, "water", 10, 0.103237),
        (90, 4.0, "water", 20, 1.23728e-2),
        (90, 4.0, "water", 30, 1.58761e-3),
        (120, 4.3, "water", 5, 0.346589),
        (120, 4.3, "water", 10, 0.125216),
        (120, 4.3, "water", 20, 1.75205e-2),
        (120, 4.3, "water", 30, 2.59880e-3),
        (90, 4.0, "cortical_bone", 1, 0.432278),
        (90, 4.0, "cortical_bone", 3, 0.118134),
    ],
)
def test_tube_spectra_agree_with_spekpy(kvp, aluminium, material, thickness_cm, expected, bins):
    spectrum = tungsten_spectrum(kvp, {"aluminium": aluminium})
    spectrum = spectrum if bins is None else spectrum.grouped(bins)
    assert _through(spectrum, {material: thickness_cm}).signal[0, 0] == pytest.approx(expected, rel=0.01)


def test_beam_hardens_with_depth():
    depths = np.arange(1, 40, dtype=np.float32).reshape(1, 1, -1)
    signal = transmit(depths, ["water"], tungsten_spectrum(80).grouped(24)).signal[0]
    effective = -np.log(signal) / depths[0, 0]
    assert (np.diff(effective) < 0).all()


@pytest.mark.parametrize(("kvp", "aluminium", "expected"), [(60, 3.5, 1.0586), (90, 4.0, 1.0931), (120, 4.3, 1.1193)])
def test_open_field_variance_of_an_energy_integrator(kvp, aluminium, expected):
    spectrum = tungsten_spectrum(kvp, {"aluminium": aluminium}).grouped(24)
    passed = _through(spectrum, {"water": 0.0})
    assert passed.signal[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert passed.variance_factor[0, 0] == pytest.approx(expected, rel=1e-3)


def test_variance_factor_predicts_the_variance_of_drawn_photons():
    """Draw photons: of each energy a Poisson number reaches the detector, which sees each with a probability."""
    rng = np.random.default_rng(7)
    incident, draws = 1000, 40_000
    efficiency = np.array([0.9, 0.7, 0.4])
    passed = np.exp(-mass_attenuation("water", TOY.energies_kev) * 4.0)
    detected = rng.poisson(incident * TOY.fluence * passed * efficiency, size=(draws, 3))
    drawn = detected @ TOY.energies_kev
    weights, squared = efficiency * TOY.energies_kev, efficiency * TOY.energies_kev**2
    predicted = _through(TOY, {"water": 4.0}, weights, squared)
    scale = incident * predicted.response_per_photon
    assert drawn.mean() / scale == pytest.approx(predicted.signal[0, 0], rel=2e-3)
    # The standard error of a variance over 40000 draws is 0.7 %.
    assert drawn.var() / scale**2 == pytest.approx(predicted.variance_factor[0, 0] / incident, rel=0.03)
    ideal = _through(TOY, {"water": 0.0})
    assert ideal.variance_factor[0, 0] == pytest.approx(1.0583, abs=1e-4)
    assert ideal.variance_factor[0, 0] * 58.0**2 * 1000 == pytest.approx(3.560e6, rel=1e-4)


def _reference(area, materials, spectrum, weights, squared_weights):
    """The definition, in float64."""
    attenuation = np.stack([mass_attenuation(material, spectrum.energies_kev) for material in materials], axis=1)
    passed = np.exp(-np.einsum("em,mhw->ehw", attenuation, area.astype(np.float64)))
    share = spectrum.fluence / spectrum.total()
    response = share @ weights
    return (
        np.einsum("e,ehw->hw", share * weights, passed) / response,
        np.einsum("e,ehw->hw", share * squared_weights, passed) / response**2,
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 171), (32, 16), (37, 41)])
@pytest.mark.parametrize("names", [["water"], ["water", "cortical_bone", "lung", "titanium", "steel_304", "iodine"]])
def test_kernel_agrees_with_the_definition(shape, names):
    rng = np.random.default_rng(3)
    area = (rng.random((len(names), *shape)) * rng.choice([0.0, 0.1, 4.0], size=(len(names), *shape))).astype(
        np.float32
    )
    spectrum = tungsten_spectrum(95.5).grouped(24)
    weights = spectrum.energies_kev * 0.7
    squared = spectrum.energies_kev**2 * 0.8
    made = transmit(area, names, spectrum, weights, squared)
    signal, variance = _reference(area, names, spectrum, weights, squared)
    np.testing.assert_allclose(made.signal, signal, rtol=5e-6)
    np.testing.assert_allclose(made.variance_factor, variance, rtol=5e-6)


def test_order_of_materials_and_memory_does_not_matter():
    rng = np.random.default_rng(5)
    area = rng.random((3, 20, 30)).astype(np.float32)
    names = ["water", "cortical_bone", "copper"]
    spectrum = tungsten_spectrum(70).grouped(16)
    expected = transmit(area, names, spectrum).signal
    np.testing.assert_allclose(transmit(area[::-1], names[::-1], spectrum).signal, expected, rtol=2e-6)
    strided = np.asfortranarray(area)
    np.testing.assert_array_equal(transmit(strided, names, spectrum).signal, expected)


def test_opaque_bodies_let_almost_nothing_pass():
    area = np.array([[[0.0, 50.0, 1e4, 1e30, np.inf]]], dtype=np.float32)
    signal = transmit(area, ["lead"], tungsten_spectrum(80).grouped(24)).signal[0]
    assert signal[0] == pytest.approx(1, abs=1e-6)
    assert np.isfinite(signal).all()
    assert (signal[1:] < 1e-30).all()


def test_rounding_below_zero_counts_as_nothing():
    area = np.array([[[-1e-6, -3.0]]], dtype=np.float32)
    np.testing.assert_allclose(transmit(area, ["water"], TOY).signal, 1, atol=1e-6)


def test_materials_may_be_ones_own():
    spectrum = tungsten_spectrum(80).grouped(24)
    area = np.full((1, 2, 2), 2.0, dtype=np.float32)
    by_name, by_value = (transmit(area, [it], spectrum).signal for it in ("pmma", get_material("pmma")))
    np.testing.assert_array_equal(by_name, by_value)


def test_refuses_what_does_not_fit():
    area = np.zeros((2, 4, 4), dtype=np.float32)
    with pytest.raises(ConfigError, match="2 images of area density for 1 materials"):
        transmit(area, ["water"], TOY)
    with pytest.raises(ConfigError, match="2 detector weights for 3 energies"):
        transmit(area, ["water", "air"], TOY, np.ones(2))
    with pytest.raises(ConfigError, match="at least 0"):
        transmit(area, ["water", "air"], TOY, np.array([1.0, -1.0, 1.0]))
    with pytest.raises(ConfigError, match="response to this spectrum is 0"):
        transmit(area, ["water", "air"], TOY, np.zeros(3))
    with pytest.raises(ConfigError, match="unknown material"):
        transmit(area, ["water", "unobtainium"], TOY)
