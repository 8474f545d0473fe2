import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from synthex.core import ConfigError
from synthex.physics import Material, linear_attenuation_per_mm, mass_attenuation
from synthex.physics.attenuation import air_energy_absorption, load_table

ENERGIES = np.array([30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 120.0])
# mu/rho in cm2/g at ENERGIES, from the Elam tables (xraydb 4.5.8), rounded to four decimals.
REFERENCE = {
    "water": (0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1614),
    "air": (0.3538, 0.2485, 0.2080, 0.1875, 0.1662, 0.1541, 0.1455),
    "lung": (0.3815, 0.2699, 0.2270, 0.2053, 0.1826, 0.1695, 0.1601),
    "adipose": (0.3064, 0.2396, 0.2123, 0.1974, 0.1800, 0.1688, 0.1602),
    "soft_tissue": (0.3790, 0.2688, 0.2264, 0.2048, 0.1823, 0.1693, 0.1599),
    "muscle": (0.3783, 0.2685, 0.2263, 0.2048, 0.1823, 0.1693, 0.1599),
    "blood": (0.3852, 0.2715, 0.2278, 0.2057, 0.1827, 0.1695, 0.1601),
    "cortical_bone": (1.3311, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1656),
    "trabecular_bone": (0.6631, 0.3878, 0.2860, 0.2381, 0.1948, 0.1745, 0.1620),
    "pmma": (0.3032, 0.2350, 0.2074, 0.1924, 0.1751, 0.1641, 0.1557),
    "aluminium": (1.1284, 0.5684, 0.3682, 0.2778, 0.2018, 0.1704, 0.1533),
    "titanium": (4.9719, 2.2126, 1.2135, 0.7660, 0.4053, 0.2721, 0.2102),
    "ti6al4v": (4.7650, 2.1243, 1.1681, 0.7399, 0.3943, 0.2666, 0.2071),
    "steel_304": (7.9531, 3.5309, 1.9068, 1.1750, 0.5826, 0.3652, 0.2655),
    "steel_316l": (8.5442, 3.8050, 2.0558, 1.2648, 0.6224, 0.3863, 0.2781),
    "nitinol": (7.9314, 3.5273, 1.9081, 1.1764, 0.5845, 0.3667, 0.2668),
    "cocrmo": (9.3905, 4.1969, 2.2691, 1.3918, 0.6776, 0.4147, 0.2941),
    "iodine": (8.5617, 22.0958, 12.3235, 7.5770, 3.5103, 1.9422, 1.2114),
    "iohexol_350": (2.3936, 5.6922, 3.2320, 2.0362, 1.0085, 0.6090, 0.4203),
    "blood_iodine_20": (0.5372, 0.6773, 0.4527, 0.3427, 0.2445, 0.2025, 0.1796),
    "csi": (9.0466, 22.9696, 12.8723, 7.9212, 3.6771, 2.0354, 1.2687),
}
# NIST (Hubbell and Seltzer), recalled: an independent reading of the same lineage of data.
NIST = {
    "water": (0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707),
    "soft_tissue": (0.3790, 0.2688, 0.2264, 0.2048, 0.1823, 0.1693),
    "cortical_bone": (1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855),
}


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_agrees_with_the_reference_table(name):
    # 0.1 %, and the rounding of the reference where that is coarser.
    np.testing.assert_allclose(mass_attenuation(name, ENERGIES), REFERENCE[name], rtol=1e-3)


@pytest.mark.parametrize("name", sorted(NIST))
def test_agrees_with_nist(name):
    np.testing.assert_allclose(mass_attenuation(name, ENERGIES[:6]), NIST[name], rtol=1e-3)


@pytest.mark.parametrize(
    ("element", "edge_kev", "jump"),
    [
        ("I", 33.1694, 35.82 / 6.553),
        ("W", 69.5224, 11.23 / 2.552),
        ("Pb", 88.0, 7.683 / 1.910),
        ("Mo", 20.0, 79.55 / 13.08),
    ],  # NIST
)
def test_absorption_edges_are_steps(element, edge_kev, jump):
    own = Material("own", 1.0, {element: 1.0})
    beside = mass_attenuation(own, np.array([edge_kev - 0.01, edge_kev + 0.01]))
    assert beside[1] / beside[0] == pytest.approx(jump, rel=0.02)
    # Nothing leaks over the step: on both sides attenuation falls all the way.
    for side in (np.linspace(edge_kev - 2, edge_kev - 0.005, 50), np.linspace(edge_kev + 0.005, edge_kev + 2, 50)):
        assert (np.diff(mass_attenuation(own, side)) < 0).all()


