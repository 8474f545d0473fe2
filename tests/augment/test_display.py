"""Display operations and the chest policy: windows and curves, frequency processing, files, sheets."""

from collections import Counter

import numpy as np
import pytest

from synthex.augment import apply_steps, chest
from synthex.augment.display import low_pass
from synthex.augment.geometric import affine_matrix
from synthex.augment.operation import Frame
from synthex.core import ConfigError, Sample, derive_rng

IN_RANGE = {
    "linear_window": {"black_quantile": 0.1, "white_quantile": 0.8},
    "sigmoid_window": {"centre_quantile": 0.4, "width": 0.8},
    "tone_spline": {"strength": 0.7, "seed": 5},
    "local_equalization": {"clip_limit": 3.0, "tiles": 4, "amount": 0.8},
    "unsharp_mask": {"sigma": 0.03, "amount": 2.0},
    "multi_scale_contrast": {"fine": 2.0, "medium": 1.0, "coarse": 0.8, "exponent": 0.7},
    "range_compression": {"sigma": 0.1, "strength": 0.5},
    "vignette": {"strength": 0.4, "x": 0.1, "y": 0.0},
    "jpeg": {"quality": 40.0},
    "quantize": {"levels": 64},
    "resample": {"factor": 0.5, "interpolation": "cubic"},
    "letter_plate": {"text": "L", "plate": "disc", "size": 0.1, "x": 0.0, "y": 0.5, "level": 1.0},
}


def with_image(sample: Sample, image: np.ndarray) -> Sample:
    return Sample(**{**vars(sample), "image": image.astype(np.float32)})


def on_unit(sample: Sample, name: str, **parameters: object) -> tuple[np.ndarray, np.ndarray]:
    """The image before and after on the scale of its range before."""
    low, span = float(sample.image.min()), float(np.ptp(sample.image))
    out = apply_steps(sample, [{"op": name, **parameters}]).image.astype(np.float64)
    return (sample.image.astype(np.float64) - low) / span, (out - low) / span


@pytest.mark.parametrize("name", IN_RANGE)
def test_display_stays_within_the_range_and_leaves_labels(sample, same, name):
    step = {"op": name, **IN_RANGE[name]}
    out = apply_steps(sample, [step])
    assert sample.image.min() - 1e-5 <= out.image.min() < out.image.max() <= sample.image.max() + 1e-5
    assert np.abs(out.image - sample.image).max() > 1e-3
    assert same(Sample(**{**vars(out), "image": sample.image}), sample)
    assert same(apply_steps(sample, [step]), out)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("linear_window", {"black_quantile": 0.1, "white_quantile": 0.8}),
        ("sigmoid_window", {"centre_quantile": 0.3, "width": 0.6}),
        *(("tone_spline", {"strength": 2.0, "seed": seed}) for seed in range(8)),
    ],
)
def test_lookup_tables_are_monotone_and_span_the_range(sample, name, parameters):
    before, after = (values.ravel() for values in on_unit(sample, name, **parameters))
    order = np.argsort(before, kind="stable")
    assert (np.diff(after[order]) >= 0).all()
    assert after.min() == pytest.approx(0, abs=1e-6)
    assert after.max() == pytest.approx(1, abs=1e-6)
    # A lookup table: equal values stay equal.
    doubled = with_image(sample, np.concatenate((sample.image[:32], sample.image[:32])))
    out = apply_steps(doubled, [{"op": name, **parameters}]).image
    assert (out[:32] == out[32:]).all()


