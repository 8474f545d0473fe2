"""Shape variation: closed forms of the affine case, inverses, folding, and what moves together."""

import numpy as np
import pytest

from synthex.anatomy.deformation import Deformation, ShapeVariation, deform, sample_deformation, shift_into_grid
from synthex.core import Affine, Anatomy, ConfigError, Volume, derive_rng

BOUNDS = np.array([[-180.0, -130.0, -170.0], [180.0, 130.0, 170.0]])
STRONG = ShapeVariation(displacement_mm=9.0, wavelength_mm=(100.0, 200.0))


def _grid(shape=(45, 40, 42), spacing=4.0):
    center = (np.array(shape) - 1) / 2
    return shape, Affine.from_parts(np.eye(3) * spacing, -spacing * center)


def _ball_anatomy(center=(10.0, -8.0, 6.0), radius=24.0, flip=False, fine=1):
    shape, world_from_ijk = _grid((45 * fine, 40 * fine, 42 * fine), 4.0 / fine)
    if flip:
        world_from_ijk = world_from_ijk @ Affine.from_parts(np.diag((-1.0, 1, 1)), np.array((shape[0] - 1, 0, 0)))
    ijk = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
    distance = np.linalg.norm(world_from_ijk.apply(ijk) - np.array(center), axis=1).reshape(shape)
    labels = (distance < radius).astype(np.uint8)
    hu = np.round(40 + 10 * (radius - distance).clip(-60, radius)).astype(np.int16)
    landmarks = {"center": np.array(center)}
    return Anatomy("ball", Volume(hu, world_from_ijk), Volume(labels, world_from_ijk), {"ball": 1}, landmarks)


def _points(count=400, seed=0):
    return np.random.default_rng(seed).uniform(BOUNDS[0], BOUNDS[1], (count, 3))


def test_affine_deformation_is_its_matrix():
    affine = Affine.from_parts(np.array([[1.1, 0.1, 0], [0, 0.9, 0.05], [0.02, 0, 1.0]]), np.array((3, -4, 5)))
    deformation = Deformation.from_affine(affine)
    np.testing.assert_allclose(deformation.apply(_points()), affine.apply(_points()), atol=1e-6)
    np.testing.assert_allclose(deformation.inverse(_points()), affine.inverse().apply(_points()), atol=1e-9)
    np.testing.assert_allclose(deformation.jacobian_determinant(_points()), np.linalg.det(affine.linear), rtol=1e-9)


def test_identity_returns_the_same_voxels():
    anatomy = _ball_anatomy()
    same = deform(anatomy, Deformation.from_affine(Affine.identity()))
    np.testing.assert_array_equal(same.ct.data, anatomy.ct.data)
    np.testing.assert_array_equal(same.labels.data, anatomy.labels.data)
    np.testing.assert_allclose(same.landmarks["center"], anatomy.landmarks["center"], atol=1e-6)


@pytest.mark.parametrize("flip", [False, True])
def test_whole_voxel_translation_moves_voxels_and_fills_with_air(flip):
    anatomy = _ball_anatomy(flip=flip)
    moved = deform(anatomy, Deformation.from_affine(Affine.from_parts(np.eye(3), np.array((8.0, 0, -4.0)))))
    step = -2 if flip else 2
    expected = np.roll(anatomy.ct.data, (step, 0, -1), axis=(0, 1, 2))
    inner = (slice(3, -3), slice(None), slice(3, -3))
    np.testing.assert_array_equal(moved.ct.data[inner], expected[inner])
    edge = moved.ct.data[-2:] if flip else moved.ct.data[:2]
    assert (edge == -1000).all()
    np.testing.assert_allclose(moved.landmarks["center"], [18.0, -8.0, 2.0], atol=1e-6)


def test_one_wave_displaces_by_its_amplitude():
    wave = np.array([[2 * np.pi / 150, 0, 0]])
    deformation = Deformation(Affine.identity(), wave, np.array([[0, 5.0, 0]]), np.zeros(1))
    points = np.array([[37.5, 10.0, 0.0], [75.0, 10.0, 0.0]])
    np.testing.assert_allclose(deformation.inverse(points), [[37.5, 15, 0], [75, 10, 0]], atol=1e-9)
    np.testing.assert_allclose(deformation.apply(np.array([[37.5, 15.0, 0.0]])), [[37.5, 10, 0]], atol=1e-6)


def test_inverse_round_trip():
    for seed in range(10):
        deformation = sample_deformation(derive_rng(seed), STRONG, BOUNDS)
        there_and_back = deformation.inverse(deformation.apply(_points()))
        assert np.abs(there_and_back - _points()).max() < 1e-4
        assert np.abs(deformation.apply(deformation.inverse(_points())) - _points()).max() < 0.01


def test_jacobian_matches_finite_differences():
    deformation = sample_deformation(derive_rng(3), STRONG, BOUNDS)
    points, step = _points(50), 1e-3
    columns = [
        (deformation.apply(points + step * axis) - deformation.apply(points - step * axis)) / (2 * step)
        for axis in np.eye(3)
    ]
    expected = np.linalg.det(np.stack(columns, axis=2))
    np.testing.assert_allclose(deformation.jacobian_determinant(points), expected, rtol=2e-3)


