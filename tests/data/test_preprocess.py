import numpy as np
import pytest
import torch
from generators.samples import make_sample

from synthex.core import ConfigError
from synthex.data import fit, normalize, preprocess, to_log


@pytest.mark.parametrize(
    ("height", "width", "size"), [(20, 30, 64), (30, 20, 64), (64, 64, 64), (359, 360, 192), (7, 200, 64)]
)
def test_pixel_map_round_trip_and_corners(height, width, size):
    where = fit(height, width, size)
    corners = np.array(((0.0, 0.0), (width, height), (3.25, 4.5)))
    assert np.allclose(where.to_native(where.to_network(corners)), corners, atol=1e-9)
    inside = where.to_network(corners)
    assert inside.min() >= 0
    assert inside.max() <= size


def test_points_follow_the_pixels_of_an_image_that_is_not_square():
    """1001 x 1536 to 128: 83.4 rows become 83, and the image's lower right corner is that of the last of them."""
    where = fit(1001, 1536, 128)
    assert where.crop() == (slice(22, 105), slice(0, 128))
    assert np.allclose(where.to_network(np.array(((0.0, 0.0), (1536.0, 1001.0)))), ((0, 22), (128, 105)))
    assert np.allclose(where.to_native(np.array(((64.0, 22 + 83 / 2),))), ((768, 500.5),))


def test_the_studys_tool_images_are_padded_by_16_pixels():
    """480 x 480 in a 512 x 512 input: nothing is resampled, points move by 16 and come back exactly."""
    sample = make_sample(3, 480, 480)
    tensors, where = preprocess(sample, 480, input_size=512)
    inside = slice(16, 496)
    assert where.crop() == (inside, inside)
    assert where.scale == 1
    assert tensors["image"].shape == (1, 512, 512)
    assert np.array_equal(tensors["image"][0, inside, inside].numpy(), normalize(sample.image))
    assert np.array_equal(tensors["masks"][:, inside, inside].numpy(), sample.masks)
    assert tensors["masks"].sum() == sample.masks.sum()  # nothing in the padding
    assert np.array_equal(where.to_network(sample.landmarks[:2]), sample.landmarks[:2] + 16)
    assert np.allclose(where.to_native(tensors["landmarks"][:2].numpy()), sample.landmarks[:2], atol=2e-5)  # float32
    assert tensors["pixel_mm"] == pytest.approx(sample.pixel_mm)
    image = tensors["image"][0]
    assert torch.equal(image[:16, inside], image[16:17, inside].expand(16, -1))
    assert torch.equal(image[:, 496:], image[:, 495:496].expand(-1, 16))


@pytest.mark.parametrize(("height", "width", "size", "side"), [(359, 360, 96, 128), (20, 30, 45, 64), (7, 200, 33, 40)])
def test_a_padded_image_is_the_unpadded_one_in_a_frame(height, width, size, side):
    sample = make_sample(2, max(height, 13), max(width, 17))
    plain, _ = preprocess(sample, size)
    framed, where = preprocess(sample, size, input_size=side)
    rows, columns = where.crop()
    own_rows, own_columns = preprocess(sample, size)[1].crop()
    assert framed["image"].shape == (1, side, side)
    for name in ("image", "masks"):
        assert torch.equal(framed[name][:, rows, columns], plain[name][:, own_rows, own_columns])
    moved = framed["landmarks"][:2] - plain["landmarks"][:2]
    assert np.allclose(moved, (columns.start - own_columns.start, rows.start - own_rows.start), atol=1e-4)
    assert framed["pixel_mm"] == plain["pixel_mm"]
    corners = np.array(((0.0, 0.0), sample.image.shape[::-1]))
    assert np.allclose(where.to_native(where.to_network(corners)), corners, atol=1e-9)


@pytest.mark.parametrize("shape", [(20, 30), (32, 32), (41, 23)])
def test_without_an_input_size_nothing_changes(shape):
    sample = make_sample(6, *shape)
    default, where = preprocess(sample, 32)
    same, again = preprocess(sample, 32, input_size=32)
    assert where == again
    for name, value in default.items():
        assert value.numpy().tobytes() == same[name].numpy().tobytes(), name


def test_images_are_not_cut_to_the_input():
    with pytest.raises(ConfigError, match=r"data\.input_size=448 is smaller than data\.size=480"):
        preprocess(make_sample(0), 480, input_size=448)


def test_a_mask_and_its_centre_move_together():
    sample = make_sample(3)
    tensors, where = preprocess(sample, 96)
    rows, columns = np.nonzero(tensors["masks"][0].numpy())
    centroid = np.array((columns.mean() + 0.5, rows.mean() + 0.5))
    assert np.hypot(*(centroid - tensors["landmarks"][0].numpy())) < 0.5
    assert tensors["pixel_mm"] == pytest.approx(sample.pixel_mm * 30 / 96)
    assert where.scale == pytest.approx(96 / 30)


def test_native_size_is_left_alone():
    sample = make_sample(1, 32, 32)
    tensors, _ = preprocess(sample, 32)
    assert np.array_equal(tensors["masks"].numpy(), sample.masks)
    assert np.allclose(tensors["image"][0].numpy(), normalize(sample.image))
    assert np.allclose(tensors["landmarks"][:2].numpy(), sample.landmarks[:2])


def test_statistics_ignore_padding():
    tensors, where = preprocess(make_sample(2), 60)
    rows, columns = where.crop()
    inner = tensors["image"][0, rows, columns]
    assert abs(float(inner.mean())) < 0.05
    assert float(inner.std()) == pytest.approx(1, abs=0.1)


def test_both_domains_give_the_same_input():
    log, intensity = make_sample(4, 32, 32), make_sample(4, 32, 32, domain="intensity")
    a, _ = preprocess(log, 32)
    b, _ = preprocess(intensity, 32)
    assert np.allclose(a["image"].numpy(), b["image"].numpy(), atol=1e-4)


def test_gain_and_offset_do_not_matter():
    image = make_sample(5).image
    assert np.allclose(normalize(image), normalize(3 * image + 7), atol=1e-4)


def test_constant_and_black_images_stay_finite():
    constant = np.full((8, 8), 3.0, dtype=np.float32)
    assert not normalize(constant).any()
    sample = make_sample(0, 32, 32, domain="intensity")
    object.__setattr__(sample, "image", np.zeros((32, 32), dtype=np.float32))
    assert np.isfinite(to_log(sample)).all()


def test_invisible_landmarks_are_nan():
    tensors, _ = preprocess(make_sample(0), 64)
    assert np.isnan(tensors["landmarks"][2:].numpy()).all()
    assert tensors["annotated"].tolist() == [True, True, True, False]