def test_linear_window_is_its_closed_form(sample):
    ramp = with_image(sample, np.linspace(0, 1, sample.image.size).reshape(sample.image.shape))
    black, white = np.quantile(ramp.image[::2, ::2], (0.1, 0.8))
    before, after = on_unit(ramp, "linear_window", black_quantile=0.1, white_quantile=0.8)
    np.testing.assert_allclose(after, np.clip((before - black) / (white - black), 0, 1), atol=1e-5)
    assert (after == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (after == 1).mean() == pytest.approx(0.2, abs=0.02)


def test_sigmoid_window_has_the_slope_of_its_width(sample):
    """The slope of 1 / (1 + exp(-4 (x - c) / w)) at c is 1 / w; the stretch divides by what the range leaves."""
    ramp = with_image(sample, np.linspace(0, 1, sample.image.size).reshape(sample.image.shape))
    before, after = on_unit(ramp, "sigmoid_window", centre_quantile=0.5, width=0.5)
    width = 0.5 * 0.9
    left = 1 / (1 + np.exp(2 / width))
    slope = np.gradient(after.ravel(), before.ravel())
    assert slope.max() == pytest.approx(1 / width / (1 - 2 * left), rel=0.01)
    assert before.ravel()[slope.argmax()] == pytest.approx(0.5, abs=0.02)


def test_window_of_one_plateau_is_not_a_division_by_zero(sample):
    image = np.full(sample.image.shape, 0.5)
    image[0, 0], image[-1, -1] = 0, 1
    for name in ("linear_window", "sigmoid_window"):
        _, after = on_unit(with_image(sample, image), name, **IN_RANGE[name])
        assert np.isfinite(after).all()


def test_inversion_twice_is_the_identity(sample):
    twice = apply_steps(sample, [{"op": "inversion"}, {"op": "inversion"}])
    np.testing.assert_allclose(twice.image, sample.image, atol=2e-6 * np.ptp(sample.image))


def test_jpeg_errs_less_at_higher_quality(sample_of):
    sample = sample_of(192, 192)
    errors = []
    for quality in (10, 30, 50, 70, 90, 100):
        before, after = on_unit(sample, "jpeg", quality=quality)
        errors.append(np.sqrt(((after - before) ** 2).mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1 / 255
    assert errors[0] > 4 * errors[-1]


def test_quantize_has_its_levels(sample):
    before, after = on_unit(sample, "quantize", levels=16)
    assert len(np.unique(np.round(after * 15, 3))) == 16
    assert np.abs(after - before).max() <= 0.5 / 15 + 1e-5


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lanczos"])
def test_resampling_does_not_shift(sample_of, interpolation):
    sample = sample_of(96, 96)
    rows, columns = np.mgrid[:96, :96]
    spot = np.exp(-((rows - 40.5) ** 2 + (columns - 55.5) ** 2) / 200)
    _, after = on_unit(with_image(sample, spot), "resample", factor=0.5, interpolation=interpolation)
    centre = [(after * axis).sum() / after.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(centre, (40.5, 55.5), atol=0.15)


@pytest.mark.parametrize("sigma_px", [0.8, 3.0, 9.0, 24.0])
def test_low_pass_attenuates_a_wave_as_a_gaussian_does(sigma_px):
    period = 4 * np.pi * sigma_px / np.sqrt(2 * np.log(2) * 4)  # where the Gaussian passes 1/2
    columns = np.arange(int(20 * period))
    wave = np.tile(np.cos(2 * np.pi * columns / period), (200, 1)).astype(np.float32)
    inner = low_pass(wave, sigma_px)[100, len(columns) // 4 : -len(columns) // 4]
    expected = np.exp(-0.5 * (2 * np.pi * sigma_px / period) ** 2)
    assert np.ptp(inner) / 2 == pytest.approx(expected, abs=0.06)


def test_unsharp_mask_overshoots_at_an_edge_and_leaves_plateaus(sample):
    image = np.full((64, 80), 0.3)
    image[:, 40:] = 0.7
    image[0, 0], image[0, 79] = 0, 1
    _, after = on_unit(with_image(sample, image), "unsharp_mask", sigma=0.03, amount=1.0)
    assert after[32, 40] > 0.8
    assert after[32, 39] < 0.2
    np.testing.assert_allclose(after[32, [10, 70]], (0.3, 0.7), atol=0.01)


def test_unit_gains_and_exponent_are_the_identity(sample):
    before, after = on_unit(sample, "multi_scale_contrast", fine=1.0, medium=1.0, coarse=1.0, exponent=1.0)
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_range_compression_lets_detail_win(sample_of):
    sample = sample_of(160, 160)
    rows, columns = np.mgrid[:160, :160]
    step = (columns > 80).astype(float)
    ripple = 0.1 * np.cos(2 * np.pi * rows / 6)
    before, after = on_unit(with_image(sample, step + ripple), "range_compression", sigma=0.08, strength=0.6)

    def ratio(values: np.ndarray) -> float:
        plateaus = values[:, 130:155].mean() - values[:, 5:30].mean()
        return values[:, 140].std() / plateaus

    assert ratio(after) == pytest.approx(ratio(before) / 0.4, rel=0.1)


def test_vignette_is_its_closed_form(sample):
    before, after = on_unit(sample, "vignette", strength=0.3, x=0.0, y=0.0)
    height, width = before.shape
    rows, columns = np.mgrid[:height, :width] + 0.5
    square = ((rows - height / 2) ** 2 + (columns - width / 2) ** 2) / ((height**2 + width**2) / 4)
    np.testing.assert_allclose(after, before * (1 - 0.3 * square), atol=1e-5)


def test_local_equalization_raises_local_contrast_and_blends(sample_of):
    sample = sample_of(96, 96)
    rows, columns = np.mgrid[:96, :96]
    image = with_image(sample, columns / 95 + 0.02 * np.cos(rows))
    _, full = on_unit(image, "local_equalization", clip_limit=4.0, tiles=4, amount=1.0)
    before, half = on_unit(image, "local_equalization", clip_limit=4.0, tiles=4, amount=0.5)
    np.testing.assert_allclose(half, (before + full) / 2, atol=1e-5)
    assert full[:, 48].std() > 1.5 * before[:, 48].std()


def pose(**changes: float) -> dict[str, float]:
    still = {"rotation_deg": 0.0, "direction_deg": 0.0, "distance_mm": 0.0, "shear_x_deg": 0.0, "shear_y_deg": 0.0}
    return {**still, "scale": 1.0, "aspect": 1.0, **changes}


def test_aspect_keeps_the_area_and_changes_width_over_height():
    frame = Frame(64, 80, 1.0, 1.0, "log")
    matrix = affine_matrix(frame, **pose(aspect=1.1, scale=0.9))
    assert matrix[0, 0] / matrix[1, 1] == pytest.approx(1.1)
    assert np.linalg.det(matrix) == pytest.approx(0.81)
    plain = {key: value for key, value in pose(rotation_deg=5.0).items() if key != "aspect"}
    np.testing.assert_array_equal(affine_matrix(frame, **plain), affine_matrix(frame, **plain, aspect=1.0))


@pytest.mark.parametrize("level", [-0.3, 0.0, 1.0, 1.3])
def test_a_frame_shows_the_sheet_and_ends_the_masks(sample, level):
    masks = np.ones((1, *sample.image.shape), dtype=bool)
    whole = Sample(**{**vars(sample), "masks": masks})
    _, after = on_unit(whole, "framed_affine", **pose(scale=0.5), level=level)
    out = apply_steps(whole, [{"op": "framed_affine", **pose(scale=0.5), "level": level}])
    np.testing.assert_allclose(after[:14], level, atol=1e-5)
    np.testing.assert_allclose(after[:, -18:], level, atol=1e-5)
    assert not out.masks[0, :15].any()
    assert out.masks[0, 17:47, 21:59].all()
    seen = sample.visible
    np.testing.assert_allclose(out.landmarks[seen], (sample.landmarks[seen] + (40, 32)) / 2, atol=1e-5)
    # What is inside is what the mirrored move puts there.
    inside = apply_steps(whole, [{"op": "affine", **pose(scale=0.5)}]).image
    np.testing.assert_allclose(out.image[17:47, 21:59], inside[17:47, 21:59], atol=1e-5)


@pytest.mark.parametrize("plate", ["box", "disc"])
def test_a_plate_bears_its_letter(sample, plate):
    place = {"text": "R", "size": 0.2, "x": 0.5, "y": 0.5, "level": 1.0}
    before, after = on_unit(sample, "letter_plate", plate=plate, **place)
    changed = np.abs(after - before) > 1e-4
    assert 0.02 < changed.mean() < 0.4
    assert (after[changed] > 0.99).any()
    assert (after[changed] < 0.01).any()


def test_every_chest_sample_has_a_window_and_a_file():
    counts: Counter[str] = Counter()
    policy, total = chest(), 3000
    for index in range(total):
        names = [step["op"] for step in policy.draw(derive_rng(3, index))]
        files = [name for name in names if name in ("jpeg", "quantize")]
        windows = [name for name in names if name in ("linear_window", "sigmoid_window")]
        assert len(windows) == len(files) == 1
        assert names.index(windows[0]) < names.index(files[0])
        counts.update(set(names))
    for name, expected in (("jpeg", 0.7), ("linear_window", 0.5), ("framed_affine", 0.8 * 0.2), ("vignette", 0.2)):
        assert abs(counts[name] / total - expected) < 4 * np.sqrt(expected * (1 - expected) / total), name


def test_strong_follows_behind_its_gate():
    closed = chest(strong_gate=1e-12, inversion_p=1e-12)
    opened = chest(strong_gate=1.0, strong_p=1.0)
    behind = {"impulse_noise", "salt_and_pepper", "coarse_salt_and_pepper"}
    for index in range(200):
        assert not behind & {step["op"] for step in closed.draw(derive_rng(index))}
        names = [step["op"] for step in opened.draw(derive_rng(index))]
        assert behind & set(names)
        file = next(place for place, name in enumerate(names) if name in ("jpeg", "quantize"))
        assert names[file + 1] == "inversion"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chest(display_p=0), "display_p=0 must be above 0"),
        (lambda: chest(white_quantile=(0.3, 1.0)), "white_quantile"),
        (lambda: chest(jpeg_quality=(0, 90)), "jpeg_quality"),
        (lambda: chest(aspect=(0.1, 1.0)), "aspect"),
        (lambda: chest(gamma=(0.0, 1.0)), "gamma"),
        (lambda: chest(without=["wndow"]), "'wndow' does not exist; choose from window"),
    ],
)
def test_settings_of_chest_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
