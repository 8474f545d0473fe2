"""The radiograph policy: the same at any native size, frames that labels follow, fields where they belong."""

from collections import Counter

import numpy as np
import pytest

from synthex.augment import Policy, apply_steps, radiograph, strong
from synthex.augment.framing import EDGE, MIRROR
from synthex.core import ConfigError, Sample, derive_rng
from synthex.data import preprocess

WHOLE = {"width": 1.0, "height": 1.0, "x": 0.5, "y": 0.5, "rotation_deg": 0.0, "squeeze": 1.0, "border": 0.0}


def picture(pixels: int, rows: int = 0) -> Sample:
    """One band-limited scene sampled by ``pixels`` columns, with two discs as masks and their centres as landmarks."""
    height = rows or pixels
    y, x = (np.mgrid[:height, :pixels] + 0.5) / pixels
    image = 2 + np.sin(9 * x + 2 * y) + 0.7 * np.cos(14 * y) * np.sin(17 * x) + 2 * np.exp(-((x - 0.4) ** 2 + y**2) * 9)
    centres = np.array([(0.31, 0.42), (0.68, 0.55)])
    masks = np.stack([np.hypot(x - column, y - row) < 0.15 for column, row in centres])
    flags = np.ones(2, dtype=bool)
    return Sample("case", "one", image.astype(np.float32), "log", masks, centres * pixels, flags, flags, 256 / pixels)


@pytest.mark.parametrize("policy", [radiograph(size=128, strong_gate=1.0), strong(size=128, gate=1.0)])
def test_the_network_sees_the_same_at_any_native_size(policy: Policy):
    """Within a twentieth of a standard deviation, four times the pixels or not.

    What is left is the resampling filter's, and a grey level of JPEG or of a narrow window that falls the other way.
    """
    small, large = picture(128), picture(512)
    errors = []
    for index in range(60):
        one, other = (preprocess(policy(sample, derive_rng(3, index)), 128)[0] for sample in (small, large))
        errors.append(float((one["image"] - other["image"]).abs().mean()))
        assert (one["masks"] != other["masks"]).float().mean() < 0.01
        np.testing.assert_allclose(one["landmarks"], other["landmarks"], atol=1e-3)
        assert (one["visible"] == other["visible"]).all()
        assert float(one["pixel_mm"]) == pytest.approx(float(other["pixel_mm"]))
    assert max(errors) < 0.05


def test_native_pixels_are_augmented_where_no_size_is_given():
    small, large = (strong(gate=1.0)(picture(pixels), derive_rng(0)) for pixels in (128, 512))
    assert (small.image.shape, large.image.shape) == ((128, 128), (512, 512))


def test_resizing_keeps_the_picture_and_its_size_in_mm():
    sample = picture(300, 249)
    out = apply_steps(sample, [{"op": "resize", "size": 100}])
    assert out.image.shape == (83, 100)
    assert out.pixel_mm * 100 == pytest.approx(sample.pixel_mm * 300)
    np.testing.assert_allclose(out.landmarks, sample.landmarks * (1 / 3, 83 / 249))
    for mask, point in zip(out.masks, out.landmarks, strict=True):
        rows, columns = np.nonzero(mask)
        np.testing.assert_allclose((columns.mean() + 0.5, rows.mean() + 0.5), point, atol=0.3)


@pytest.mark.parametrize("border", [0.0, 1.3, MIRROR, EDGE])
@pytest.mark.parametrize(
    "window",
    [
        {"width": 0.7, "height": 0.9, "x": 0.3, "y": 0.8},
        {"width": 1.5, "height": 1.1, "x": 0.2, "y": 1.0},
        {"rotation_deg": 12.0, "squeeze": 1.06},
        {"width": 0.8, "height": 0.8, "rotation_deg": -12.0, "squeeze": 0.94, "x": 0.0},
    ],
)
def test_labels_follow_the_window(window, border):
    """Bright spots at the landmarks are found where the landmarks say, as are the masks around them."""
    sample = picture(160)
    y, x = np.mgrid[:160, :160] + 0.5
    spots = sum(np.exp(-((x - column) ** 2 + (y - row) ** 2) / 18) for column, row in sample.landmarks)
    sample = Sample(**{**vars(sample), "image": spots.astype(np.float32)})
    out = apply_steps(sample, [{"op": "crop", **WHOLE, **window, "border": border}])
    assert max(out.image.shape) == 160
    rows, columns = np.mgrid[: out.image.shape[0], : out.image.shape[1]] + 0.5
    for point, mask in zip(out.landmarks, out.masks, strict=True):
        near = np.hypot(columns - point[0], rows - point[1]) < 12
        weight = out.image * near
        found = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()
        np.testing.assert_allclose(found, point, atol=0.1)
        if border not in (MIRROR, EDGE) and not (mask[[0, -1]].any() or mask[:, [0, -1]].any()):
            np.testing.assert_allclose((columns[mask].mean(), rows[mask].mean()), point, atol=0.5)


def test_a_sheet_shows_its_level_and_no_bone():
    sample = picture(100)
    sample = Sample(**{**vars(sample), "masks": np.ones((1, 100, 100), dtype=bool)})
    out = apply_steps(sample, [{"op": "crop", **WHOLE, "width": 2.0, "height": 2.0, "x": 0.5, "y": 0.5, "border": 1.3}])
    low, high = sample.image.min(), sample.image.max()
    np.testing.assert_allclose(out.image[:24], low + 1.3 * (high - low), rtol=1e-5)
    assert not out.masks[:, :24].any()
    assert out.masks[0, 26:74, 26:74].all()
    np.testing.assert_allclose(out.landmarks, sample.landmarks / 2 + 25, atol=1e-6)


