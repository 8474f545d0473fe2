import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics import Spectrum, mass_attenuation, tungsten_spectrum
from synthex.physics.spectrum import legal_filtration, legal_hvl_mm

AL = "aluminium"
# SpekPy 2.5.4 (nist, th=12, dk=0.5): kV, mm Al, mean keV, HVL1, HVL2 in mm Al, photons/cm2/mAs at 1 m, uGy/mAs.
SPEKPY = [
    (60, 3.5, 37.56, 2.490, 3.293, 5.663e7, 34.1),
    (60, 2.5, 36.04, 2.063, 2.869, 7.348e7, 49.3),
    (70, 2.5, 39.50, 2.377, 3.435, 1.092e8, 65.5),
    (80, 2.5, 43.00, 2.714, 4.060, 1.512e8, 82.8),
    (90, 4.0, 48.85, 3.977, 5.596, 1.537e8, 69.0),
    (100, 2.5, 49.24, 3.436, 5.374, 2.497e8, 120.3),
    (110, 3.0, 52.99, 4.202, 6.382, 2.821e8, 124.7),
    (120, 4.3, 57.62, 5.465, 7.691, 2.832e8, 113.3),
]
# The same at voltages that lie between those of the table.
SPEKPY_BETWEEN = [
    (41.0, 2.5, 28.591, 1.4084, 1.7637, 2.1528e7, 20.282),
    (53.7, 2.5, 33.717, 1.8586, 2.5102, 5.3575e7, 39.294),
    (63.0, 3.0, 37.937, 2.3929, 3.2766, 7.3585e7, 44.837),
    (71.0, 2.5, 39.858, 2.4098, 3.4959, 1.1312e8, 67.172),
    (77.3, 3.0, 42.999, 2.9068, 4.1820, 1.2533e8, 66.459),
    (97.0, 2.5, 48.390, 3.3275, 5.1818, 2.3424e8, 114.56),
    (109.4, 3.0, 52.836, 4.1779, 6.3453, 2.7899e8, 123.54),
    (131.5, 3.0, 58.265, 5.0485, 7.6605, 3.9801e8, 167.10),
    (149.0, 4.0, 63.899, 6.4622, 9.1157, 4.4316e8, 174.54),
]


@pytest.mark.parametrize(("kvp", "al", "mean", "hvl1", "hvl2", "photons", "kerma"), SPEKPY + SPEKPY_BETWEEN)
def test_spectra_are_spekpys(kvp, al, mean, hvl1, hvl2, photons, kerma):
    spectrum = tungsten_spectrum(kvp, {AL: al})
    assert spectrum.mean_energy_kev() == pytest.approx(mean, abs=0.1)
    assert spectrum.hvl_mm() == pytest.approx(hvl1, rel=0.01)
    assert spectrum.hvl_mm(order=2) == pytest.approx(hvl2, rel=0.01)
    # SpekPy's aluminium is read off a coarser table: a sheet of it takes up to 1 % more there.
    assert spectrum.total() * 100 == pytest.approx(photons, rel=0.012)
    assert spectrum.air_kerma_ugy() == pytest.approx(kerma, rel=0.012)


@pytest.mark.parametrize(("copper", "mean", "hvl"), [(0.1, 52.86, 5.46), (0.2, 55.55, 6.47), (0.3, 57.56, 7.21)])
def test_copper_hardens_the_beam(copper, mean, hvl):
    spectrum = tungsten_spectrum(90, {AL: 4.0, "copper": copper})
    assert spectrum.mean_energy_kev() == pytest.approx(mean, abs=0.1)
    assert spectrum.hvl_mm() == pytest.approx(hvl, rel=0.01)


def test_characteristic_lines_stay_and_the_end_moves():
    for kvp in (81.0, 99.3, 131.0):
        spectrum = tungsten_spectrum(kvp)
        # Ka2 57.98, Ka1 59.32, Kb1 67.24 keV lie in these bins of 0.5 keV.
        for line in (57.75, 59.25, 67.25):
            at = int(np.argmin(np.abs(spectrum.energies_kev - line)))
            assert spectrum.fluence[at] == spectrum.fluence[at - 2 : at + 3].max()
            assert spectrum.fluence[at] > 1.3 * max(spectrum.fluence[at - 2], spectrum.fluence[at + 2])
        end = spectrum.energies_kev[spectrum.fluence > 0][-1]
        assert kvp - 0.75 <= end < kvp
    below = tungsten_spectrum(68)
    at = int(np.argmin(np.abs(below.energies_kev - 59.25)))
    assert below.fluence[at] < below.fluence[at - 2]  # no K line below the K edge


