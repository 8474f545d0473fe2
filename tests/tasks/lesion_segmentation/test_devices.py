from dataclasses import fields, replace

import numpy as np
import pytest

from synthex.anatomy.chest_phantom import ChestPhantoms
from synthex.core import Affine, ConfigError, Volume, derive_rng
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.simulation import Naive
from synthex.tasks import lesion_segmentation
from synthex.tasks.lesion_segmentation import device_shapes
from synthex.tasks.lesion_segmentation.chest_frame import ChestFrame
from synthex.tasks.lesion_segmentation.devices import Devices, add_devices
from synthex.tasks.lesion_segmentation.scene import Findings

PANEL = CArm(rows=128, columns=128, pixel_mm=430 / 128, sdd_mm=1800, source_side="posterior")
KINDS = [item.name for item in fields(Devices)]
NONE = Devices(**dict.fromkeys(KINDS, 0))
ALL = Devices(**dict.fromkeys(KINDS, 1))


@pytest.fixture(scope="module")
def chest():
    return ChestPhantoms(1, spacing_mm=4.0).load("chest-000000")


@pytest.fixture(scope="module")
def frame(chest):
    return ChestFrame.of(chest)


def only(kind):
    return replace(NONE, **{kind: 1})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_comes_alone_when_it_alone_is_asked_for(chest, kind):
    solids, kinds = add_devices(chest, derive_rng(0), only(kind))
    assert kinds == (kind,)
    assert solids
    assert add_devices(chest, derive_rng(0), replace(ALL, **{kind: None}))[1] == tuple(k for k in KINDS if k != kind)


def test_none_asked_for_none_there(chest):
    assert add_devices(chest, derive_rng(0), NONE) == ((), ())


def test_shares_are_those_of_the_settings():
    drawn = [Devices().draw(rng) for rng in [derive_rng(3)] for _ in range(4000)]
    for kind in KINDS:
        share = getattr(Devices(), kind)
        # Four standard errors of a share of 4000.
        assert np.mean([kind in kinds for kinds in drawn]) == pytest.approx(share, abs=4 * (share / 4000) ** 0.5)
    assert all("gastric_tube" in kinds for kinds in drawn if "endotracheal_tube" in kinds)


def test_targets_are_those_without_devices(chest):
    with_devices = lesion_segmentation.build(Findings(devices=ALL))
    without = lesion_segmentation.build(Findings(devices=None))
    masks, images = [], []
    for task in (with_devices, without):
        scene = task.scene(chest, derive_rng(5))
        camera = PANEL.camera(View(scene.aim_world, source_isocenter_mm=1650))
        ids = [chest.structures[name] for name in task.needed]
        rendering = Naive()(scene, camera, ids, derive_rng(0))
        masks.append(task.targets(scene, camera, rendering).masks)
        images.append(rendering.radiograph.image)
    assert masks[1].any(axis=(1, 2)).all()
    # Paths in float32 are taken away and added again: a pixel at a threshold may turn.
    assert (masks[0] ^ masks[1]).sum() <= 2
    assert (images[0] != images[1]).mean() > 0.02


def test_scenes_follow_from_the_generator_and_say_what_is_there(chest):
    task = lesion_segmentation.build(Findings(devices=ALL))
    one, other = (task.scene(chest, derive_rng(6)) for _ in range(2))
    assert one.record["devices"] == KINDS
    for a, b in zip(one.solids, other.solids, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.vertices_world, b.vertices_world)


@pytest.mark.parametrize("seed", range(12))
def test_central_lines_end_in_the_cava(chest, frame, seed):
    (line,) = device_shapes.central_line(frame, derive_rng(seed))
    tip = line.vertices_world[-1]
    carina = chest.landmarks["carina"]
    assert 0 < carina[2] - tip[2] < 60
    assert 5 < tip[0] - carina[0] < 45
    # It comes from the neck or from the side.
    assert np.linalg.norm(line.vertices_world[-2] - tip) > 60


@pytest.mark.parametrize("seed", range(6))
def test_tracheal_tubes_end_above_the_carina_in_air(chest, frame, seed):
    tube, stripe = device_shapes.endotracheal_tube(frame, derive_rng(seed))
    low = tube.vertices_world[:, 2].min()
    assert 15 < low - chest.landmarks["carina"][2] < 65
    # What the tube lies in is mostly the gas of the trachea: within the neck and chest it holds little water.
    inside = tube.vertices_world[tube.vertices_world[:, 2] < frame.height(0.0) + 40]
    middle = np.array([inside[np.abs(inside[:, 2] - z) < 4].mean(axis=0) for z in np.linspace(low + 8, 30, 6)])
    expected = np.array([frame.trachea(z)[:2] for z in middle[:, 2]])
    assert np.linalg.norm(middle[:, :2] - expected, axis=1).max() < 6
    assert stripe.material == device_shapes.OPAQUE


def test_the_trachea_is_found_in_the_ct(chest, frame):
    index = np.argwhere((chest.ct.data < -700) & (chest.labels.data == 0))
    air = chest.ct.world_from_ijk.apply(index.astype(float))
    for z in (-45.0, -30.0, -20.0):
        # Those of the outside are not before the spine.
        near = air[(np.abs(air[:, 2] - z) < 4.1) & (np.abs(air[:, 0]) < 20) & (np.abs(air[:, 1] + 17) < 20)]
        assert np.linalg.norm(frame.trachea(z)[:2] - near[:, :2].mean(axis=0)) < 4


