"""Lesions: densities in closed form, nothing outside the lungs, extents and places as asked for."""

import gc
import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
from generators.lungs import STRUCTURES, make_lungs

from synthex.anatomy.lesions import KINDS, LesionSettings, add_lesions
from synthex.anatomy.lesions.blend import TISSUE_HU, fill_share
from synthex.anatomy.lesions.geometry import lung_geometry
from synthex.anatomy.lesions.placement import draw_extents, draw_patches
from synthex.core import Anatomy, ConfigError, Volume, derive_rng

LUNGS = make_lungs()


def only(kind: str, **more: object) -> LesionSettings:
    return LesionSettings(kinds={kind: 1.0}, **more)  # type: ignore[arg-type]


def test_filling_takes_lung_of_median_air_to_the_wanted_hu_and_leaves_vessels() -> None:
    hu = np.array([-850, -500, -100, 40, 51], dtype=np.float32)
    share = fill_share(hu, 0.85)
    np.testing.assert_allclose(-850 + 0.85 * share * (1000 + TISSUE_HU), hu, atol=1e-3)
    assert fill_share(np.array([-950.0, 500.0], dtype=np.float32), 0.85).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("order", ["ijk", "kji", "jki"])
@pytest.mark.parametrize("kind", KINDS)
def test_only_lung_changes_and_only_upwards(kind: str, order: str) -> None:
    lungs = make_lungs(order=order)
    hu, labels = lungs.ct.data.copy(), lungs.labels.data.copy()
    made = add_lesions(lungs, derive_rng("only", kind), only(kind, extent=(0.2, 0.6)))
    np.testing.assert_array_equal(lungs.ct.data, hu)
    np.testing.assert_array_equal(lungs.labels.data, labels)
    new, added = made.anatomy.ct.data, made.added.data
    np.testing.assert_array_equal(new.astype(int) - hu, added)
    lung = np.isin(labels, (STRUCTURES["lung_left"], STRUCTURES["lung_right"]))
    assert added.min() == 0
    assert added.max() > 100
    assert not added[~lung].any()
    assert not added[hu >= 0].any()  # vessels and all that holds no air
    lesion = made.anatomy.labels.data == made.anatomy.structures["lesion"]
    assert lesion.any()
    assert lung[lesion].all()
    np.testing.assert_array_equal(made.anatomy.labels.data[~lesion], labels[~lesion])
    assert made.anatomy.structures.keys() == {*STRUCTURES, "lesion"}
    assert made.added.same_grid(lungs.ct)


@pytest.mark.parametrize("extent", [0.05, 0.2, 0.6])
def test_outlines_hold_the_share_of_the_lung_that_was_asked_for(extent: float) -> None:
    settings = LesionSettings(extent=(extent, extent), other_extent=(1.0, 1.0), bilateral=1.0)
    lung = np.isin(LUNGS.labels.data, (STRUCTURES["lung_left"], STRUCTURES["lung_right"])).sum()
    for seed in range(4):
        made = add_lesions(LUNGS, derive_rng("extent", seed), settings)
        lesion = made.anatomy.labels.data == made.anatomy.structures["lesion"]
        assert lesion.sum() / lung == pytest.approx(extent, rel=0.12)


def test_a_consolidation_has_the_hu_it_was_given() -> None:
    still = make_lungs(noise_hu=0.0)
    settings = only(
        "consolidation", consolidation_hu=(-60, -60), texture=0.0, patchiness=0.0, edge_mm=(2, 2), extent=(0.4, 0.4)
    )
    made = add_lesions(still, derive_rng("hu"), settings)
    values = made.anatomy.ct.data[
        (made.added.data > 0) & (made.anatomy.labels.data == made.anatomy.structures["lesion"])
    ]
    assert np.median(values) == pytest.approx(-60, abs=1)
    assert values.max() <= -59


def test_ground_glass_is_never_less_than_the_contrast_above_the_lung() -> None:
    dense = make_lungs(lung_hu=-650, noise_hu=0.0)
    made = add_lesions(
        dense, derive_rng("contrast"), only("ground_glass", ground_glass_hu=(-900, -900), texture=0.0, patchiness=0)
    )
    assert made.added.data.max() == pytest.approx(100, abs=1)