def test_interpolated_spectra_lie_between_their_neighbours():
    for low in (58, 68, 70, 100):
        values = [tungsten_spectrum(low + step) for step in (0.0, 0.5, 1.0, 1.5, 2.0)]
        for quantity in (Spectrum.total, Spectrum.mean_energy_kev, Spectrum.hvl_mm, Spectrum.air_kerma_ugy):
            steps = np.diff([quantity(spectrum) for spectrum in values])
            assert (steps > 0).all()
            assert steps.max() < 1.15 * steps.min()  # nearly linear over 2 kV: no jump at a tabulated voltage


def test_filtering_is_beer_lambert_and_composes():
    spectrum = tungsten_spectrum(90, {})
    at_once = spectrum.filtered({AL: 3.0, "copper": 0.1})
    in_steps = spectrum.filtered({"copper": 0.1}).filtered({AL: 1.0}).filtered({AL: 2})
    np.testing.assert_allclose(at_once.fluence, in_steps.fluence, rtol=1e-12)
    per_mm = mass_attenuation(AL, spectrum.energies_kev) * 2.699 / 10
    expected = spectrum.fluence * np.exp(-3 * per_mm)
    np.testing.assert_allclose(tungsten_spectrum(90, {AL: 3}).fluence, expected, rtol=1e-12)


def test_half_value_layer_of_one_energy_is_the_closed_form():
    mono = Spectrum(np.array([60.0]), np.array([1e6]))
    expected = np.log(2) / (mass_attenuation("water", np.array([60.0]))[0] / 10)
    assert expected == pytest.approx(33.669, rel=1e-3)
    assert mono.hvl_mm(material="water") == pytest.approx(expected)
    assert mono.hvl_mm(order=2, material="water") == pytest.approx(expected)


def test_second_half_value_layer_is_the_thicker():
    for kvp in (40, 70, 120):
        spectrum = tungsten_spectrum(kvp)
        assert spectrum.hvl_mm(2) > spectrum.hvl_mm()
        halved = spectrum.filtered({AL: spectrum.hvl_mm()})
        assert halved.air_kerma_ugy() == pytest.approx(spectrum.air_kerma_ugy() / 2)
        assert halved.mean_energy_kev() > spectrum.mean_energy_kev()


def _signals(spectrum, area_densities, weigh):
    """Detected part of the open field, one per column of the area densities (g/cm2)."""
    attenuation = np.stack([mass_attenuation(name, spectrum.energies_kev) for name in area_densities], axis=1)
    weights = spectrum.fluence * weigh(spectrum.energies_kev)
    return weights @ np.exp(-attenuation @ np.stack(list(area_densities.values()))) / weights.sum()


def _patients():
    """Area densities (g/cm2): 0 to 40 cm of water, 0 to 3 cm of bone, and a metal or contrast medium or nothing."""
    bodies = {
        "titanium": (2.3, 6.8),
        "steel_316l": (2.4, 8.0),
        "copper": (0.2,),
        "iodine": (0.05, 0.2),
        "lead": (1.1,),
        "aluminium": (2.7,),
    }
    columns = [
        {"water": water, "cortical_bone": bone * 1.92, **body}
        for water in (0, 2, 5, 10, 20, 30, 40)
        for bone in (0, 0.5, 1, 3)
        for body in [{}] + [{name: amount} for name, amounts in bodies.items() for amount in amounts]
    ]
    names = ["water", "cortical_bone", *bodies]
    return {name: np.array([column.get(name, 0.0) for column in columns]) for name in names}


DETECTORS = {
    "counting": lambda energies: np.ones_like(energies),
    "integrating": lambda energies: energies,
    "caesium iodide": lambda energies: energies * -np.expm1(-0.203 * mass_attenuation("csi", energies)),
    "its variance": lambda energies: energies**2 * -np.expm1(-0.203 * mass_attenuation("csi", energies)),
}


