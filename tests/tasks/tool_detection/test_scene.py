"""Scenes: where the instrument lies, what stays in bone, and what a user is told when it cannot."""

import json

import numpy as np
import pytest
from generators.anatomies import make_anatomy
from generators.instruments import Rod

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import ConfigError, Rigid, derive_rng
from synthex.geometry import CArm
from synthex.instruments.library import GuideWire
from synthex.simulation import Naive
from synthex.tasks.tool_detection.host import femurs_of, in_bone, skin_front
from synthex.tasks.tool_detection.placement import Placement
from synthex.tasks.tool_detection.scene import make_scenes


@pytest.fixture(scope="module")
def anatomy():
    return PelvisPhantoms(1, seed=3, spacing_mm=2.0).load("phantom-0000")


def scenes(anatomy, count=20, instrument=None, distractors=(), **settings):
    make = make_scenes(instrument or Rod(), distractors, Placement(**settings))
    return [make(anatomy, derive_rng("scene", index)) for index in range(count)]


def femur_of(scene):
    return next(femur for femur in femurs_of(scene.anatomy) if femur.side == scene.record["side"])


def check_tunnel(scene):
    """Tunnel in bone except near its entry, which is lateral; the tool inside of the tunnel, the tip in the head."""
    femur, record = femur_of(scene), scene.record["tunnel"]
    assert scene.solids[0].name == "tunnel"
    line, entry = scene.polylines["centerline"], np.array(record["entry_world"])
    far = np.linalg.norm(line - entry, axis=1) > 2 * (record["radius_mm"] + 1)
    assert far[len(far) // 2 :].all()
    # Trilinear distances in cells of 2 or 3 mm: half a voxel of tolerance.
    assert femur.depth_mm(line[far]).min() > record["radius_mm"] + 1 - 0.5 * femur_voxel(scene)
    walls = scene.solids[0].vertices_world
    inside = np.linalg.norm(walls - entry, axis=1) > 2 * (record["radius_mm"] + 1) + record["radius_mm"]
    assert inside.any()
    assert femur.depth_mm(walls[inside]).min() > -0.5 * femur_voxel(scene)
    assert np.linalg.norm(line[-1] - femur.head_center) < femur.head_radius_mm
    assert np.linalg.norm(entry - femur.exit) < 25


def femur_voxel(scene):
    return float(scene.anatomy.labels.spacing_mm.max())


def test_tunnels_lead_through_the_neck_into_the_head(anatomy):
    made = scenes(anatomy, 30, where={"tunnel": 1})
    for scene in made:
        check_tunnel(scene)
    assert {scene.record["side"] for scene in made} == {"left", "right"}
    assert {scene.record["tunnel"]["material"] for scene in made} == {"blood", "water", "air"}
    # Bends of up to 60 degrees are mostly kept, not straightened by the redraws.
    assert np.mean([abs(scene.record["instrument"]["joints"]["bend_deg"]) for scene in made]) > 15
    # The instrument ends at the skin or beyond: it came from outside.
    shafts = [scene.solids[-1].vertices_world[0] for scene in made]
    assert all(abs(shaft[0]) > 150 for shaft in shafts)


def test_tunnels_of_the_real_ct(shared_data):
    for scene in scenes(CtFolder(shared_data / "pelvis_ct").load("ct-01"), 10, where={"tunnel": 1}):
        check_tunnel(scene)


def test_the_tip_is_as_deep_as_the_range_says(anatomy):
    for scene in scenes(anatomy, 10, where={"tunnel": 1}, depth_mm=(5, 5), axis_tilt_deg=(0, 0)):
        femur = femur_of(scene)
        tip = scene.landmarks["tip"]
        assert (femur.head_center - tip) @ femur.axis == pytest.approx(5.0, abs=1e-6)
        matrix = np.array(scene.record["instrument"]["world_from_instrument"])
        np.testing.assert_allclose(matrix[:3, 2], -femur.axis, atol=1e-9)


def test_drilled_wires_enter_at_the_bone_or_stand_off_by_the_gap_of_their_sleeve(anatomy):
    steep = {"where": {"drilled": 1}, "drill_any": 0.0, "drill_tilt_deg": (0, 10), "drill_beside_mm": (-3, 3)}
    for sleeve, gap in ((0, 0.0), (1, 4.0)):
        for scene in scenes(anatomy, 15, GuideWire(parts={"sleeve": sleeve}), drill_gap_mm=(4, 4), **steep):
            line, femur = scene.polylines["centerline"], femur_of(scene)
            way = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
            before, behind = femur.depth_mm(np.stack([line[0] + (gap - 1) * way, line[0] + (gap + 1.5) * way]))
            assert before <= 0 < behind
            assert [solid.name for solid in scene.solids] == ["k_wire_guide/sleeve"] * sleeve + ["k_wire/wire"]


def test_ways_in_come_along_the_neck_unless_from_any_side(anatomy):
    along = scenes(anatomy, 20, GuideWire(), where={"drilled": 1}, drill_any=0.0, drill_tilt_deg=(0, 10))
    tilts = []
    for scene in along:
        line = scene.polylines["centerline"]
        tilts.append(float((line[0] - line[1]) @ femur_of(scene).axis / np.linalg.norm(line[1] - line[0])))
    assert min(tilts) > np.cos(np.deg2rad(10.01))


def test_on_a_bench_there_is_nothing_but_the_femur(anatomy):
    (scene,) = scenes(anatomy, 1, GuideWire(), where={"drilled": 1}, bare_probability=1)
    assert scene.record["bare"]
    ct, labels = scene.anatomy.ct, scene.anatomy.labels
    label = anatomy.structures[f"femur_{scene.record['side']}"]
    assert set(np.unique(labels.data)) == {0, label}
    assert (labels.data == label).sum() == (anatomy.labels.data == label).sum()
    inside = ct.world_from_ijk.apply(np.argwhere(labels.data == label).astype(float))
    index = np.rint(anatomy.ct.world_from_ijk.inverse().apply(inside)).astype(int)
    np.testing.assert_array_equal(ct.data[labels.data == label], anatomy.ct.data[tuple(index.T)])
    assert (ct.data[[0, -1]] == -1000).all()
    assert "bare" not in scenes(anatomy, 1, GuideWire(), where={"drilled": 1})[0].record


@pytest.mark.parametrize("mode", ["front", "behind", "air"])
def test_free_instruments_meet_no_bone_and_lie_on_their_side(anatomy, mode):
    for scene in scenes(anatomy, 20, where={mode: 1}):
        line, femur = scene.polylines["centerline"], femur_of(scene)
        assert scene.record["mode"] == mode
        assert "tunnel" not in {solid.name for solid in scene.solids}
        assert not in_bone(anatomy, line).any()
        assert (femur.depth_mm(line) <= 0).all()
        ahead = scene.center_world[1] - femur.head_center[1]
        if mode == "front":
            assert femur.head_radius_mm + 9 < ahead < femur.head_radius_mm + 61
        elif mode == "behind":
            assert femur.head_radius_mm + 9 < -ahead < femur.head_radius_mm + 61
        else:
            skin = skin_front(anatomy.ct, scene.center_world, femur.head_center)
            assert line[:, 1].min() > skin[1] - 10


def test_weights_are_shares(anatomy):
    modes = [scene.record["mode"] for scene in scenes(anatomy, 200, where={"tunnel": 1, "air": 3})]
    assert modes.count("tunnel") / 200 == pytest.approx(0.25, abs=0.1)
    assert set(modes) == {"tunnel", "air"}


def test_views_are_aimed_at_the_middle_of_the_inserted_part(anatomy):
    scene = scenes(anatomy, 1)[0]
    np.testing.assert_allclose(scene.aim_world, scene.polylines["centerline"].mean(axis=0))


def test_scenes_are_re_created_from_their_record_and_by_their_seed(anatomy):
    others = [Rod("wire", (0, 0), 1.0, 100.0), Rod("ekg_lead", (0, 0), 1.0, 10.0)]
    settings = {"distractor_probability": 1.0}
    first, again = (scenes(anatomy, 6, distractors=others, **settings) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        record = json.loads(json.dumps(one.record))
        assert record == json.loads(json.dumps(two.record))
        for a, b in zip(one.solids, two.solids, strict=True):
            np.testing.assert_array_equal(a.vertices_world, b.vertices_world)
        body = Rod().body(record["instrument"]["joints"])
        body = body.moved(Rigid(np.array(record["instrument"]["world_from_instrument"])))
        np.testing.assert_allclose(body.centerline, one.polylines["centerline"], atol=1e-9)
        np.testing.assert_allclose(body.solids[0].vertices_world, one.solids[-1].vertices_world, atol=1e-9)
        assert {part["name"] for part in record["distractors"]} == {"wire", "ekg_lead"}


def test_distractors_come_before_the_instrument_and_as_many_as_allowed(anatomy):
    others = [Rod(f"wire{number}", (0, 0), 1.0, 100.0) for number in range(4)] + [Rod("ekg_lead", (0, 0), 1.0, 10.0)]
    on_skin = 0
    for scene in scenes(anatomy, 20, distractors=others, distractor_probability=1.0, most_distractors=3):
        names = [solid.name for solid in scene.solids if solid.name != "tunnel"]
        assert len(names) == 4
        assert names[-1] == "rod/rod"
        assert len(set(names)) == 4
        for part in scene.record["distractors"]:
            pose = np.array(part["world_from_instrument"])
            if part["name"] == "ekg_lead":
                on_skin += 1
                position = pose[:3, 3] + 5 * pose[:3, 2]
                # The skin is found to a voxel.
                assert abs(position[1] - skin_front(anatomy.ct, position, scene.center_world)[1]) <= 2
                np.testing.assert_allclose(pose[:3, 0], (0, 1, 0), atol=1e-9)
            else:
                middle = pose[:3, 3] + 50 * pose[:3, 2]
                assert 24.9 < np.linalg.norm(middle - scene.center_world) < 110.1
    assert on_skin > 5
    assert all(
        len(scene.record["distractors"]) == 0 for scene in scenes(anatomy, 5, distractors=others, most_distractors=0)
    )


def test_a_subject_without_femurs_gets_the_other_places():
    chest = make_anatomy()  # femurs that are balls, heads elsewhere: nothing to drill
    assert femurs_of(chest) == ()
    modes = {scene.record["mode"] for scene in scenes(chest, 20)}
    assert modes == {"front", "behind", "air"}
    with pytest.raises(ConfigError, match=r"ball-000 has no femur .* task.placement.where"):
        scenes(chest, 1, where={"tunnel": 1.0, "air": 0.0})


@pytest.mark.parametrize(
    ("instrument", "settings", "said"),
    [
        (Rod(bend_deg=(170, 175)), {}, "when straight: narrow the bend of task.instrument"),
        (Rod(radius=14.0), {}, "wider than the neck's"),
        (Rod(), {"depth_mm": (30, 40)}, r"task.placement.depth_mm=\[30.0, 40.0\]"),
        (Rod(), {"axis_offset_mm": [25, 30]}, r"axis_offset_mm=\[25.0, 30.0\]"),
    ],
)
def test_what_never_fits_says_which_range_is_at_fault(anatomy, instrument, settings, said):
    with pytest.raises(ConfigError, match=said):
        scenes(anatomy, 1, instrument, where={"tunnel": 1}, **settings)


def test_a_free_instrument_that_always_meets_bone(anatomy):
    with pytest.raises(ConfigError, match=r"rod meets bone of phantom-0000 .* task.placement.front_mm"):
        scenes(anatomy, 1, where={"front": 1}, front_mm=(-36, -36), beside_mm=(0, 0))


def test_the_instrument_may_not_be_its_own_distractor():
    with pytest.raises(ConfigError, match=r"task.distractors has 'rod'"):
        make_scenes(Rod(), [Rod()], Placement())


def test_air_in_the_tunnel_is_seen_beside_the_tool(anatomy):
    scene = scenes(anatomy, 1, where={"tunnel": 1}, tunnel_materials={"air": 1}, clearance_mm=(2, 2))[0]
    carm = CArm().binned(96)
    camera = carm.camera(carm.view(scene.aim_world))
    rendering = Naive()(scene, camera, [], derive_rng(0))
    plain = Naive()(type(scene)(anatomy, {}, scene.solids[1:]), camera, [], derive_rng(0))
    tunnel, tool = rendering.solid_path_mm
    rim = (tunnel > 2) & (tool == 0)
    assert rim.sum() > 20
    assert (rendering.radiograph.image[rim] < plain.radiograph.image[rim]).all()