def test_parts_of_a_patch_are_thinner_and_none_is_denser() -> None:
    still = make_lungs(noise_hu=0.0)
    smooth, patchy = (
        add_lesions(still, derive_rng("thin"), only("consolidation", texture=0.0, patchiness=share)).added.data
        for share in (0.0, 0.3)
    )
    assert (patchy <= smooth).all()
    thinner = (patchy < 0.9 * smooth)[smooth > 600].mean()
    assert 0.1 < thinner < 0.5


def test_crazy_paving_has_walls_and_a_reversed_halo_a_rim() -> None:
    still = make_lungs(spacing_mm=(3.0, 3.0, 3.0), noise_hu=0.0)
    fixed = {
        "texture": 0.0,
        "patchiness": 0.0,
        "ground_glass_hu": (-600, -600),
        "extent": (0.4, 0.4),
        "patches": (1, 1),
    }

    def values(kind: str) -> tuple[np.ndarray, np.ndarray]:
        made = add_lesions(still, derive_rng("kinds"), only(kind, **fixed, consolidation_hu=(0, 0)))
        return made.anatomy.ct.data, made.anatomy.labels.data == made.anatomy.structures["lesion"]

    glass, inside = values("ground_glass")
    paved, _ = values("crazy_paving")
    inside &= (glass > -605) & (glass < 0)  # neither border nor vessel
    assert glass[inside].std() < 15
    assert paved[inside].std() > 40
    assert (paved[inside] >= glass[inside] - 1).all()
    halo, _ = values("reversed_halo")
    depth = glass - halo  # the rim is denser than the same place in plain ground glass, the middle is not
    assert depth[inside].min() < -300
    assert (np.abs(depth[inside]) < 20).mean() > 0.2


def test_the_same_stream_gives_the_same_lesions() -> None:
    first, second = (add_lesions(LUNGS, derive_rng("same", 3)) for _ in range(2))
    np.testing.assert_array_equal(first.anatomy.ct.data, second.anatomy.ct.data)
    assert first.record == second.record
    assert json.loads(json.dumps(first.record)).keys() == {"source", "left", "right"}
    other = add_lesions(LUNGS, derive_rng("same", 4))
    assert not np.array_equal(first.anatomy.ct.data, other.anatomy.ct.data)


def test_without_disease_nothing_is_added() -> None:
    made = add_lesions(LUNGS, derive_rng("well"), LesionSettings(probability=0.0))
    assert not made.added.data.any()
    np.testing.assert_array_equal(made.anatomy.ct.data, LUNGS.ct.data)
    assert "lesion" in made.anatomy.structures


def test_patches_keep_to_the_zones_that_are_certain() -> None:
    lung = lung_geometry(LUNGS, "right")
    certain = LesionSettings(peripheral=1.0, lower=1.0, posterior=1.0, patches=(6, 6))
    for patch in draw_patches(derive_rng("zones"), lung, 0.2, certain):
        x, y, z = patch.center_mm
        assert z < 5
        assert y < 5
        reach = np.sqrt(((x - 75) / 50) ** 2 + (y / 70) ** 2 + (z / 110) ** 2)
        assert reach > 0.5
        assert x > 40  # not where the lung faces the mediastinum
    for patch in draw_patches(derive_rng("zones"), lung, 0.2, replace(certain, lower=0.0, posterior=0.0)):
        assert patch.center_mm[1] > -5
        assert patch.center_mm[2] > -5


def test_drawn_shares_follow_the_settings() -> None:
    settings, rng = LesionSettings(bilateral=0.8, extent=(0.1, 0.5), probability=0.9), derive_rng("shares")
    extents = np.array([draw_extents(rng, settings) for _ in range(2000)])
    ill = extents.max(axis=1) > 0
    assert ill.mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.9 * 0.1 / 2000))
    both = (extents[ill] > 0).all(axis=1)
    assert both.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / ill.sum()))
    worst = extents[ill].max(axis=1)
    assert worst.min() >= 0.1
    assert worst.max() <= 0.5
    # Uniform in the 2/3 power: half of them below this.
    assert (worst < ((0.1 ** (2 / 3) + 0.5 ** (2 / 3)) / 2) ** 1.5).mean() == pytest.approx(0.5, abs=0.05)
    right_worse = extents[ill][:, 1] > extents[ill][:, 0]
    assert right_worse.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(ill.sum()))