def test_mixtures_follow_the_mixture_rule():
    parts = {"H": 0.111898, "O": 0.888102}
    expected = sum(
        share * mass_attenuation(Material(name, 1.0, {name: 1.0}), ENERGIES) for name, share in parts.items()
    )
    np.testing.assert_allclose(mass_attenuation(Material("own", 3.0, parts), ENERGIES), expected, rtol=1e-12)
    np.testing.assert_allclose(linear_attenuation_per_mm("lung", ENERGIES) / 0.026, mass_attenuation("lung", ENERGIES))


@pytest.mark.parametrize("energy", [9.9, 150.1, float("nan")])
def test_refuses_energies_outside_the_tables(energy):
    with pytest.raises(ConfigError, match="outside the attenuation tables; use 10 to 150 keV"):
        mass_attenuation("water", np.array([energy, 60.0]))


def test_elements_that_do_not_ship_need_xraydb(monkeypatch):
    monkeypatch.setitem(sys.modules, "xraydb", None)
    with pytest.raises(ConfigError, match=r"'Nd' is shipped .* pip install 'synthex\[physics\]'"):
        mass_attenuation(Material("magnet", 7.5, {"Nd": 1.0}), ENERGIES)


def test_elements_that_do_not_ship_come_from_xraydb():
    xraydb = pytest.importorskip("xraydb")
    made = mass_attenuation(Material("magnet", 7.5, {"Nd": 0.5, "Fe": 0.5}), ENERGIES)
    expected = 0.5 * xraydb.mu_elam("Nd", ENERGIES * 1000) + 0.5 * xraydb.mu_elam("Fe", ENERGIES * 1000)
    np.testing.assert_allclose(made, expected, rtol=1e-3)
    with pytest.raises(ConfigError, match="unknown chemical element 'Xx'"):
        mass_attenuation(Material("own", 1.0, {"Xx": 1.0}), ENERGIES)


def test_every_element_follows_xraydb_between_the_points_of_the_table():
    xraydb = pytest.importorskip("xraydb")
    energies = np.arange(10.003, 150, 0.093)
    for element in load_table("attenuation")["elements"]:
        made = mass_attenuation(Material("own", 1.0, {str(element): 1.0}), energies)
        np.testing.assert_allclose(made, xraydb.mu_elam(str(element), energies * 1000), rtol=3e-4, err_msg=str(element))


def test_energy_absorption_of_air_is_nists():
    nist = (0.1537, 0.06833, 0.04098, 0.03041, 0.02407, 0.02325)
    np.testing.assert_allclose(air_energy_absorption(ENERGIES[:6]), nist, rtol=2e-3)


def test_shipped_tables_are_what_the_script_makes():
    pytest.importorskip("xraydb")
    pytest.importorskip("spekpy")
    path = Path(__file__).parents[2] / "tools" / "make_physics_tables.py"
    spec = importlib.util.spec_from_file_location("make_physics_tables", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shipped = dict(load_table("attenuation"))
    made = script.attenuation_tables()
    assert script.differences({**made, "versions": shipped["versions"]}, shipped) == []
    tungsten = dict(load_table("tungsten"))
    rows = np.flatnonzero(np.isin(tungsten["kvp"], (40, 80, 150)))
    some = {**tungsten, **{n: tungsten[n][rows] for n in ("kvp", "bremsstrahlung_per_kev", "lines_per_kev")}}
    assert (
        script.differences({**script.spectrum_tables(tungsten["kvp"][rows]), "versions": some["versions"]}, some) == []
    )


def test_tables_say_which_versions_made_them():
    assert load_table("attenuation")["versions"].tolist() == ["xraydb 4.5.8", "spekpy 2.5.4"]
    assert load_table("tungsten")["versions"].tolist() == ["spekpy 2.5.4"]
