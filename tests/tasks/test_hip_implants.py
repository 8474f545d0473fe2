"""Implants lie where a surgeon puts them."""

from functools import cache

import numpy as np
import pytest

from synthex.anatomy.hip_geometry import hip_joints
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import Anatomy, ConfigError
from synthex.tasks.hip_landmarks import implants, scene


@cache
def _subject() -> Anatomy:
    source = PelvisPhantoms(count=1, spacing_mm=4.0)
    return source.load(source.subject_ids()[0])


def test_joints_have_the_size_and_the_axes_of_adults() -> None:
    joints = hip_joints(_subject())
    assert set(joints) == {"left", "right"}
    for side, joint in joints.items():
        assert 18 < joint.radius_mm < 30
        assert joint.down[2] < -0.9
        # Necks stand at 112 to 143 degrees to the shaft, and feet turn outward by up to 44 degrees.
        assert joint.lateral[0] * (1 if side == "right" else -1) > 0.4
        assert 30 < np.linalg.norm(joint.head - joint.base) < 75


@pytest.mark.parametrize("kind", ["total", "hemi"])
def test_a_prosthetic_head_is_centred_on_the_landmark(kind: str) -> None:
    joint = hip_joints(_subject())["left"]
    solids = implants._OF_HIP[kind](joint, np.random.default_rng(0))
    heads = [solid for solid in solids if solid.name.endswith(("/head", "/ball"))]
    assert heads
    for head in heads:
        ends = (head.vertices_world.min(axis=0) + head.vertices_world.max(axis=0)) / 2
        assert ends == pytest.approx(joint.head, abs=0.5)
    assert solids[0].material == "soft_tissue"  # the resected bone gives way first
    stem = next(solid for solid in solids if solid.name.endswith("/stem"))
    tip = stem.vertices_world[np.argmax((stem.vertices_world - joint.head) @ joint.down)]
    off_axis = tip - joint.base - ((tip - joint.base) @ joint.down) * joint.down
    assert np.linalg.norm(off_axis) < 9


@pytest.mark.parametrize("kind", ["nail", "sliding_screw", "screws"])
def test_screws_end_inside_the_head(kind: str) -> None:
    joint = hip_joints(_subject())["right"]
    for seed in range(5):
        solids = implants._OF_HIP[kind](joint, np.random.default_rng(seed))
        for screw in (solid for solid in solids if solid.name in ("lag_screw", "screw")):
            far = screw.vertices_world[np.argmin((screw.vertices_world - joint.base) @ joint.neck)]
            assert np.linalg.norm(far - joint.head) < joint.radius_mm


@pytest.mark.parametrize("kind", ["symphysis_plate", "sacral_screws", "spinal_rods"])
def test_implants_of_the_pelvis_lie_at_their_bones(kind: str) -> None:
    anatomy = _subject()
    solids = implants._OF_PELVIS[kind](anatomy, np.random.default_rng(1))
    assert solids
    near = {"symphysis_plate": ("hip_left", "hip_right"), "sacral_screws": ("sacrum",), "spinal_rods": ("vertebrae",)}
    points = np.concatenate([implants._points_of(anatomy, bone) for bone in near[kind]])
    for solid in solids:
        away = np.linalg.norm(points - solid.vertices_world.mean(axis=0), axis=1).min()
        assert away < 30


def test_a_share_of_scenes_has_implants_and_none_by_default() -> None:
    anatomy = _subject()
    without = scene.make_scenes(0.0, (-60.0, 0.0))
    assert not any(without(anatomy, np.random.default_rng(seed)).solids for seed in range(5))
    always = scene.make_scenes(0.0, (-60.0, 0.0), 1.0)
    made = [always(anatomy, np.random.default_rng(seed)) for seed in range(6)]
    assert all(one.solids and one.record["implants"] for one in made)
    with pytest.raises(ConfigError, match="share"):
        scene.make_scenes(0.0, (-60.0, 0.0), 1.5)
