import pytest

from synthex.core import ConfigError
from synthex.physics import MATERIALS, Material, get_material

NAMES = """air water lung adipose soft_tissue muscle blood cortical_bone trabecular_bone pmma aluminium copper titanium
ti6al4v steel_304 steel_316l nitinol cocrmo iodine iohexol_350 blood_iodine_20 csi radiopaque_polymer""".split()  # noqa: SIM905


def test_has_the_materials_that_scenes_and_tubes_are_made_of():
    assert set(NAMES) <= set(MATERIALS)
    assert all(get_material(name).name == name for name in MATERIALS)


@pytest.mark.parametrize("name", sorted(MATERIALS))
def test_fractions_of_every_material_sum_to_one(name):
    assert sum(MATERIALS[name].fractions.values()) == pytest.approx(1, abs=1e-5)


def test_dissolved_iodine_keeps_its_concentration():
    blood = get_material("blood_iodine_20")
    assert blood.density_g_cm3 * blood.fractions["I"] == pytest.approx(0.020)  # g/mL
    assert blood.density_g_cm3 == pytest.approx(1.0757, abs=1e-3)
    iohexol = get_material("iohexol_350")
    assert iohexol.density_g_cm3 * iohexol.fractions["I"] == pytest.approx(0.350, abs=1e-4)


def test_unknown_name_suggests_near_ones():
    with pytest.raises(ConfigError, match=r"did you mean .*steel_316l"):
        get_material("Steel 316")
    with pytest.raises(ConfigError, match=r"choose one of: .*water"):
        get_material("qqqq")


@pytest.mark.parametrize(
    ("density", "fractions", "message"),
    [
        (0.0, {"H": 1.0}, "positive"),
        (float("nan"), {"H": 1.0}, "positive"),
        (1.0, {"H": 2.0, "O": 1.0}, "sum to 3"),
        (1.0, {"H": 1.5, "O": -0.5}, "not at least 0"),
    ],
)
def test_refuses_impossible_materials(density, fractions, message):
    with pytest.raises(ConfigError, match=message):
        Material("own", density, fractions)


def test_nothing_can_be_changed():
    with pytest.raises(TypeError):
        MATERIALS["water"] = get_material("air")
    fractions = {"H": 0.111898, "O": 0.888102}
    own = Material("own", 1.0, fractions)
    fractions["H"] = 0.5
    assert own.fractions["H"] == 0.111898
    with pytest.raises(TypeError):
        own.fractions["H"] = 0.5
