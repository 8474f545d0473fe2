"""Bone names of files."""

import pytest

from synthex.anatomy.meshes.names import KNOWN_BONES, bone_kind, canonical_bone, nearest_bones, structure_id


@pytest.mark.parametrize(
    ("stem", "bone"),
    [
        ("pelvis_left", "hip_left"),
        ("Hip-Right", "hip_right"),
        ("vertebra_L3", "vertebra_L3"),
        ("vertebra_T01", "vertebra_T1"),
        ("vertebrae_L5", "vertebra_L5"),
        ("L4", "vertebra_L4"),
        ("rib_left_1", "rib_left_01"),
        ("sternum_and_costal_cartilage", "sternum"),
        ("femur_left", "femur_left"),
        ("Hip_L", "hip_left"),
        ("Patella_R", "patella_right"),
        ("skull", None),
        ("L6", None),
        ("pelvis", None),
    ],
)
def test_canonical_names(stem, bone):
    assert canonical_bone(stem) == bone


def test_every_known_bone_has_a_kind_and_its_own_name():
    for bone in KNOWN_BONES:
        assert bone_kind(bone).length_mm > 0
        assert canonical_bone(bone) == bone


def test_structures():
    levels = ("L3", "L4", "L5")
    ids = {bone: structure_id(bone, levels) for bone in KNOWN_BONES}
    assert {bone: i for bone, i in ids.items() if i} == {
        "hip_left": 1,
        "hip_right": 2,
        "vertebra_L3": 3,
        "vertebra_L4": 3,
        "vertebra_L5": 3,
        "sacrum": 4,
        "femur_left": 5,
        "femur_right": 6,
    }


def test_nearest_names():
    assert nearest_bones("femur_lef")[0] == "femur_left"
    assert nearest_bones("zzz")