@pytest.mark.parametrize("seed", range(6))
def test_gastric_tubes_run_down_the_midline_and_end_left_below_the_diaphragm(chest, frame, seed):
    tube, stripe = (solid.vertices_world for solid in device_shapes.gastric_tube(frame, derive_rng(seed)))
    tip = stripe[-1]
    dome = chest.landmarks["diaphragm_dome_left"][2]
    assert tip[2] < dome - 20
    assert tip[0] < 0
    assert np.abs(tube[tube[:, 2] > dome + 10, 0]).max() < 30


@pytest.mark.parametrize("seed", range(6))
def test_pacemakers_lie_under_the_skin_over_the_upper_lung_with_a_lead_in_the_heart(chest, frame, seed):
    parts = {solid.name: solid.vertices_world for solid in device_shapes.pacemaker(frame, derive_rng(seed))}
    can = parts["pacemaker/can"].mean(axis=0)
    skin = frame.skin(can[None, [0, 2]])[0, 1]
    assert 3 < skin - can[1] < 30
    assert can[1] > frame.depth(0.5)
    assert -70 < can[2] < 0
    assert 50 < abs(can[0]) < 110
    electrodes = parts["pacemaker/electrodes"]
    heart = chest.labels.world_from_ijk.apply(np.argwhere(chest.labels.data == chest.structures["heart"]) * 1.0)
    away = np.linalg.norm(electrodes[:, None] - heart[None, ::4], axis=2).min(axis=1)
    assert np.median(away) < 10


@pytest.mark.parametrize("seed", range(4))
def test_electrodes_lie_on_the_skin_and_cables_before_it(frame, seed):
    pads, cables, snaps = device_shapes.ekg_leads(frame, derive_rng(seed))
    for solid, most in ((pads, 12.0), (snaps, 12.0), (cables, 25.0)):
        points = solid.vertices_world
        away = points[:, 1] - frame.skin(points[:, [0, 2]])[:, 1]
        assert -6 < np.median(away) < most


def test_cables_are_whole_lines_in_the_image(frame, chest):
    _, cables, _ = device_shapes.ekg_leads(frame, derive_rng(2))
    center = (frame.low + frame.high) / 2
    camera = PANEL.camera(View(center, source_isocenter_mm=1650)).resized(256, 256)
    from scipy import ndimage

    shadow = project(chest.ct, None, (), camera, solids=(cables,)).solid_path_mm[0] > 0
    # Three to five cables that meet: few pieces, not dashes.
    assert ndimage.label(shadow, structure=np.ones((3, 3)))[1] <= 5
    assert 0.005 < shadow.mean() < 0.06


def test_subjects_without_landmarks_get_devices_too(chest):
    bare = replace(chest, landmarks={}, structures={k: v for k, v in chest.structures.items() if "lung" in k})
    assert ChestFrame.of(bare).carina_z == pytest.approx(chest.landmarks["carina"][2], abs=15)
    assert add_devices(bare, derive_rng(1), ALL)[1] == tuple(KINDS)


def test_a_ct_of_the_lungs_alone_with_other_axes_will_do(chest):
    """Cropped to the lungs, indexed from top to bottom first, and without anything but the lungs' labels."""
    lung = np.isin(chest.labels.data, [chest.structures[f"lung_{side}"] for side in ("left", "right")])
    low, high = (edge(np.argwhere(lung), axis=0) for edge in (np.min, np.max))
    box = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    turn = np.zeros((4, 4))
    turn[[0, 1, 2, 3], [1, 2, 0, 3]] = (1, 1, -1, 1)
    turn[:3, 3] = (*low[:2], high[2])
    world = Affine(chest.ct.world_from_ijk.matrix @ turn)

    def cropped(volume):
        return Volume(np.ascontiguousarray(volume.data[box].transpose(2, 0, 1)[::-1]), world)

    lungs = {name: chest.structures[name] for name in ("lung_left", "lung_right")}
    small = replace(chest, ct=cropped(chest.ct), labels=cropped(chest.labels), landmarks={}, structures=lungs)
    one, other = ChestFrame.of(small), ChestFrame.of(chest)
    assert np.abs(one.high - other.high).max() <= 16
    assert np.abs(one.low - other.low).max() <= 16
    assert np.linalg.norm(one.trachea(-30.0) - other.trachea(-30.0)) < 4
    solids, kinds = add_devices(small, derive_rng(2), ALL)
    assert kinds == tuple(KINDS)
    for solid in solids:
        assert np.abs(solid.vertices_world - other.high).max() < 450


def test_domes_are_found_below_the_lungs(chest, frame):
    dome = np.mean([chest.landmarks[f"diaphragm_dome_{side}"][2] for side in ("left", "right")])
    assert frame.dome_z == pytest.approx(dome, abs=20)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_impossible_shares_are_named(value):
    with pytest.raises(ConfigError, match=r"task\.findings\.devices\.leads"):
        Devices(leads=value)
