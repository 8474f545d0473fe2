"""Bodies continued beyond their scans, held against bodies that never ended."""

import numpy as np
import pytest

from synthex.anatomy.continuation import continued
from synthex.core import Affine, Anatomy, Volume
from synthex.geometry import CArm, View
from synthex.projection import project

EDGE = 3.0


def cylinder(
    half_length_mm, radius_mm=60.0, offset_mm=0.0, half_width_mm=75.0, order=(0, 1, 2), signs=(1, 1, 1), shaft=900
):
    """Water along S with a labelled shaft in it; the grid's axes in any order and direction."""
    half = np.array((half_width_mm, 75.0, half_length_mm))
    axes = [np.arange(-h + EDGE / 2, h, EDGE) for h in half]
    x, y, _ = np.meshgrid(*axes, indexing="ij")
    distance = np.hypot(x - offset_mm, y)
    data = np.where(distance <= radius_mm, 0, -1000).astype(np.int16)
    data[distance <= 12] = shaft
    labels = (distance <= 12).astype(np.uint8)
    linear = np.diag([EDGE] * 3)
    origin = np.array([axis[0] for axis in axes])
    for axis, sign in enumerate(signs):
        if sign < 0:
            data, labels = np.flip(data, axis), np.flip(labels, axis)
            origin[axis] = axes[axis][-1]
            linear[axis, axis] = -EDGE
    data, labels = np.ascontiguousarray(data.transpose(order)), np.ascontiguousarray(labels.transpose(order))
    grid = Affine.from_parts(linear[:, order], origin)
    return Anatomy("cylinder", Volume(data, grid), Volume(labels, grid), {"shaft": 1}, {"tip": np.zeros(3)})


@pytest.mark.parametrize(("order", "signs"), [((0, 1, 2), (1, 1, 1)), ((2, 0, 1), (-1, 1, -1))])
def test_rays_through_a_continued_cylinder_are_those_through_one_without_end(order, signs):
    short = continued(cylinder(45, order=order, signs=signs, shaft=0), 150)
    long = cylinder(195, shaft=0)
    camera = CArm().binned(48).camera(View(np.zeros(3), cranial_caudal_deg=25, source_isocenter_mm=700))
    ours = project(short.ct, short.labels, (1,), camera)
    expected = project(long.ct, long.labels, (1,), camera)
    cut = project(cylinder(45, shaft=0).ct, None, (), camera)
    np.testing.assert_allclose(ours.water_path_mm, expected.water_path_mm, atol=0.02)
    np.testing.assert_allclose(ours.label_path_mm, expected.label_path_mm, atol=0.02)
    assert np.abs(cut.water_path_mm - expected.water_path_mm).max() > 50
    assert short.landmarks.keys() == {"tip"}


def test_a_shaft_goes_on_and_fades_the_farther_it_is_from_the_scan():
    short = continued(cylinder(45), 90)
    middle = np.array(short.ct.shape[:2]) // 2
    along = short.ct.data[middle[0], middle[1], -30:].astype(float)  # the slices beyond the scan, the nearest first
    assert along[0] > 850
    assert 150 < along[-1] < 500
    assert (np.diff(along) <= 0).all()
    end = short.ct.data[:, :, -1]
    body = end > -300
    assert (body == (short.ct.data[:, :, 40] > -300)).all()  # the outline stays
    inside = cylinder(45).ct.data[:, :, 0]
    assert end[body].mean() == pytest.approx(inside[body].mean(), rel=0.02)  # and so does the mass


def test_hips_and_sacrum_end_where_their_scan_does():
    bone = cylinder(45)
    for name, goes_on in (("femur_left", True), ("hip_left", False), ("sacrum", False)):
        longer = continued(Anatomy("cut", bone.ct, bone.labels, {name: 1}, {}), 60)
        assert bool(longer.labels.data[:, :, 0].any()) == goes_on
        assert (longer.ct.data[:, :, 15].max() > 300) == goes_on
        assert longer.ct.data[:, :, 20].max() == 900


def test_noise_at_an_end_is_averaged():
    noisy = cylinder(45)
    rng = np.random.default_rng(0)
    data = (noisy.ct.data + rng.normal(0, 60, noisy.ct.shape)).astype(np.int16)
    short = continued(Anatomy("noisy", Volume(data, noisy.ct.world_from_ijk), noisy.labels, {}, {}), 30)
    inside = noisy.ct.data[:, :, 0] == 0
    assert short.ct.data[:, :, 0][inside].std() < data[:, :, 0][inside].std()


def test_a_body_cut_at_its_sides_is_rounded_off_by_soft_tissue():
    wide = cylinder(45, radius_mm=60, offset_mm=-20, half_width_mm=51)  # its left side is cut at 51 of 80 mm
    whole = continued(wide, 100)
    assert whole.ct.shape[0] > wide.ct.shape[0]
    world = whole.ct.world_from_ijk
    row = whole.ct.data[:, whole.ct.shape[1] // 2, whole.ct.shape[2] // 2]
    where = world.apply(
        np.column_stack(
            (np.arange(len(row), dtype=np.float64), *[np.full(len(row), n // 2) for n in whole.ct.shape[1:]])
        )
    )
    assert row[0] == -1000 or whole.ct.data[0].max() > -300  # closed by air, or by the last voxels of the ellipse
    body = where[row > -300, 0]
    assert -110 < body.min() < -78  # the cut part is 51 mm to either side of its middle: a half circle of that reach
    assert body.max() == pytest.approx(39, abs=EDGE)
    assert not whole.labels.data[: whole.ct.shape[0] - wide.ct.shape[0]].any()
    shaft = world.inverse().apply(np.array(((-20.0, 0.0, 0.0),)))[0]
    assert whole.ct.data[tuple(np.rint(shaft).astype(int))] == 900


def test_nothing_is_done_unless_asked_for():
    subject = cylinder(45)
    assert continued(subject, 0) is subject
    with pytest.raises(ValueError, match="0 or more"):
        continued(subject, -1)