def test_points_outside_of_a_crop_are_not_visible():
    out = apply_steps(picture(100), [{"op": "crop", **WHOLE, "width": 0.5, "x": 0.0}])
    assert out.image.shape == (100, 50)
    assert out.visible.tolist() == [True, False]
    assert np.isnan(out.landmarks[1]).all()


def test_the_whole_picture_is_no_resampling(same):
    sample = picture(90, 70)
    assert same(apply_steps(sample, [{"op": "crop", **WHOLE}]), sample)


def test_intensities_become_what_preprocessing_makes_of_them():
    sample = picture(64)
    intensity = Sample(**{**vars(sample), "image": np.exp(-sample.image), "domain": "intensity"})
    out = apply_steps(intensity, [{"op": "line_integral"}])
    assert out.domain == "log"
    np.testing.assert_array_equal(preprocess(out, 64)[0]["image"], preprocess(intensity, 64)[0]["image"])


def test_a_dark_picture_can_stay_dark():
    sample = picture(64)
    dark = Sample(**{**vars(sample), "image": -sample.image, "domain": "intensity"})
    out = apply_steps(dark, [{"op": "as_shown"}])
    assert out.domain == "log"
    assert (out.image == dark.image).all()


def shown(sample: Sample, name: str, **parameters: object) -> np.ndarray:
    """The image after one step, on the scale of its range before."""
    low, span = sample.image.min(), np.ptp(sample.image)
    return (apply_steps(sample, [{"op": name, **parameters}]).image - low) / span


def test_a_round_field_is_a_circle():
    y, x = np.mgrid[:120, :200] + 0.5
    distance = np.hypot(x - 100 - 0.1 * 60, y - 60)
    sample = picture(200, 120)
    out = shown(sample, "round_field", radius=0.9, x=0.1, y=0.0, rim=0.0, level=-0.3)
    np.testing.assert_allclose(out[distance > 55], -0.3, atol=1e-5)
    inside = distance < 52
    np.testing.assert_allclose(out[inside], shown(sample, "quantize", levels=2**20)[inside], atol=1e-5)


@pytest.mark.parametrize(("leaves", "share"), [(1, 0.25), (2, 0.5)])
def test_leaves_cover_what_lies_beyond_them(leaves, share):
    out = shown(picture(200), "shutter", leaves=leaves, position=0.5, angle_deg=90.0, level=2.0)
    assert (out > 1.99).mean() == pytest.approx(share, abs=0.02)
    assert (out[-40:] > 1.99).all()


@pytest.mark.parametrize("corner", range(4))
def test_corners_are_covered(corner):
    out = shown(picture(200), "corner_mask", corner=corner, shape="box", width=0.2, height=0.1, level=2.0) > 1.99
    assert out.sum() == 40 * 20
    assert out[(0, 0, -1, -1)[corner], (0, -1, -1, 0)[corner]]
    half = shown(picture(200), "corner_mask", corner=corner, shape="triangle", width=0.2, height=0.1, level=2.0) > 1.99
    assert half.sum() == pytest.approx(400, abs=25)
    assert not (half & ~out).any()


def test_a_seam_changes_one_side():
    sample = picture(100)
    before = shown(sample, "quantize", levels=2**20)
    parameters = {"position": 0.0, "gain": 0.5, "offset": 0.1, "line": 0.0, "level": 0.0}
    after = shown(sample, "seam", angle_deg=0.0, **parameters)
    np.testing.assert_allclose(after[:, :50], before[:, :50], atol=1e-5)
    np.testing.assert_allclose(after[:, 50:], 0.5 * before[:, 50:] + 0.1, atol=1e-5)


def test_every_sample_has_a_window_and_a_file_and_frames_vary():
    counts: Counter[str] = Counter()
    policy, total, aspects = radiograph(size=64), 2000, []
    for index in range(total):
        steps = policy.draw(derive_rng(3, index))
        names = [step["op"] for step in steps]
        assert names[0] in ("line_integral", "as_shown")
        assert names[1] == "resize"
        windows = [name for name in names if name in ("linear_window", "sigmoid_window")]
        files = [name for name in names if name in ("jpeg", "quantize")]
        assert len(windows) == len(files) == 1
        assert names.index("crop") < names.index(files[0]) if "crop" in names else True
        aspects += [step["width"] / step["height"] for step in steps if step["op"] == "crop"]
        counts.update(set(names))
    assert "affine" not in counts
    for name, expected in (("crop", 0.8), ("inversion", 0.3), ("linear_window", 0.75), ("jpeg", 0.7), ("seam", 0.03)):
        assert abs(counts[name] / total - expected) < 4 * np.sqrt(expected * (1 - expected) / total), name
    assert min(aspects) < 0.65
    assert max(aspects) > 1.55


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: radiograph(size=0), "size=0 must be a number of pixels"),
        (lambda: strong(size=7), "size=7 must be a number of pixels"),
        (lambda: radiograph(max_rotation_deg=400), "max_rotation_deg=400"),
        (lambda: radiograph(crop=(0.5, 1.2)), "crop"),
        (lambda: radiograph(without=["affine"]), "'affine' does not exist"),
    ],
)
def test_settings_of_radiograph_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
