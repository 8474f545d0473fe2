"""Femurs as phantoms were built, and as a real CT that ends in them shows them."""

import time
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.anatomy.phantom.assembly import assemble
from synthex.anatomy.phantom.femur import neck_base
from synthex.anatomy.scan_range import limit_scan
from synthex.core import Affine, Anatomy, Volume
from synthex.tasks.tool_detection.host import femurs_of, in_bone, skin_front


class Remembered(PelvisPhantoms):
    """Phantoms that are built once."""

    @lru_cache  # noqa: B019
    def load(self, subject_id):
        return super().load(subject_id)


@pytest.fixture(scope="module")
def phantoms():
    return Remembered(2, seed=3, spacing_mm=2.0)


def angle_deg(a, b):
    return float(np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


@pytest.mark.parametrize("index", range(2))
def test_heads_and_necks_are_those_the_phantom_was_built_with(phantoms, index):
    subject = phantoms.subject_ids()[index]
    parameters, anatomy = phantoms.parameters(subject), phantoms.load(subject)
    start = time.process_time()
    femurs = femurs_of(anatomy)
    assert time.process_time() - start < 0.3
    assert [femur.side for femur in femurs] == ["left", "right"]
    skeleton = assemble(parameters)
    for femur in femurs:
        built = parameters.femur_left if femur.side == "left" else parameters.femur_right
        world_from_femur = skeleton.femurs[femur.side].local_from_world.inverse()
        base = world_from_femur.apply(neck_base(built)[None])[0]
        assert angle_deg(base - skeleton.head_centres[femur.side], femur.axis) < 2.0
        assert femur.head_radius_mm == pytest.approx(built.head_radius_mm, abs=0.7)
        # Beyond the shaft's axis, before the skin; lateral, and below the head.
        beyond = np.linalg.norm(femur.exit - femur.head_center) - built.neck_length_mm
        assert 8 < beyond < 30
        assert (femur.exit[0] < femur.head_center[0]) == (femur.side == "left")
        assert femur.exit[2] < femur.head_center[2] - 20
        assert femur.depth_mm(femur.neck_center[None])[0] == pytest.approx(femur.neck_radius_mm, abs=0.1)
        # The least distance over all directions, from the head's middle: the radius less up to two voxels.
        assert -4.0 < femur.depth_mm(femur.head_center[None])[0] - built.head_radius_mm < 0.5
        assert femur.depth_mm(femur.exit[None] + 5 * femur.axis)[0] < 0


def test_heads_are_found_where_nobody_annotated_them(phantoms):
    anatomy = phantoms.load("phantom-0000")
    bare = replace(anatomy, landmarks={})
    for known, found in zip(femurs_of(anatomy), femurs_of(bare), strict=True):
        assert np.linalg.norm(known.head_center - found.head_center) < 1.0
        assert angle_deg(known.axis, found.axis) < 2.0


def test_a_head_known_to_be_missing_makes_its_side_unusable(phantoms):
    anatomy = phantoms.load("phantom-0000")
    points = {name: point for name, point in anatomy.landmarks.items() if name != "FH-l"}
    cut = replace(anatomy, landmarks=points, absent=frozenset({"FH-l"}))
    assert [femur.side for femur in femurs_of(cut)] == ["right"]


def test_a_scan_that_ends_below_the_neck_serves_and_one_that_ends_in_it_does_not(phantoms):
    anatomy = phantoms.load("phantom-0001")
    whole = {femur.side: femur for femur in femurs_of(anatomy)}
    for femur in femurs_of(limit_scan(anatomy, lowest_mm=-38.0)):
        assert angle_deg(femur.axis, whole[femur.side].axis) < 4.0
        assert femur.neck_radius_mm == pytest.approx(whole[femur.side].neck_radius_mm, abs=1.5)
        assert femur.exit[2] == pytest.approx(-39.0, abs=3.0)
    assert len(femurs_of(limit_scan(anatomy, lowest_mm=-38.0))) == 2
    assert femurs_of(limit_scan(anatomy, lowest_mm=-12.0)) == ()


def test_oblique_and_flipped_grids_give_the_same_femurs(phantoms):
    anatomy = phantoms.load("phantom-0001")
    turn = Affine.from_parts(np.array(((-1.0, 0, 0), (0, 0, 1), (0, 1, 0))), (anatomy.ct.shape[0] - 1, 0, 0))
    turned = [
        Volume(np.ascontiguousarray(volume.data[::-1].transpose(0, 2, 1)), volume.world_from_ijk @ turn)
        for volume in (anatomy.ct, anatomy.labels)
    ]
    other = Anatomy("turned", *turned, anatomy.structures, anatomy.landmarks)
    for a, b in zip(femurs_of(anatomy), femurs_of(other), strict=True):
        np.testing.assert_allclose(a.exit, b.exit, atol=1e-6)
        np.testing.assert_allclose(a.axis, b.axis, atol=1e-6)


def test_the_skin_is_where_the_body_begins_from_the_front():
    hu = np.full((10, 20, 10), -1000, dtype=np.int16)
    hu[5:, 4:13] = 0
    volume = Volume(hu, Affine.from_parts(np.eye(3) * 2.0, (0, 0, 0)))
    inner = np.array((14.0, 12.0, 10.0))
    np.testing.assert_allclose(skin_front(volume, inner, inner), (14.0, 24.0, 10.0), atol=2.0)
    # Before the body and beside it.
    np.testing.assert_allclose(skin_front(volume, np.array((14.0, 90.0, 10.0)), inner), (14.0, 24.0, 10.0), atol=2.0)
    np.testing.assert_allclose(skin_front(volume, np.array((0.0, 12.0, 10.0)), inner), (10.5, 24.0, 10.0), atol=2.0)
    nowhere = np.array((200.0, 12.0, 10.0))
    np.testing.assert_array_equal(skin_front(volume, nowhere, nowhere), nowhere)


def test_bone_is_told_by_its_hounsfield_units(phantoms):
    anatomy = phantoms.load("phantom-0000")
    shaft = np.argwhere(anatomy.ct.data > 900)[:5]
    muscle = np.argwhere(np.abs(anatomy.ct.data - 60) < 5)[:5]
    points = anatomy.ct.world_from_ijk.apply(np.concatenate((shaft, muscle)).astype(float))
    assert in_bone(anatomy, points).tolist() == [True] * 5 + [False] * 5
    assert not in_bone(anatomy, np.array(((1e4, 0.0, 0.0),))).any()


def test_the_real_ct_has_both_necks(shared_data):
    femurs = femurs_of(CtFolder(shared_data / "pelvis_ct").load("ct-01"))
    assert [femur.side for femur in femurs] == ["left", "right"]
    for femur in femurs:
        assert 22 < femur.head_radius_mm < 28
        assert 9 < femur.neck_radius_mm < 15
        lateral = femur.axis * ((-1 if femur.side == "left" else 1), 1, 1)
        # A neck points outwards, down by 30 to 50 degrees, and backwards by little.
        assert lateral[0] > 0.6
        assert -0.8 < lateral[2] < -0.45
        assert abs(lateral[1]) < 0.35


def test_finer_labels_give_the_same_femurs_without_larger_maps(phantoms):
    anatomy = phantoms.load("phantom-0000")
    grid = anatomy.labels.world_from_ijk @ Affine.from_parts(np.eye(3) / 2, np.full(3, -0.25))
    fine = anatomy.labels.data.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    air = np.broadcast_to(np.int16(-1000), fine.shape)
    other = Anatomy("fine", Volume(air, grid), Volume(fine, grid), anatomy.structures, anatomy.landmarks)
    for a, b in zip(femurs_of(anatomy), femurs_of(other), strict=True):
        assert b.inside_mm.size < 1.1 * a.inside_mm.size
        # Half a voxel of shift, by which of every two was taken: as near as to the phantom's own axis.
        assert angle_deg(a.axis, b.axis) < 2.0
        np.testing.assert_allclose(a.neck_radius_mm, b.neck_radius_mm, atol=1.0)
        np.testing.assert_allclose(a.exit, b.exit, atol=3.0)
