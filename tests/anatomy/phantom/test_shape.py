"""The law of real shapes, and what drawing a subject towards the mean does."""

import numpy as np

from synthex.anatomy.phantom.parameters import sample_pelvis_parameters, tamed
from synthex.anatomy.phantom.shape import LOCAL_CENTRES, displacement, shape_law
from synthex.core import derive_rng


def test_nodes_move_as_the_table_says():
    law = shape_law()
    moved = displacement((0.0,) * len(law.modes), ())(law.nodes)
    np.testing.assert_allclose(moved, law.mean, atol=1e-6)
    one = np.eye(len(law.modes))[2]
    np.testing.assert_allclose(displacement(tuple(one), ())(law.nodes) - moved, law.modes[2], atol=1e-6)


def test_no_numbers_leave_the_template_as_it_is():
    points = derive_rng("template").normal(0, 50, (20, 3))
    assert not displacement((), ())(points).any()


def test_a_local_deformation_moves_its_place_and_not_the_hip_centre():
    local = np.zeros((len(LOCAL_CENTRES), 3))
    local[0] = (0.0, 3.0, 1.0)
    centre = np.array(next(iter(LOCAL_CENTRES.values())))
    moved = displacement((), tuple(local.ravel()))
    np.testing.assert_allclose(moved(centre[None])[0], (0, 3, 1))
    assert np.linalg.norm(moved(np.array([[75.0, 0, 0]]))) < 0.1 * np.linalg.norm(local)


def test_modes_are_of_millimetres_and_the_hip_distance_goes_with_them():
    law = shape_law()
    rms = np.sqrt((law.modes**2).sum(axis=2).mean(axis=1))
    assert (np.diff(rms) <= 1e-6).all()
    assert 3 < rms[0] < 20
    assert 80 < law.half_mean < 95
    assert np.abs(law.half_modes).max() > 1


def test_a_tamed_subject_is_nearer_the_mean():
    p = sample_pelvis_parameters(derive_rng("tamed"))
    q = tamed(p)
    np.testing.assert_allclose(np.array(q.modes_left), 0.5 * np.array(p.modes_left))
    assert q.femur_left == p.femur_left
