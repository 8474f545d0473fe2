from dataclasses import replace

import numpy as np
import pytest

from synthex.anatomy.chest_phantom import ChestPhantoms
from synthex.anatomy.lesions import LesionSettings
from synthex.core import ConfigError, derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Heuristic, Naive
from synthex.tasks import lesion_segmentation
from synthex.tasks.lesion_segmentation.scene import LUNGS, Findings, lung_center, make_scenes
from synthex.tasks.lesion_segmentation.targets import make_targets

PANEL = CArm(rows=96, columns=96, pixel_mm=430 / 96, sdd_mm=1800, source_side="posterior")
TASK = lesion_segmentation.build()


@pytest.fixture(scope="module")
def chest():
    return ChestPhantoms(1, spacing_mm=4.0).load("chest-000000")


def shown(scene, task=TASK, level=None):
    camera = PANEL.camera(View(scene.aim_world, source_isocenter_mm=1650))
    ids = [scene.anatomy.structures[name] for name in task.needed]
    rendering = (level or Naive())(scene, camera, ids, derive_rng(0))
    return task.targets(scene, camera, rendering), rendering


def test_lesions_are_labelled_within_the_field_and_make_it_no_smaller(chest):
    scene = TASK.scene(chest, derive_rng(1))
    (lesion, lungs), rendering = shown(scene)[0].masks, shown(scene)[1]
    assert lesion.any()
    assert not (lesion & ~lungs).any()
    healthy = replace(scene, anatomy=chest, volumes={"lesion": replace(scene.volumes["lesion"], data=_air(scene))})
    targets, before = shown(healthy)
    assert not targets.masks[0].any()
    # Water paths are rounded to float32 and lesions added to whole HU.
    assert (targets.masks[1] ^ lungs).mean() < 2e-3
    added = rendering.water_path_mm - before.water_path_mm
    assert added[lesion].min() > 2.5
    assert (added >= -0.05).all()


def _air(scene):
    return np.full_like(scene.volumes["lesion"].data, -1000)


def test_targets_are_the_same_at_every_level(chest):
    scene = TASK.scene(chest, derive_rng(2))
    naive, heuristic = (shown(scene, level=level)[0].masks for level in (Naive(), Heuristic()))
    assert np.array_equal(naive, heuristic)


def test_the_field_is_two_lungs_of_a_chests_size(chest):
    from scipy import ndimage

    lungs = shown(TASK.scene(chest, derive_rng(3)))[0].masks[1]
    parts, count = ndimage.label(lungs)
    sizes = sorted(np.bincount(parts.ravel())[1:], reverse=True)
    assert count >= 2
    assert sizes[1] > 0.5 * sizes[0]
    assert 0.1 < lungs.mean() < 0.4


def test_other_findings_are_not_labelled(chest):
    findings = Findings(lesions=LesionSettings(probability=0), effusion_probability=1, atelectasis_probability=1)
    scene = make_scenes(findings)(chest, derive_rng(4))
    assert {"effusion", "atelectasis"} <= set(scene.record)
    assert (scene.anatomy.ct.data > chest.ct.data).any()
    assert not shown(scene)[0].masks[0].any()


def test_scenes_follow_from_the_generator_and_leave_the_subject_alone(chest):
    before = chest.ct.data.copy()
    one, other = (TASK.scene(chest, derive_rng(5)) for _ in range(2))
    assert np.array_equal(one.anatomy.ct.data, other.anatomy.ct.data)
    assert np.array_equal(chest.ct.data, before)
    assert one.anatomy.labels is chest.labels


def test_views_are_aimed_at_the_lungs(chest):
    voxels = np.argwhere(np.isin(chest.labels.data, [chest.structures[name] for name in LUNGS]))
    middle = chest.labels.world_from_ijk.apply((voxels.min(axis=0) + voxels.max(axis=0))[None] / 2)[0]
    assert np.abs(lung_center(chest) - middle).max() <= 4 * 4.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Findings(effusion_probability=1.5), "effusion_probability"),
        (lambda: make_targets(-1, 0, 0), "min_lesion_mm"),
        (lambda: make_targets(1, 0, float("nan")), "min_lung_share"),
        (lambda: lesion_segmentation.build(lesion_above=30), "lesion_above"),
    ],
)
def test_impossible_settings_are_named(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
