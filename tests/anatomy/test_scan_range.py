import numpy as np
import pytest
from generators.anatomies import make_anatomy

from synthex.anatomy.scan_range import limit_scan
from synthex.core import Affine, Anatomy, Volume
from synthex.geometry import CArm
from synthex.projection import project


def test_slices_beyond_the_end_are_gone_and_the_rest_stays_in_place():
    anatomy = make_anatomy()
    cut = limit_scan(anatomy, -20.0, 60.0)
    heights = anatomy.ct.world_from_ijk.apply(np.argwhere(anatomy.labels.data > 0).astype(float))[:, 2]
    kept = cut.ct.world_from_ijk.apply(np.argwhere(cut.labels.data > 0).astype(float))
    assert kept[:, 2].min() >= -20
    assert kept[:, 2].max() <= 60
    assert len(kept) == ((heights >= -20) & (heights <= 60)).sum()
    assert np.shares_memory(cut.ct.data, anatomy.ct.data)


def test_landmarks_beyond_the_end_are_absent_not_unknown():
    anatomy = make_anatomy()
    cut = limit_scan(anatomy, 0.0)
    gone = {name for name, point in anatomy.landmarks.items() if point[2] < 0}
    assert gone
    assert gone <= cut.absent
    assert cut.landmarks.keys() | cut.absent == anatomy.landmarks.keys()


@pytest.mark.parametrize("flip", [False, True])
def test_any_axis_order_and_direction(flip):
    anatomy = make_anatomy()
    turned = anatomy.ct.data.transpose(2, 0, 1)
    labels = anatomy.labels.data.transpose(2, 0, 1)
    linear = anatomy.ct.world_from_ijk.linear[:, [2, 0, 1]].copy()
    origin = anatomy.ct.world_from_ijk.translation.copy()
    if flip:
        turned, labels = turned[::-1], labels[::-1]
        origin = origin + linear[:, 0] * (turned.shape[0] - 1)
        linear[:, 0] *= -1
    grid = Affine.from_parts(linear, origin)
    other = Anatomy("t", Volume(turned, grid), Volume(labels, grid), anatomy.structures, anatomy.landmarks)
    carm = CArm().binned(32)
    camera = carm.camera(carm.view(np.zeros(3)))
    one = project(limit_scan(anatomy, -30.0).ct, None, [], camera).water_path_mm
    two = project(limit_scan(other, -30.0).ct, None, [], camera).water_path_mm
    assert np.allclose(one, two, atol=1e-2)


def test_everything_inside_changes_nothing_and_nothing_inside_is_an_error():
    anatomy = make_anatomy()
    assert limit_scan(anatomy) is anatomy
    with pytest.raises(ValueError, match="slices"):
        limit_scan(anatomy, 1000.0)
