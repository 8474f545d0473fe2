"""The affine move: matrix, image, masks and landmarks agree."""

import numpy as np
import pytest

from synthex.augment import apply_steps
from synthex.augment.adapter import from_albumentations, to_albumentations
from synthex.augment.geometric import affine_matrix
from synthex.augment.operation import Frame
from synthex.core import Sample, derive_rng

STILL = {
    "rotation_deg": 0.0,
    "direction_deg": 0.0,
    "distance_mm": 0.0,
    "shear_x_deg": 0.0,
    "shear_y_deg": 0.0,
    "scale": 1.0,
}


def move(**changes: float) -> dict[str, object]:
    return {"op": "affine", **STILL, **changes}


def one_point(column: float, row: float, height: int = 96, width: int = 128, pixel_mm: float = 1.0) -> Sample:
    """A Gaussian blob, a disc and a landmark at one place."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(columns - column, rows - row)
    return Sample(
        "case",
        "subject",
        np.exp(-0.5 * (distance / 2.5) ** 2).astype(np.float32),
        "log",
        (distance < 6)[None],
        np.array([[column, row]]),
        np.array([True]),
        np.array([True]),
        pixel_mm,
    )


def centre_of_mass(image: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    weights = image.astype(np.float64)
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def test_landmark_matches_closed_form():
    height, width, pixel_mm = 96, 128, 0.5
    sample = one_point(80.25, 30.75, height, width, pixel_mm)
    step = move(rotation_deg=5.0, direction_deg=30.0, distance_mm=4.0, shear_x_deg=2.0, shear_y_deg=-1.0, scale=1.1)
    out = apply_steps(sample, [step])
    x, y = 80.25 - width / 2, 30.75 - height / 2
    angle = np.deg2rad(5.0)
    turned = 1.1 * np.array([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y])
    sheared = np.array(
        [turned[0] + np.tan(np.deg2rad(2.0)) * turned[1], turned[1] - np.tan(np.deg2rad(1.0)) * turned[0]]
    )
    moved = sheared + 4.0 / pixel_mm * np.array([np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30))])
    np.testing.assert_allclose(out.landmarks[0], moved + np.array([width / 2, height / 2]), atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_image_and_mask_follow_the_landmark(seed: int):
    rng = derive_rng(seed, "affine")
    sample = one_point(rng.uniform(45, 83), rng.uniform(38, 58))
    step = move(
        rotation_deg=rng.uniform(-15, 15),
        direction_deg=rng.uniform(0, 360),
        distance_mm=rng.uniform(0, 12),
        shear_x_deg=rng.uniform(-4, 4),
        shear_y_deg=rng.uniform(-4, 4),
        scale=rng.uniform(0.9, 1.1),
    )
    out = apply_steps(sample, [step])
    assert np.abs(centre_of_mass(out.image) - out.landmarks[0]).max() <= 0.05
    # Nearest: each pixel asks where its centre came from, and takes the pixel that it falls in.
    frame = Frame(*sample.image.shape, 1.0, 1.0, "log")
    matrix = affine_matrix(frame, **{key: value for key, value in step.items() if key != "op"})
    rows, columns = np.mgrid[: frame.height, : frame.width] + 0.5
    source = np.tensordot(np.linalg.inv(matrix)[:2], np.stack([columns, rows, np.ones_like(rows)]), 1)
    column, row = np.floor(source).astype(int)
    inside = (row >= 0) & (row < frame.height) & (column >= 0) & (column < frame.width)
    expected = np.zeros_like(inside)
    expected[inside] = sample.masks[0][row[inside], column[inside]]
    assert (out.masks[0] ^ expected)[inside].sum() <= 1  # a tie within rounding


def test_whole_pixel_shift_is_exact_with_mirrored_border_for_image_and_masks(sample):
    shifted = apply_steps(sample, [move(distance_mm=3 * sample.pixel_mm)])
    mirrored = np.pad(sample.image, ((0, 0), (3, 0)), mode="reflect")[:, : sample.image.shape[1]]
    np.testing.assert_allclose(shifted.image, mirrored, atol=2e-5)
    masks = np.pad(sample.masks, ((0, 0), (0, 0), (3, 0)), mode="reflect")[:, :, : sample.image.shape[1]]
    np.testing.assert_array_equal(shifted.masks, masks)


def test_identity_changes_no_bit(sample, same):
    assert same(apply_steps(sample, [move()]), sample)


def test_translation_is_the_same_length_in_mm_at_any_pixel_size():
    for pixel_mm in (0.388, 0.776, 1.552):
        frame = Frame(180, 180, pixel_mm, 1.0, "log")
        matrix = affine_matrix(frame, **{**STILL, "distance_mm": 15.5, "direction_deg": 90.0})
        np.testing.assert_allclose(matrix[:2, 2] * pixel_mm, (0, 15.5), atol=1e-9)


@pytest.mark.parametrize(
    ("column", "row", "direction_deg", "distance", "stays"),
    [
        (2.0, 50.0, 180.0, 1.9, True),
        (2.0, 50.0, 180.0, 2.1, False),
        (126.0, 50.0, 0.0, 1.9, True),
        (126.0, 50.0, 0.0, 2.1, False),
        (60.0, 1.0, 270.0, 0.9, True),  # the original lost points in the top rows …
        (60.0, 1.0, 270.0, 1.1, False),
        (60.0, 95.0, 90.0, 0.9, True),
        (60.0, 95.0, 90.0, 1.1, False),  # … and kept points below the image
    ],
)
def test_landmark_that_leaves_becomes_not_visible(column, row, direction_deg, distance, stays):
    out = apply_steps(one_point(column, row), [move(direction_deg=direction_deg, distance_mm=distance)])
    assert out.visible[0] == stays
    assert np.isfinite(out.landmarks[0]).all() == stays
    assert out.annotated[0]


def test_invisible_landmark_stays_invisible_even_if_it_has_a_position(sample):
    landmarks = sample.landmarks.copy()
    landmarks[3] = (-2.0, 20.0)
    hidden = Sample(**{**vars(sample), "landmarks": landmarks})
    out = apply_steps(hidden, [move(distance_mm=10 * sample.pixel_mm)])
    assert not out.visible[3]
    assert np.isnan(out.landmarks[3]).all()
    np.testing.assert_array_equal(out.annotated, sample.annotated)


def test_adapter_round_trip(sample, same):
    assert same(from_albumentations(sample, to_albumentations(sample)), sample)


def test_sample_without_masks_or_landmarks(sample):
    bare = Sample(
        "case",
        "subject",
        sample.image,
        "log",
        sample.masks[:0],
        sample.landmarks[:0],
        sample.visible[:0],
        sample.annotated[:0],
        1.0,
    )
    out = apply_steps(bare, [move(rotation_deg=3.0)])
    assert out.masks.shape == (0, *sample.image.shape)
    assert out.landmarks.shape == (0, 2)


def test_image_is_not_quantised():
    sample = one_point(60.3, 50.7)
    ramp = np.linspace(0, 1, sample.image.size, dtype=np.float32).reshape(sample.image.shape)
    out = apply_steps(Sample(**{**vars(sample), "image": ramp}), [move(rotation_deg=2.0)])
    assert len(np.unique(out.image)) > 8000  # the original came back with 256 grey levels
