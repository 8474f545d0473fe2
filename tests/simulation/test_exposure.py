"""Automatic exposure control, by closed forms."""

import numpy as np
import pytest

from synthex.core import ConfigError, Scene, derive_rng
from synthex.geometry import CArm, View
from synthex.physics import tungsten_spectrum
from synthex.simulation import Realistic
from synthex.simulation.stages import Detector, Exposure, Scatter

CAMERA = CArm().binned(48).camera(View(np.zeros(3), source_isocenter_mm=700))
CONTROL = Exposure(kvp=70, kvp_per_cm=2.5, dose_ugy=0.1, most_mas=1000, sensor=0.5, headroom=10)


def test_voltage_follows_water_by_its_slope_within_its_limits():
    drawn = CONTROL.draw(0)
    behind = [CONTROL.voltage(np.full((48, 48), mm, dtype=np.float32), drawn) for mm in (0, 180, 200, 340, 900)]
    np.testing.assert_allclose(behind, (50, 65, 70, 105, 120), rtol=1e-5)


def test_the_measuring_field_alone_counts():
    drawn = CONTROL.draw(0)
    water = np.full((48, 48), 200, dtype=np.float32)
    water[:8] = 0
    assert CONTROL.voltage(water, drawn) == pytest.approx(70, rel=1e-5)


def test_the_charge_gives_the_dose_that_is_wanted_until_the_generator_ends():
    drawn = CONTROL.draw(0)
    spectrum = tungsten_spectrum(80, {"aluminium": 3})
    for transmission in (0.1, 0.001):
        signal = np.full((48, 48), transmission, dtype=np.float32)
        mas, full = CONTROL.charge(signal, spectrum, 0.7, CAMERA, drawn)
        kerma = mas * spectrum.air_kerma_ugy() * 0.7 * (1000 / 1020) ** 2
        assert kerma * transmission == pytest.approx(0.1, rel=1e-5)
        assert full == pytest.approx(10 * transmission, rel=1e-5)
    weak = Exposure(most_mas=0.001)
    assert weak.charge(np.full((48, 48), 1e-5, dtype=np.float32), spectrum, 1, CAMERA, weak.draw(0))[0] == 0.001


def test_dose_at_the_detector_is_the_same_behind_thin_and_thick_water(slab_scene):
    """Signal times open dose, from the image itself, within 5 % from 18 to 34 cm; the voltage rises all the way."""
    level = Realistic(
        exposure=CONTROL,
        domain="intensity",
        detector=Detector(glare_fraction=0, electronic_quanta=0, bits=24),
        scatter=Scatter(strength=1, grid_primary=0.7, grid_scatter=0.1),
    )
    doses, voltages = [], []
    for thickness in (180, 220, 260, 300, 340):
        rendering = level(slab_scene(thickness), CAMERA, (), derive_rng(1))
        tube = rendering.record["tube"]
        spectrum = tungsten_spectrum(tube["kvp"], {"aluminium": tube["aluminium_mm"], "copper": tube["copper_mm"]})
        open_ugy = tube["mas"] * spectrum.air_kerma_ugy() * 0.7 * (1000 / 1020) ** 2
        doses.append(open_ugy * rendering.radiograph.image[14:34, 14:34].mean())
        voltages.append(tube["kvp"])
    np.testing.assert_allclose(doses, 0.1, rtol=0.05)
    assert (np.diff(voltages) > 5).all()


def test_without_control_everything_is_as_it_is_drawn(slab_scene):
    plain = Realistic()(slab_scene(200), CAMERA, (), derive_rng(0))
    assert "exposure" not in plain.record
    assert 0.2 <= plain.record["tube"]["mas"] <= 5


def test_limits_that_cross_are_refused():
    with pytest.raises(ConfigError, match=r"least_kvp=130.* must stay below most_kvp=120"):
        Exposure(least_kvp=130)


@pytest.fixture
def slab_scene():
    from synthex.core import Affine, Anatomy, Volume

    def make(thickness_mm):
        shape = (60, 60, 60)
        edge = 8.0
        origin = -(np.array(shape) - 1) / 2 * edge
        data = np.full(shape, -1000, dtype=np.int16)
        depth = origin[1] + edge * np.arange(shape[1])
        # Partial volume at both faces makes the slab as thick as it is asked for.
        share = np.clip((thickness_mm / 2 - np.abs(depth)) / edge + 0.5, 0, 1)
        data[:] = (-1000 + 1000 * share).astype(np.int16)[None, :, None]
        grid = Affine.from_parts(np.eye(3) * edge, origin)
        labels = Volume(np.zeros(shape, dtype=np.uint8), grid)
        return Scene(Anatomy("slab", Volume(data, grid), labels, {}, {}))

    return make
