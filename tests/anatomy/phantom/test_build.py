import dataclasses
import json

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from synthex.anatomy.phantom import LANDMARKS, STRUCTURES, PelvisPhantoms, build_pelvis, sample_pelvis_parameters
from synthex.core import derive_rng

SPACING = 2.0


@pytest.fixture(scope="module")
def subjects():
    source = PelvisPhantoms(count=3, seed=0, spacing_mm=SPACING)
    return [source.load(name) for name in source.subject_ids()]


def levelling(anatomy):
    """The turn about the hip joints that brings the anterior pelvic plane, ASIS to pubis, upright."""
    point = anatomy.landmarks
    plane = point["ASIS-l"] + point["ASIS-r"] - point["SPS-l"] - point["SPS-r"]
    return Rotation.from_euler("x", np.arctan2(plane[1], plane[2]))


def mask(anatomy, name):
    return anatomy.labels.data == STRUCTURES[name]


def sample(anatomy, volume, points):
    ijk = np.rint(volume.world_from_ijk.inverse().apply(np.atleast_2d(points))).astype(int)
    return volume.data[tuple(ijk.T)]


def test_same_subject_gives_the_same_arrays(subjects):
    again = PelvisPhantoms(count=1, seed=0, spacing_mm=SPACING, first=1).load("phantom-0001")
    assert np.array_equal(again.ct.data, subjects[1].ct.data)
    assert np.array_equal(again.labels.data, subjects[1].labels.data)
    assert all(np.array_equal(again.landmarks[name], subjects[1].landmarks[name]) for name in LANDMARKS)


def test_names_frame_and_types(subjects):
    for anatomy in subjects:
        assert dict(anatomy.structures) == STRUCTURES
        assert set(anatomy.landmarks) == set(LANDMARKS)
        assert not anatomy.absent
        assert np.allclose(anatomy.ct.world_from_ijk.linear, np.eye(3) * SPACING)
        assert np.allclose((anatomy.landmarks["FH-l"] + anatomy.landmarks["FH-r"]) / 2, 0, atol=1e-9)
        assert all(point[0] < 0 for name, point in anatomy.landmarks.items() if name.endswith("-l"))
        corner = anatomy.ct.world_from_ijk.translation
        far = anatomy.ct.world_from_ijk.apply(np.array([anatomy.ct.shape], dtype=np.float64))[0]
        assert (corner < (-150, -120, -115)).all()
        assert (far > (150, 110, 180)).all()


def test_each_bone_is_one_piece_of_published_volume(subjects):
    # cm3: hip bone 220 to 400, sacrum 120 to 260, three lumbar vertebrae 110 to 220, femur cut at mid-thigh.
    ranges = {"hip": (180, 400), "sacrum": (110, 260), "vertebrae": (90, 230), "femur": (90, 260)}
    for anatomy in subjects:
        for name in STRUCTURES:
            bone = mask(anatomy, name)
            low, high = ranges[name.split("_")[0]]
            assert low < bone.sum() * SPACING**3 / 1000 < high, name
            parts = ndimage.label(bone, np.ones((3, 3, 3)))[0]
            largest = np.bincount(parts.ravel())[1:].max()
            # Vertebrae are three bodies, joined or not at 2 mm; every other bone is one.
            assert largest > (0.25 if name == "vertebrae" else 0.985) * bone.sum(), name


def test_head_landmark_is_the_centre_of_the_head(subjects):
    for index, anatomy in enumerate(subjects):
        p = sample_pelvis_parameters(derive_rng(0, "phantom", index))
        for side, femur in (("left", p.femur_left), ("right", p.femur_right)):
            centre, radius = anatomy.landmarks[f"FH-{side[0]}"], femur.head_radius_mm
            points = anatomy.labels.world_from_ijk.apply(np.argwhere(mask(anatomy, f"femur_{side}")).astype(float))
            distance = np.linalg.norm(points - centre, axis=1)
            upper = points[:, 2] > centre[2]
            medial = (points[:, 0] - centre[0]) * np.sign(centre[0]) < 0
            assert distance[upper & medial].max() < radius + 0.1
            ball = distance < radius - 0.1
            assert abs(ball.sum() * SPACING**3 / (4 / 3 * np.pi * radius**3) - 1) < 0.03


