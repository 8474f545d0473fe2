"""A broken bone is the same bone in two parts."""

import numpy as np
import pytest

from synthex.anatomy.hip_geometry import HipJoint
from synthex.anatomy.painting import Body, Bone, paint
from synthex.anatomy.painting.fracture import Break, broken, fractured
from synthex.anatomy.voxel_grid import Box, Grid
from synthex.core import Rigid

GRID = Grid(np.array((-60.0, -40.0, -90.0)), 2.0, (60, 40, 90))
STRUCTURES = {"femur_left": 1}


def _body() -> Body:
    """A rod of 12 mm radius along z, 140 mm long, called a femur, in a box of muscle."""
    x, y, z = GRID.axes()
    rod = np.maximum(np.hypot(x, y) - 12.0, np.abs(z) - 70.0).astype(np.float32)
    box = Box((0, 0, 0), GRID.shape)
    skin = np.maximum(np.maximum(np.abs(x) - 55, np.abs(y) - 36), np.abs(z) - 85).astype(np.float32)
    down = np.array((0.0, 0.0, -1.0))
    joint = HipJoint("left", np.array((0.0, 0.0, 58.0)), 20.0, np.array((-20.0, 0.0, 30.0)), down)
    return Body(
        grid=GRID,
        bones={"femur_left": Bone("femur", "femur_left", box, rod, "left")},
        skin=skin,
        muscle=np.ones(GRID.shape, np.float32),
        cavity=np.full(GRID.shape, 99.0, np.float32),
        organs=np.zeros(GRID.shape, np.uint8),
        organ_names=(),
        discs=np.zeros(GRID.shape, np.float32),
        joints={"left": joint},
        landmarks={"FH-l": joint.head, "ASIS-l": np.array((0.0, 0.0, -60.0))},
    )


def test_the_parts_keep_the_volume_and_the_moved_one_lies_where_it_went() -> None:
    shift = np.array((10.0, 0.0, -6.0))
    wanted = Break("femur_left", np.zeros(3), np.array((0.0, 0.0, -1.0)), Rigid.from_parts(np.eye(3), shift))
    body = _body()
    parts = broken(body, wanted, np.random.default_rng(0)).bones
    assert set(parts) == {"femur_left", "femur_left_part"}
    whole = int((body.bones["femur_left"].distance < 0).sum())
    counts = [int((bone.distance < 0).sum()) for bone in parts.values()]
    assert sum(counts) == pytest.approx(whole, rel=0.02)
    moved = parts["femur_left_part"]
    voxels = np.argwhere(moved.distance < 0) + np.array(moved.box.start)
    center = GRID.origin_mm + GRID.spacing_mm * voxels.mean(axis=0)
    assert center == pytest.approx(np.array((10.0, 0.0, -41.0)), abs=1.5)


def test_only_landmarks_of_the_moved_part_go_with_it() -> None:
    """The head's centre is on the femur and stays behind the plane; a point of the hip bone is not on the femur."""
    turn = Rigid.from_parts(np.eye(3), np.array((5.0, 0.0, 0.0)))
    down = np.array((0.0, 0.0, -1.0))
    body = _body()
    same = broken(body, Break("femur_left", np.zeros(3), down, turn), np.random.default_rng(0)).landmarks
    assert all(np.array_equal(same[name], point) for name, point in body.landmarks.items())
    other = broken(body, Break("femur_left", np.zeros(3), -down, turn), np.random.default_rng(0)).landmarks
    assert other["FH-l"] == pytest.approx(body.landmarks["FH-l"] + (5.0, 0.0, 0.0))
    assert np.array_equal(other["ASIS-l"], body.landmarks["ASIS-l"])


def test_a_break_has_no_shell_on_its_faces() -> None:
    """Without motion, the painted bone is the whole one but for its break: no compact bone inside."""
    stay = Rigid.from_parts(np.eye(3), np.zeros(3))
    body = _body()
    wanted = Break("femur_left", np.zeros(3), np.array((0.0, 0.0, -1.0)), stay)
    part = broken(body, wanted, np.random.default_rng(0))
    hu = paint(part, STRUCTURES, np.random.default_rng(1)).hu
    core = hu[29:32, 19:22, 40:50]  # about the break, in the middle of the rod
    assert core.max() < 700


def test_fractures_follow_from_their_numbers_and_vary() -> None:
    body = _body()
    first, again = (fractured(body, np.random.default_rng(3)) for _ in range(2))
    assert set(first.bones) == set(again.bones)
    for name, bone in first.bones.items():
        assert np.array_equal(bone.distance, again.bones[name].distance)
    kinds = {len(fractured(body, np.random.default_rng(seed)).bones) for seed in range(12)}
    assert kinds == {1, 2}  # rami of a body without them: no fracture