@pytest.mark.parametrize("weigh", DETECTORS.values(), ids=DETECTORS)
@pytest.mark.parametrize(
    ("kvp", "filtration"),
    [
        (45, {AL: 2.5}),
        (60, {AL: 3.5}),
        (77.7, {AL: 2.5}),
        (90, {AL: 4, "copper": 0.2}),
        (120, {AL: 4.3}),
        (150, {AL: 1}),
    ],
)
def test_few_energies_stand_for_the_whole_spectrum(kvp, filtration, weigh):
    full = tungsten_spectrum(kvp, filtration)
    patients = _patients()
    signal = _signals(full, patients, weigh)
    seen = signal > 1e-4
    for bins, tolerance in ((24, 0.0015), (16, 0.01)):
        few = full.grouped(bins)
        assert len(few.energies_kev) <= bins
        np.testing.assert_allclose(_signals(few, patients, weigh)[seen], signal[seen], rtol=tolerance)
    assert seen.sum() > 50


def test_groups_keep_photons_and_moments_of_energy():
    for kvp in (40.0, 66.6, 89.1, 150.0):
        full = tungsten_spectrum(kvp)
        for bins in (12, 13, 24, 40):
            few = full.grouped(bins)
            assert len(few.energies_kev) <= bins
            for power in range(4):
                expected = full.fluence @ full.energies_kev**power
                assert few.fluence @ few.energies_kev**power == pytest.approx(expected, rel=1e-9)


def test_no_group_spans_the_k_edge_of_iodine():
    full, few = tungsten_spectrum(90), tungsten_spectrum(90).grouped(12)
    below = full.energies_kev < 33.169
    expected = full.fluence[below].sum()
    assert few.fluence[few.energies_kev < 33.169].sum() == pytest.approx(expected, rel=1e-12)


def test_a_spectrum_with_few_energies_is_its_own_group():
    toy = Spectrum(np.array([40.0, 60.0, 80.0]), np.array([0.3, 0.5, 0.2]))
    assert toy.grouped(24) is toy


def test_refuses_what_it_cannot_do():
    spectrum = tungsten_spectrum(80)
    for kvp in (39.9, 151, float("nan")):
        with pytest.raises(ConfigError, match="choose 40 to 150"):
            tungsten_spectrum(kvp)
    with pytest.raises(ConfigError, match="thickness of at least 0"):
        tungsten_spectrum(80, {AL: -1.0})
    with pytest.raises(ConfigError, match="did you mean aluminium"):
        tungsten_spectrum(80, {"aluminum": 1.0})
    with pytest.raises(ConfigError, match="at least 12"):
        spectrum.grouped(11)
    with pytest.raises(ConfigError, match="choose 1 or 2"):
        spectrum.hvl_mm(order=3)


@pytest.mark.parametrize(
    ("energies", "fluence", "message"),
    [
        ([40.0, 30.0], [1.0, 1.0], "rising energies"),
        ([], [], "not all 0"),
        ([40.0, 50.0], [0.0, 0.0], "not all 0"),
        ([40.0, 50.0], [1.0, -1.0], "at least 0"),
        ([40.0, 50.0], [1.0, float("inf")], "finite"),
    ],
)
def test_refuses_what_is_no_spectrum(energies, fluence, message):
    with pytest.raises(ConfigError, match=message):
        Spectrum(np.array(energies), np.array(fluence))


def test_a_spectrum_owns_its_numbers():
    fluence = np.array([1.0, 2.0])
    spectrum = Spectrum(np.array([40.0, 50.0]), fluence)
    fluence[0] = 7.0
    assert spectrum.fluence[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        spectrum.fluence[0] = 7.0


@pytest.mark.parametrize("kvp", [50, 70, 80, 83, 110, 150])
def test_legal_filtration_reaches_the_legal_half_value_layer_and_adds_no_more(kvp):
    for filtration in ({"aluminium": 1.0}, {"aluminium": 2.5, "copper": 0.2}, {"aluminium": 8.0}):
        found = legal_filtration(kvp, filtration)
        layer = tungsten_spectrum(kvp, found).hvl_mm()
        assert layer >= legal_hvl_mm(kvp) - 1e-6
        if found != filtration:
            assert layer == pytest.approx(legal_hvl_mm(kvp), abs=1e-3)
            assert found["aluminium"] > filtration["aluminium"]


def test_the_legal_layers_are_those_of_the_standard():
    assert [legal_hvl_mm(kvp) for kvp in (50, 80, 85, 120)] == pytest.approx([1.8, 2.9, 3.05, 4.3])
    assert tungsten_spectrum(80, {"aluminium": 2.5}).hvl_mm() < 2.9  # what the least filtration alone does not reach
