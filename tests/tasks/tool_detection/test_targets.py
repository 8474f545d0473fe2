import numpy as np
import pytest
import trimesh
from generators.anatomies import make_anatomy
from generators.solids import solid_of

from synthex.core import Scene, derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Naive
from synthex.tasks.tool_detection.targets import CENTERLINE, make_targets, make_unusable

CARM = CArm().binned(64)
POINTS = {"base": np.array((0.0, 0.0, -20.0)), "tip": np.array((0.0, 0.0, 20.0))}
LINE = np.linspace(POINTS["base"], POINTS["tip"], 5)


def scene_of(move=(0.0, 0.0, 0.0)):
    """A rod of two parts, a wire in front of it that is another instrument's."""
    move = np.array(move)
    parts = [
        solid_of(trimesh.creation.box((8, 8, 60)), (0.0, 40.0, 0.0), "wire/rod"),
        solid_of(trimesh.creation.box((6, 6, 20)), move - np.array((0, 0, 10)), "probe/shaft"),
        solid_of(trimesh.creation.box((6, 6, 20)), move + np.array((0, 0, 10)), "probe/head"),
    ]
    points = {name: point + move for name, point in POINTS.items()}
    return Scene(make_anatomy("ball-000"), {}, tuple(parts), landmarks=points, polylines={CENTERLINE: LINE + move})


def targets_of(scene, camera, landmarks=("base", "tip")):
    rendering = Naive()(scene, camera, (), derive_rng(0))
    return make_targets("probe", landmarks)(scene, camera, rendering), rendering


def test_the_mask_is_the_instruments_own_silhouette_whatever_hides_it():
    camera = CARM.camera(View(np.zeros(3)))
    targets, rendering = targets_of(scene_of(), camera)
    shown = targets.masks[0]
    assert targets.masks.shape == (1, 64, 64)
    wire = rendering.solid_path_mm[0] > 0
    assert (wire & shown).any()
    assert (wire & ~shown).any()
    # A box of 6 x 40 mm, whose edges nearest to the source are magnified most.
    scale = camera.sdd_mm / (530 - 3) / camera.pixel_mm
    assert np.ptp(np.flatnonzero(shown.any(axis=0))) + 1 == pytest.approx(6 * scale, abs=1.5)
    assert np.ptp(np.flatnonzero(shown.any(axis=1))) + 1 == pytest.approx(40 * scale, abs=1.5)


def test_points_and_line_are_the_projected_ones():
    camera = CARM.camera(View(np.zeros(3), lao_rao_deg=25.0, roll_deg=70.0))
    targets, _ = targets_of(scene_of(), camera, ("tip", "base"))
    assert np.allclose(targets.landmarks, camera.project(np.stack([POINTS["tip"], POINTS["base"]])), atol=1e-9)
    assert targets.visible.all()
    assert targets.annotated.all()
    assert np.allclose(targets.record["polylines"]["centerline"], camera.project(LINE), atol=1e-3)


def test_what_leaves_the_field_is_absent_and_not_unknown():
    camera = CARM.camera(View(np.array((0.0, 0.0, -85.0))))
    targets, _ = targets_of(scene_of(), camera)
    assert targets.visible.tolist() == [True, False]
    assert targets.annotated.all()
    assert np.isnan(targets.landmarks[1]).all()
    assert len(targets.record["polylines"]["centerline"]) == 5


@pytest.mark.parametrize(("move", "usable"), [((0, 0, 0), True), ((0, 0, 75), True), ((0, 0, 130), False)])
def test_a_view_without_any_of_the_inserted_part_is_of_no_use(move, usable):
    camera = CARM.camera(View(np.zeros(3)))
    reason = make_unusable("probe")(scene_of(move), camera)
    assert (reason is None) == usable
    assert usable or "probe lies outside" in reason