@pytest.mark.parametrize("name", [name for name in LANDMARKS if not name.startswith("FH")])
def test_surface_landmarks_lie_on_the_hip_bone(subjects, name):
    for anatomy in subjects:
        bone = mask(anatomy, "hip_left" if name.endswith("l") else "hip_right")
        ijk = anatomy.labels.world_from_ijk.inverse().apply(anatomy.landmarks[name][None])[0]
        at = np.rint(ijk).astype(int)
        near = bone[tuple(slice(n - 4, n + 5) for n in at)]
        offset = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1) - (ijk - at)
        distance = SPACING * np.linalg.norm(offset, axis=-1)
        # GSN's place is of the frontal view and its depth of the side view: near the notch's border, not on it.
        within = 5.0 * SPACING if name.startswith("GSN") else 1.5 * SPACING
        assert distance[near].min(initial=np.inf) <= within
        assert distance[~near].min() <= within


def test_symphysis_notch_and_spine_lie_where_anatomy_puts_them(subjects):
    for anatomy in subjects:
        turn = levelling(anatomy)
        point = {name: turn.apply(at) for name, at in anatomy.landmarks.items()}
        for side in "lr":
            joint = point[f"FH-{side}"]
            assert point[f"ASIS-{side}"][2] - joint[2] > 50
            assert abs(point[f"ASIS-{side}"][0]) > abs(joint[0])
            assert point[f"GSN-{side}"][1] < joint[1] - 10
            assert 15 < point[f"GSN-{side}"][2] - joint[2] < 65
            assert point[f"SPS-{side}"][2] > point[f"IPS-{side}"][2] + 10
            assert abs(point[f"SPS-{side}"][0]) < 10
            assert point[f"IOF-{side}"][2] < point[f"MOF-{side}"][2]
            assert abs(point[f"MOF-{side}"][0]) < abs(point[f"IOF-{side}"][0])
        assert 190 < np.linalg.norm(point["ASIS-l"] - point["ASIS-r"]) < 310


def test_iliac_spine_is_near_the_most_anterior_point_of_its_bone(subjects):
    for anatomy in subjects:
        turn = levelling(anatomy)
        for side in ("left", "right"):
            spine, joint = (turn.apply(anatomy.landmarks[f"{kind}-{side[0]}"]) for kind in ("ASIS", "FH"))
            points = anatomy.labels.world_from_ijk.apply(np.argwhere(mask(anatomy, f"hip_{side}")).astype(float))
            points = turn.apply(points)
            upper = points[points[:, 2] > joint[2] + 50]
            assert np.linalg.norm(upper[np.argmax(upper[:, 1])] - spine) < 26
            assert upper[:, 1].max() - spine[1] < 14


def test_foramen_is_an_open_hole_beside_its_landmarks(subjects):
    """Seen from ahead at one of several tilts: a pelvis that leans far forward hides them in the frontal view."""
    for anatomy in subjects:
        for side in ("left", "right"):
            bone = anatomy.labels.world_from_ijk.apply(np.argwhere(mask(anatomy, f"hip_{side}")).astype(float))
            holes = []
            for tilt_deg in (-30, 0, 30):
                ahead = Rotation.from_euler("x", tilt_deg, degrees=True).apply(bone)[:, [0, 2]] / (1.5 * SPACING)
                pixels = np.rint(ahead - ahead.min(axis=0)).astype(int)
                seen = np.zeros(pixels.max(axis=0) + 1, bool)
                seen[tuple(pixels.T)] = True
                holes.append((ndimage.binary_fill_holes(seen) & ~seen).sum() * (1.5 * SPACING) ** 2)
            assert max(holes) > 300


def test_left_mirrors_right_in_a_symmetric_subject():
    p = sample_pelvis_parameters(derive_rng(0, "phantom", 1))
    right = {f"{name}_right": getattr(p, f"{name}_left") for name in ("field", "modes", "local", "femur")}
    p = dataclasses.replace(p, **right, obliquity_deg=0.0, axial_deg=0.0, scoliosis_deg=0.0)
    anatomy = build_pelvis(p, 4.0, np.random.default_rng(0))
    for name in LANDMARKS[::2]:
        left, right = anatomy.landmarks[name], anatomy.landmarks[f"{name[:-1]}r"]
        assert np.allclose(left * (-1, 1, 1), right, atol=0.35), name
    for name in ("hip", "femur"):
        left, right = mask(anatomy, f"{name}_left").sum(), mask(anatomy, f"{name}_right").sum()
        assert abs(left / right - 1) < 0.02