@pytest.mark.parametrize(
    "settings", [ShapeVariation(), ShapeVariation(displacement_mm=14.0, wavelength_mm=(90.0, 200.0))]
)
def test_no_draw_folds(settings):
    for seed in range(100):
        deformation = sample_deformation(derive_rng("fold", seed), settings, BOUNDS)
        determinants = np.linalg.det(deformation.inverse_jacobian(_points(3000, seed)))
        assert determinants.min() > 0.3
        assert determinants.max() < 1 / 0.3


def test_displacement_has_the_size_that_was_asked_for():
    settings = ShapeVariation((1.0, 1.0), 0.0, 0.0, 0.0, displacement_mm=5.0)
    squares = []
    for seed in range(40):
        deformation = sample_deformation(derive_rng("rms", seed), settings, BOUNDS)
        waves = np.sin(_points() @ deformation.wave_vectors.T + deformation.phases) @ deformation.amplitudes
        squares.append((waves**2).sum(axis=1).mean())
    assert np.sqrt(np.mean(squares)) == pytest.approx(5.0, rel=0.05)


def test_center_of_the_region_stays():
    deformation = sample_deformation(derive_rng(1), STRONG, BOUNDS)
    np.testing.assert_allclose(deformation.apply(BOUNDS.mean(axis=0, keepdims=True)), [[0, 0, 0]], atol=1e-4)


def test_landmarks_stay_on_their_structures():
    anatomy = _ball_anatomy(fine=3)
    for seed in range(4):
        deformation = shift_into_grid(sample_deformation(derive_rng(seed), STRONG, BOUNDS), anatomy)
        moved = deform(anatomy, deformation)
        voxels = np.argwhere(moved.labels.data == 1).astype(float)
        centroid = moved.ct.world_from_ijk.apply(voxels).mean(axis=0)
        # The centroid of a bent ball, by substitution: its points weighted by the Jacobian determinant.
        ball = anatomy.ct.world_from_ijk.apply(np.argwhere(anatomy.labels.data == 1).astype(float))
        expected = np.average(deformation.apply(ball), axis=0, weights=deformation.jacobian_determinant(ball))
        np.testing.assert_allclose(centroid, expected, atol=0.1)
        index = moved.ct.world_from_ijk.inverse().apply(moved.landmarks["center"][None])[0]
        assert moved.labels.data[tuple(np.round(index).astype(int))] == 1
        exact = deformation.inverse(moved.ct.world_from_ijk.apply(voxels))
        assert np.linalg.norm(exact - anatomy.landmarks["center"], axis=1).max() < 24 + 4 / 3 * np.sqrt(3) / 2 + 0.2


def test_labels_and_hu_stay_consistent():
    anatomy = _ball_anatomy()
    moved = deform(anatomy, sample_deformation(derive_rng(5), STRONG, BOUNDS))
    # HU falls by 10 per mm from the surface, at 40: half a voxel diagonal is 35 HU.
    assert moved.ct.data[moved.labels.data == 1].min() > 40 - 50
    assert moved.ct.data[moved.labels.data == 0].max() < 40 + 50


def test_landmark_that_leaves_the_grid_is_absent_and_others_are_not():
    anatomy = _ball_anatomy()
    gone = deform(anatomy, Deformation.from_affine(Affine.from_parts(np.eye(3), np.array((200.0, 0, 0)))))
    assert gone.absent == {"center"}
    assert not gone.landmarks
    assert not gone.labels.data.any()


def test_shift_keeps_bone_in_the_grid():
    anatomy = _ball_anatomy(center=(60.0, 0.0, 0.0), radius=20.0)
    outward = Deformation.from_affine(Affine.from_parts(np.eye(3), np.array((15.0, 0, 0))))
    lost = deform(anatomy, outward)
    kept = deform(anatomy, shift_into_grid(outward, anatomy))
    assert lost.labels.data.sum() < anatomy.labels.data.sum()
    assert abs(int(kept.labels.data.sum()) - int(anatomy.labels.data.sum())) < 40
    assert kept.landmarks["center"][0] < lost.landmarks["center"][0]


def test_same_seed_same_subject_and_inputs_untouched():
    anatomy = _ball_anatomy()
    before = anatomy.ct.data.copy()
    first, second = (deform(anatomy, sample_deformation(derive_rng(7), STRONG, BOUNDS)) for _ in range(2))
    np.testing.assert_array_equal(first.ct.data, second.ct.data)
    np.testing.assert_array_equal(anatomy.ct.data, before)
    assert not np.array_equal(first.ct.data, before)


def test_read_only_maps_are_accepted():
    anatomy = _ball_anatomy()
    anatomy.ct.data.setflags(write=False)
    anatomy.labels.data.setflags(write=False)
    assert deform(anatomy, Deformation.from_affine(Affine.identity())).labels.data.any()


@pytest.mark.parametrize(
    "settings",
    [
        {"scale_range": (1.1, 0.9)},
        {"scale_range": (0.1, 1.0)},
        {"wavelength_mm": (0.0, 100.0)},
        {"displacement_mm": -1.0},
        {"anisotropy": 0.9},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ShapeVariation(**settings)