def test_what_was_added_can_be_projected_alone() -> None:
    settings = LesionSettings(extent=(0.02, 0.05), bilateral=0.0, patches=(1, 1))
    made = add_lesions(LUNGS, derive_rng("alone"), settings)
    matter = made.added_matter()
    assert matter.data.size < made.added.data.size / 3
    assert (matter.data.astype(int) + 1000).sum() == made.added.data.sum(dtype=int)
    at = np.argwhere(matter.data > -900)[:1]
    there = made.added.world_from_ijk.inverse().apply(matter.world_from_ijk.apply(at.astype(float)))
    assert made.added.data[tuple(np.rint(there[0]).astype(int))] == matter.data[tuple(at[0])] + 1000
    nothing = add_lesions(LUNGS, derive_rng("alone"), LesionSettings(probability=0.0)).added_matter()
    assert (nothing.data == -1000).all()


def test_own_lesions_add_what_lies_above_the_lung_on_their_side() -> None:
    hu, labels = LUNGS.ct.data.copy(), LUNGS.labels.data.copy()
    spot = (slice(50, 54), slice(20, 24), slice(20, 24))  # on the right: 200 mm from the left edge at -140 mm
    assert (labels[spot] == STRUCTURES["lung_right"]).all()
    labels[spot], hu[spot] = 9, -400
    hu[50, 20, 20] = -990  # an airway in it
    affine = LUNGS.ct.world_from_ijk
    own = Anatomy("own", Volume(hu, affine), Volume(labels, affine), {**STRUCTURES, "lesion": 9}, {})
    made = add_lesions(own, derive_rng("own"))
    assert made.anatomy.ct.data is hu
    added = made.added.data.copy()
    assert added[50, 20, 20] == 0
    added[50, 20, 20] = added[51, 20, 20]
    median = np.median(hu[labels == STRUCTURES["lung_right"]])
    assert np.unique(added[spot]).tolist() == [pytest.approx(-400 - median, abs=6)]
    added[spot] = 0
    assert not added.any()


def test_geometry_is_made_once_and_does_not_keep_the_subject() -> None:
    lungs = make_lungs()
    assert lung_geometry(lungs, "left") is lung_geometry(lungs, "left")
    gone = weakref.ref(lungs)
    del lungs
    gc.collect()
    assert gone() is None


def test_a_lung_without_label_or_voxels_is_named() -> None:
    structures = {name: number for name, number in STRUCTURES.items() if name != "lung_left"}
    with pytest.raises(ConfigError, match=r"^subject lungs-000 has no label for lung_left; .*structures=chest"):
        add_lesions(replace(LUNGS, structures=structures), derive_rng(0))
    with pytest.raises(ConfigError, match="no voxel labelled lung_left"):
        add_lesions(replace(LUNGS, structures={**STRUCTURES, "lung_left": 200}), derive_rng(0))
    with pytest.raises(ConfigError, match="lung_right is not filled with air"):
        add_lesions(replace(LUNGS, structures={"lung_left": 3, "lung_right": 1}), derive_rng(0))
    full = {**STRUCTURES, **{f"other-{number}": number for number in range(256) if number not in STRUCTURES.values()}}
    with pytest.raises(ConfigError, match="no id left"):
        add_lesions(replace(LUNGS, structures=full), derive_rng(0))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"bilateral": 1.5}, "lesions.bilateral=1.5 must lie within 0 and 1"),
        ({"extent": [0.5, 0.1]}, r"lesions.extent=\[0.5, 0.1\] must be \(low, high\)"),
        ({"extent": [0.1, 0.2, 0.3]}, "must be"),
        ({"patches": [1.5, 3]}, "whole numbers"),
        ({"edge_mm": [float("nan"), 3]}, "edge_mm"),
        ({"texture": -1}, "texture"),
        ({"kinds": {"cavity": 1.0}}, "unknown kind 'cavity'; choose from ground_glass"),
        ({"kinds": {"mixed": 0.0}}, "one of them positive"),
        ({"kinds": {}}, "one of them positive"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(bad: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LesionSettings(**bad)