def test_landmarks_do_not_depend_on_the_voxel_size():
    p = sample_pelvis_parameters(derive_rng(0, "phantom", 2))
    coarse, fine = (build_pelvis(p, spacing, np.random.default_rng(0)) for spacing in (5.0, 3.0))
    assert all(np.array_equal(coarse.landmarks[name], fine.landmarks[name]) for name in LANDMARKS)


def test_tissues_have_physical_hu(subjects):
    for index, anatomy in enumerate(subjects):
        hu, labels = anatomy.ct.data, anatomy.labels.data
        p = sample_pelvis_parameters(derive_rng(0, "phantom", index))
        assert hu.min() >= -1000
        assert hu.max() <= 2200
        soft = hu[(labels == 0) & (hu > -500)]
        share = np.histogram(soft, bins=(-130, -70, 20, 90))[0] / len(soft)
        assert share[0] > 0.1  # fat
        assert share[2] > 0.2  # muscle, of a stout subject
        corners = (hu[0, 0, 0], hu[-1, -1, -1], hu[0, -1, 0])
        assert set(corners) == {-1000}
        for side in ("left", "right"):
            bone = mask(anatomy, f"femur_{side}")
            head = sample(anatomy, anatomy.ct, anatomy.landmarks[f"FH-{side[0]}"])[0]
            assert 80 < head < 550
            shaft = bone[:, :, 4]
            ring = hu[:, :, 4][shaft]
            assert np.percentile(ring, 95) > 850  # compact bone
            assert np.percentile(ring, 5) < 300  # marrow, with part of the shell in a voxel
        interior = ndimage.binary_erosion(mask(anatomy, "vertebrae"), iterations=3)
        assert abs(np.median(hu[interior]) / (210 * 0.85 * p.density) - 1) < 0.4


def test_bladder_is_water():
    p = dataclasses.replace(sample_pelvis_parameters(derive_rng(0, "phantom", 0)), bladder_radius_mm=40.0)
    anatomy = build_pelvis(p, 3.0)
    centre = np.array((0.0, (26 - 10) * p.size, (4 + 22) * p.size))
    assert abs(int(sample(anatomy, anatomy.ct, centre)[0]) - 5) < 15


def test_parameters_move_what_they_name():
    p = dataclasses.replace(sample_pelvis_parameters(derive_rng(0, "phantom", 1)), fat_mm=12.0, density=0.7)
    thin = build_pelvis(p, 6.0)
    heavy = build_pelvis(dataclasses.replace(p, fat_mm=45.0), 6.0)
    dense = build_pelvis(dataclasses.replace(p, density=1.2), 6.0)
    arched = build_pelvis(dataclasses.replace(p, subpubic_mm=p.subpubic_mm + 8.0), 6.0)
    tipped = build_pelvis(dataclasses.replace(p, tilt_deg=p.tilt_deg + 8.0), 6.0)
    assert (heavy.ct.data > -500).sum() > 1.2 * (thin.ct.data > -500).sum()
    assert np.array_equal(dense.labels.data, thin.labels.data)
    bone = thin.labels.data > 0
    assert dense.ct.data[bone].mean() > thin.ct.data[bone].mean() + 80
    assert abs(arched.landmarks["IOF-r"][0]) > abs(thin.landmarks["IOF-r"][0]) + 3
    assert tipped.landmarks["ASIS-r"][1] > thin.landmarks["ASIS-r"][1] + 5
    assert tipped.landmarks["SPS-r"][2] < thin.landmarks["SPS-r"][2]


def test_voxel_size_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"0\.5 to 10"):
        build_pelvis(sample_pelvis_parameters(derive_rng(0)), 0.2)


def test_shape_agrees_with_a_real_skeleton(shared_data, subjects):
    # One person against the mean of three, each of its own size and tilt: within 25 mm.
    record = json.loads((shared_data / "bones" / "landmarks.mrk.json").read_text())
    real = {point["label"]: np.array(point["position"]) for point in record["markups"][0]["controlPoints"]}
    middle = (real["FH-l"] + real["FH-r"]) / 2
    for name in LANDMARKS:
        mean = np.mean([anatomy.landmarks[name] for anatomy in subjects], axis=0)
        assert np.linalg.norm(mean - (real[name] - middle)) < 25, name
