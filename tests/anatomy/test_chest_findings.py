"""Effusion and atelectasis: where gravity and geometry want them, as dense as drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest
from generators.lungs import STRUCTURES, make_lungs

from synthex.anatomy.chest_findings import AtelectasisSettings, EffusionSettings, add_atelectasis, add_effusion
from synthex.anatomy.lesions import LesionSettings, add_lesions
from synthex.core import Anatomy, ConfigError, Volume, derive_rng

LUNGS = make_lungs(spacing_mm=(4.0, 4.0, 4.0), noise_hu=0.0)
LUNG = np.isin(LUNGS.labels.data, (STRUCTURES["lung_left"], STRUCTURES["lung_right"]))


def _world(anatomy: Anatomy, mask: np.ndarray) -> np.ndarray:
    return anatomy.ct.world_from_ijk.apply(np.argwhere(mask).astype(float))


@pytest.mark.parametrize(("position", "axis", "bottom", "top"), [("erect", 2, -110, 110), ("supine", 1, -70, 70)])
def test_fluid_fills_the_lung_up_to_its_level(position: str, axis: int, bottom: float, top: float) -> None:
    settings = EffusionSettings(position=position, level=(0.3, 0.3), meniscus_mm=(0, 0), hu=(20, 20), bilateral=1.0)
    made = add_effusion(LUNGS, derive_rng("level"), settings)
    fluid = made.anatomy.labels.data == made.anatomy.structures["effusion"]
    level = bottom + 0.3 * (top - bottom)
    height = _world(LUNGS, LUNG)[:, axis]
    below, above = height < level - 6, height > level + 6
    assert fluid[LUNG][below].all()
    assert not fluid[LUNG][above].any()
    deep = made.anatomy.ct.data[LUNG][below & (LUNGS.ct.data[LUNG] < -800)]
    # A voxel of 85 % air whose air becomes fluid of 20 HU.
    assert np.unique(deep).tolist() == [round(-850 + 0.85 * 1020)]
    assert not made.added.data[~LUNG].any()
    np.testing.assert_array_equal(made.anatomy.ct.data.astype(int) - LUNGS.ct.data, made.added.data)


def test_the_meniscus_climbs_at_the_chest_wall() -> None:
    settings = EffusionSettings(level=(0.3, 0.3), meniscus_mm=(40, 40), bilateral=1.0)
    made = add_effusion(LUNGS, derive_rng("meniscus"), settings)
    at = _world(LUNGS, made.anatomy.labels.data == made.anatomy.structures["effusion"])
    right = at[at[:, 0] > 0]
    middle = right[(np.abs(right[:, 0] - 75) < 6) & (np.abs(right[:, 1]) < 6)]
    assert right[:, 2].max() > middle[:, 2].max() + 15


def test_fluid_reaches_the_half_air_rim_of_the_lung() -> None:
    hu, labels = LUNGS.ct.data.copy(), LUNGS.labels.data.copy()
    lower = LUNG & (np.arange(LUNG.shape[2]) < 14)
    rim = lower & ~np.roll(lower, 1, axis=0)
    hu[rim], labels[rim] = -500, 0
    affine = LUNGS.ct.world_from_ijk
    rimmed = replace(LUNGS, ct=Volume(hu, affine), labels=Volume(labels, affine))
    made = add_effusion(rimmed, derive_rng("rim"), EffusionSettings(level=(0.6, 0.6), bilateral=1.0))
    filled = made.anatomy.labels.data[rim] == made.anatomy.structures["effusion"]
    assert filled.mean() > 0.95
    assert made.anatomy.ct.data[rim].min() > -120
    unfilled = made.anatomy.labels.data[rim][~filled]
    assert (unfilled == 0).all()


def test_bands_are_thin_and_lie_in_the_lung() -> None:
    settings = AtelectasisSettings(bands=(1, 1), thickness_mm=(8, 8), radius_mm=(30, 30), tilt_deg=0, hu=(0, 0))
    made = add_atelectasis(LUNGS, derive_rng("band"), settings)
    band = made.anatomy.labels.data == made.anatomy.structures["atelectasis"]
    assert band.any()
    assert LUNG[band].all()
    assert not made.added.data[~LUNG].any()
    assert json.loads(json.dumps(made.record))["bands"][0]["thickness_mm"] == 8
    extent = np.ptp(_world(LUNGS, band), axis=0)
    assert extent[2] < 20
    assert max(extent[:2]) > 20


def test_lesions_stay_out_of_findings() -> None:
    wet = add_effusion(LUNGS, derive_rng("both"), EffusionSettings(level=(0.4, 0.4), bilateral=1.0)).anatomy
    ill = add_lesions(wet, derive_rng("both"), LesionSettings(extent=(0.5, 0.5)))
    fluid = wet.labels.data == wet.structures["effusion"]
    assert not ill.added.data[fluid].any()
    assert (ill.anatomy.labels.data[fluid] == wet.structures["effusion"]).all()


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ConfigError, match="choose erect or supine"):
        EffusionSettings(position="prone")
    with pytest.raises(ConfigError, match="bilateral=2"):
        EffusionSettings(bilateral=2)
    with pytest.raises(ConfigError, match=r"effusion.level=\[1, 0\]"):
        EffusionSettings(level=[1, 0])
    with pytest.raises(ConfigError, match=r"atelectasis.thickness_mm"):
        AtelectasisSettings(thickness_mm=[1, 2])
    with pytest.raises(ConfigError, match="tilt_deg=100"):
        AtelectasisSettings(tilt_deg=100)
    with pytest.raises(ConfigError, match="no label for lung_left"):
        add_effusion(replace(LUNGS, structures={}), derive_rng(0), EffusionSettings(bilateral=1.0))
