"""What ``simulation=realistic_strict`` asks for beside ``realistic``."""

import pytest

from synthex.core import derive_rng
from synthex.physics.spectrum import legal_hvl_mm
from synthex.simulation.material_curve import Tissue
from synthex.simulation.stages import Tube


def test_no_draw_of_a_legal_tube_is_below_the_legal_half_value_layer():
    below = 0
    for key in range(12):
        loose, strict = Tube(), Tube(legal=True)
        drawn = loose.draw(int(derive_rng("tube", key).integers(2**40)))
        assert strict.draw(1) == loose.draw(1)  # the draws are the same
        wanted = legal_hvl_mm(drawn["kvp"])
        below += loose.spectrum(drawn, 1000).hvl_mm() < wanted
        assert strict.spectrum(drawn, 1000).hvl_mm() >= wanted - 1e-3
    drawn = Tube(kvp=80, aluminium_mm=2.5, copper_mm=0).draw(0)
    assert Tube().spectrum(drawn, 1000).hvl_mm() == pytest.approx(2.71, abs=0.03)
    assert Tube(legal=True).spectrum(drawn, 1000).hvl_mm() == pytest.approx(2.9, abs=0.01)


def test_dense_bone_is_bone_up_to_metal():
    loose, strict = Tissue(bone_density=1), Tissue(bone_density=1, cortical_to_hu=2990)
    before, after = (one.curve(one.draw(3)).values for one in (loose, strict))
    for hu, factor in ((2400, 1.0), (2900, 4.18 / 3.1)):
        old, new = before[hu + 1000].sum(), after[hu + 1000].sum()
        assert old / new == pytest.approx(factor, rel=0.04)
    assert (before[:3400] == after[:3400]).all()  # nothing changes below
