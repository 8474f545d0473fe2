"""Each operation against its closed form or law."""

import numpy as np
import pytest

from synthex.augment import OPERATION_NAMES, apply_steps, chest, extreme, radiograph, regular, strong
from synthex.core import Sample, derive_rng


def with_image(sample: Sample, image: np.ndarray, domain: str = "log") -> Sample:
    return Sample(**{**vars(sample), "image": image.astype(np.float32), "domain": domain})


def unit(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """``image`` on the scale on which ``like`` spans [0, 1]."""
    low, high = float(like.min()), float(like.max())
    return (image.astype(np.float64) - low) / (high - low)


CURVES = {
    "inversion": ({}, lambda u: 1 - u),
    "gamma": ({"exponent": 1.7}, lambda u: u**1.7),
    "linear_contrast": ({"factor": 1.6}, lambda u: np.clip(0.5 + 1.6 * (u - 0.5), 0, 1)),
    "log_contrast": ({"gain": 0.8}, lambda u: 0.8 * np.log2(1 + u)),
    "sigmoid_contrast": ({"gain": 6.0, "cutoff": 0.45}, lambda u: 1 / (1 + np.exp(6.0 * (0.45 - u)))),
    "multiply_image": ({"factor": 1.3}, lambda u: np.clip(1.3 * u, 0, 1)),
}


@pytest.mark.parametrize("scale", [1.0, 1e-4, 5e4])
@pytest.mark.parametrize("name", CURVES)
def test_grey_value_curves(sample, name, scale):
    parameters, curve = CURVES[name]
    image = (sample.image * scale - 7 * scale).astype(np.float32)
    out = apply_steps(with_image(sample, image), [{"op": name, **parameters}])
    np.testing.assert_allclose(unit(out.image, image), curve(unit(image, image)), atol=3e-6)


@pytest.mark.parametrize("width_px", [4, 5, 6])
def test_box_blur_is_a_centred_mean(sample, width_px):
    impulse = np.zeros(sample.image.shape)
    impulse[30, 40] = 1
    out = apply_steps(with_image(sample, impulse), [{"op": "box_blur", "width_px": width_px}]).image
    np.testing.assert_allclose(out.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(out[30, 40], 1 / width_px**2, rtol=1e-5)
    rows, columns = np.mgrid[: out.shape[0], : out.shape[1]]
    np.testing.assert_allclose([(out * rows).sum(), (out * columns).sum()], [30, 40], atol=1e-4)


def test_gaussian_blur_has_its_variance(sample):
    impulse = np.zeros(sample.image.shape)
    impulse[32, 40] = 1
    out = apply_steps(with_image(sample, impulse), [{"op": "gaussian_blur", "sigma_px": 2.0}]).image
    columns = np.arange(out.shape[1]) - 40
    assert (out * columns**2).sum() / out.sum() == pytest.approx(4.0, rel=0.02)
    assert (out * columns).sum() == pytest.approx(0, abs=1e-4)


def test_blur_of_sigma_zero_is_the_identity(sample, same):
    out = apply_steps(sample, [{"op": "gaussian_blur", "sigma_px": 0.0}])
    np.testing.assert_allclose(out.image, sample.image, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "kernel"),
    [
        (
            {"op": "sharpen", "alpha": 0.6, "lightness": 1.2},
            0.4 * np.eye(3)[1][:, None] * np.eye(3)[1] + 0.6 * np.array([[-1, -1, -1], [-1, 9.2, -1], [-1, -1, -1]]),
        ),
        (
            {"op": "emboss", "alpha": 0.5, "strength": 1.5},
            0.5 * np.eye(3)[1][:, None] * np.eye(3)[1]
            + 0.5 * np.array([[-2.5, -1.5, 0], [-1.5, 1, 1.5], [0, 1.5, 2.5]]),
        ),
    ],
)
def test_convolutions(sample, step, kernel):
    values = unit(sample.image, sample.image)
    windows = np.lib.stride_tricks.sliding_window_view(values, (3, 3))
    expected = np.clip((windows * kernel).sum(axis=(2, 3)), 0, 1)
    out = unit(apply_steps(sample, [step]).image, sample.image)
    np.testing.assert_allclose(out[1:-1, 1:-1], expected, atol=5e-6)


@pytest.mark.parametrize("size_px", [2, 4])
@pytest.mark.parametrize(
    ("name", "statistic"),
    [("average_pool", np.mean), ("max_pool", np.max), ("min_pool", np.min), ("median_pool", np.median)],
)
def test_pooling(sample_of, name, statistic, size_px):
    sample = sample_of(63, 81)  # not a multiple of the block
    out = apply_steps(sample, [{"op": name, "size_px": size_px}]).image
    assert out.shape == sample.image.shape
    for row, column in ((0, 0), (20, 40), (36, 76)):
        block = np.s_[row : row + size_px, column : column + size_px]
        np.testing.assert_allclose(out[block], statistic(sample.image[block]), rtol=1e-5)


def test_gaussian_noise_has_its_sigma(sample_of):
    sample = sample_of(192, 192)
    out = apply_steps(sample, [{"op": "gaussian_noise", "sigma": 0.01, "seed": 5}]).image
    noise = unit(out, sample.image) - unit(sample.image, sample.image)
    assert noise.std() == pytest.approx(0.01, rel=0.02)
    assert abs(noise.mean()) < 4 * 0.01 / 192


def test_multiply_pixels_factors_are_uniform(sample_of):
    sample = sample_of(192, 192)
    grey = np.full((192, 192), 0.5)
    grey[0, :2] = 0, 1
    out = apply_steps(with_image(sample, grey), [{"op": "multiply_pixels", "low": 0.5, "high": 1.5, "seed": 3}]).image[
        1:
    ]
    factors = out / 0.5
    assert factors.min() >= 0.5
    assert factors.max() <= 1.5
    assert factors.mean() == pytest.approx(1, abs=0.01)
    assert factors.std() == pytest.approx(1 / np.sqrt(12), rel=0.02)


@pytest.mark.parametrize("name", ["impulse_noise", "salt_and_pepper"])
def test_impulses_hit_a_tenth_evenly(sample_of, name):
    sample = sample_of(192, 192)
    out = apply_steps(sample, [{"op": name, "fraction": 0.1, "seed": 9}]).image
    changed = np.abs(out - sample.image) > 1e-6 * np.ptp(sample.image)
    assert changed.mean() == pytest.approx(0.1, abs=0.008)
    values = unit(out[changed], sample.image)
    assert values.mean() == pytest.approx(0.5, abs=0.03)
    extremes = (values < 1e-6) | (values > 1 - 1e-6)
    assert extremes.all() if name == "salt_and_pepper" else extremes.mean() < 0.05


@pytest.mark.parametrize("domain", ["log", "intensity"])
@pytest.mark.parametrize("name", ["pixel_dropout", "coarse_dropout"])
def test_dropped_pixels_show_air(sample_of, name, domain):
    sample = sample_of(192, 192, domain)
    step = {"op": name, "fraction": 0.15, "seed": 2} | ({"resolution": 0.12} if name == "coarse_dropout" else {})
    out = apply_steps(sample, [step]).image
    changed = np.abs(out - sample.image) > 1e-6 * np.ptp(sample.image)
    air = sample.image.min() if domain == "log" else sample.image.max()
    np.testing.assert_allclose(out[changed], air, rtol=1e-6)
    assert changed.mean() == pytest.approx(0.15, abs=0.01 if name == "pixel_dropout" else 0.07)


def test_coarse_cells_are_blocks(sample_of):
    sample = sample_of(100, 100)
    out = apply_steps(sample, [{"op": "coarse_dropout", "fraction": 0.4, "resolution": 0.1, "seed": 1}]).image
    changed = np.abs(out - sample.image) > 1e-5
    inner = changed.reshape(10, 10, 10, 10).transpose(0, 2, 1, 3).reshape(100, 100).mean(axis=1)
    assert set(np.round(inner)) == {0.0, 1.0}
    assert ((inner < 0.02) | (inner > 0.98)).all()


def test_elastic_moves_each_pixel_by_at_most_alpha_and_not_on_average(sample_of):
    sample = sample_of(192, 192)
    ramp = np.tile(np.arange(192.0), (192, 1))
    out = apply_steps(with_image(sample, ramp), [{"op": "elastic", "alpha_px": 3.0, "sigma_px": 0.25, "seed": 4}])
    shift = (out.image - ramp)[:, 5:-5]
    assert np.abs(shift).max() <= 3.05
    assert shift.std() == pytest.approx(3 / np.sqrt(3), rel=0.05)
    assert abs(shift.mean()) < 0.05


def test_metal_is_the_densest_thing_in_either_domain(sample_of):
    step = {
        "op": "metal_rod",
        "x": 0.5,
        "y": 0.5,
        "angle_deg": 0.0,
        "strength": 2.0,
        "ceiling": 1.2,
        "length_mm": 40.0,
        "diameter_mm": 6.0,
    }
    for domain, sign in (("log", 1), ("intensity", -1)):
        sample = sample_of(100, 100, domain, 1.0)
        out = apply_steps(sample, [step]).image
        middle = sign * (out[50, 50] - (sample.image.max() if sign > 0 else sample.image.min()))
        assert middle == pytest.approx(0.2 * np.ptp(sample.image), rel=1e-4)
        changed = np.argwhere(np.abs(out - sample.image) > 1e-4)
        extent = np.ptp(changed, axis=0) + 1
        assert extent[1] == pytest.approx(40 * 1.4, abs=3)  # length and diameter times magnification 1.4
        assert extent[0] == pytest.approx(6 * 1.4, abs=2)


@pytest.mark.parametrize("sides", [4, 8])
def test_collimation_leaves_the_field_and_closes_the_rest(sample_of, sides):
    sample = sample_of(120, 120, "log", 1.0)
    step = {
        "op": "collimation",
        "sides": sides,
        "half_width": 0.8,
        "half_height": 0.7,
        "x": 0.0,
        "y": 0.0,
        "tilt_deg": 0.0,
        "penumbra_mm": 2.0,
        "level": 1.2,
    }
    values = unit(apply_steps(sample, [step]).image, sample.image)
    before = unit(sample.image, sample.image)
    np.testing.assert_allclose(values[40:80, 40:80], before[40:80, 40:80], atol=1e-6)
    np.testing.assert_allclose(values[:16], 1.2, atol=1e-6)
    np.testing.assert_allclose(values[:, :10], 1.2, atol=1e-6)
    assert (values[20, 14] > 1.19) == (sides == 8)  # the octagon cuts the corners


def test_letters_and_lines_cover_little_and_stay_in_range(sample):
    overlay = {"x": 0.5, "y": 0.5, "level": 1.0, "opacity": 1.0}
    steps = [
        {"op": "letters", "text": "AP", "size": 0.15, **overlay},
        {"op": "graticule", "spacing_mm": 30.0, **overlay},
        *(
            {"op": "marker", "shape": shape, "size": 0.1, "angle_deg": 30.0, **overlay}
            for shape in ("ring", "disc", "cross", "arrow", "ruler")
        ),
    ]
    for step in steps:
        out = apply_steps(sample, [step]).image
        covered = np.abs(out - sample.image) > 1e-3
        assert 5 < covered.sum() < 0.3 * covered.size, step
        assert out.max() <= sample.image.max() * (1 + 1e-6)


def test_grid_lines_have_their_period(sample_of):
    sample = sample_of(64, 128)
    grey = np.full((64, 128), 0.5)
    grey[0, :2] = 0, 1
    step = {"op": "grid_lines", "period_px": 8.0, "amplitude": 0.05, "angle_deg": 0.0, "phase": 0.0}
    out = apply_steps(with_image(sample, grey), [step]).image[1:]
    spectrum = np.abs(np.fft.rfft(out - out.mean(), axis=1)).mean(axis=0)
    assert spectrum.argmax() == 128 // 8
    assert np.ptp(out) == pytest.approx(0.1, abs=1e-3)


def test_uneven_blur_and_contrast_vary_over_the_image(sample_of):
    sample = sample_of(128, 128)
    noise = derive_rng(1, "noise").random((128, 128))
    blurred = apply_steps(with_image(sample, noise), [{"op": "uneven_blur", "sigma_px": 3.0, "seed": 8}]).image
    sharpness = np.array(
        [[blurred[r : r + 16, c : c + 16].std() for c in range(0, 128, 16)] for r in range(0, 128, 16)]
    )
    assert sharpness.max() > 2 * sharpness.min()
    grey = np.full((128, 128), 0.5)
    grey[0, :2] = 0, 1
    contrast = {"op": "uneven_contrast", "gain": 0.2, "gamma": 0.2, "seed": 8}
    field = apply_steps(with_image(sample, grey), [contrast]).image[1:]
    assert field.std() > 0.02
    assert np.abs(np.diff(field)).max() < 0.05


FRAMING = ("line_integral", "as_shown", "resize", "crop")
"""What changes the size or the domain of a sample, and its labels with it."""


@pytest.fixture(scope="module")
def one_step_each() -> dict[str, dict[str, object]]:
    """A drawn step of every operation there is."""
    found = {}
    display = chest(display_p=1, detail_p=1, geometry_p=1, collimation_p=1, writing_p=1, resample_p=1)
    paper = (regular(gate=1, p=1), strong(gate=1, p=1), extreme(extra_gate=1, extra_p=1, strong_gate=1))
    screen = radiograph(size=48, field_p=1, seam_p=1, corner_p=1, annotation_p=1)
    for policy in (display, screen, *paper):
        for index in range(150):
            found |= {step["op"]: step for step in policy.draw(derive_rng(index, policy.name))}
    assert set(found) == set(OPERATION_NAMES)
    return found


@pytest.mark.parametrize("name", OPERATION_NAMES)
def test_rules_for_every_operation(sample_of, same, one_step_each, name):
    step = one_step_each[name]
    for domain in ("log", "intensity"):
        for shape in ((64, 80), (33, 17)):
            sample = sample_of(*shape, domain)
            before = {
                key: getattr(sample, key).copy() for key in ("image", "masks", "landmarks", "visible", "annotated")
            }
            out = apply_steps(sample, [step])
            for key, value in before.items():  # the input is untouched
                assert getattr(sample, key).tobytes() == value.tobytes()
            assert out.image.dtype == np.float32
            assert np.isfinite(out.image).all()
            assert same(out, apply_steps(sample, [step]))
            huge = with_image(sample, np.where(sample.image > 3, 3e38, -3e38), domain)
            assert np.isfinite(apply_steps(huge, [step]).image).all()
            if name in FRAMING:
                continue
            assert out.image.shape == sample.image.shape
            assert out.domain == domain
            if name not in ("affine", "framed_affine"):  # labels bit for bit
                assert same(Sample(**{**vars(out), "image": sample.image}), sample)
            constant = with_image(sample, np.full(shape, 3.25), domain)
            assert (apply_steps(constant, [step]).image == np.float32(3.25)).all()


def test_every_operation_but_the_smallest_draws_changes_the_image(sample, one_step_each):
    for name, step in one_step_each.items():
        if name not in ("metal_rod", "metal_plate", "metal_screw", "gaussian_blur", *FRAMING):
            assert (apply_steps(sample, [step]).image != sample.image).any(), step


def test_salt_and_pepper_is_black_and_white_unless_imgaugs_law_is_asked_for(sample):
    flat = with_image(sample, np.linspace(0.4, 0.6, sample.image.size).reshape(sample.image.shape))
    flat.image[0, :2] = 0, 1  # the range that the grey values are on
    step = {"op": "salt_and_pepper", "fraction": 0.1, "seed": 3}
    ours, imgaugs = (apply_steps(flat, [{**step, **law}]).image.ravel() for law in ({}, {"law": "beta"}))
    for found in (ours, imgaugs):
        changed = found[(found < 0.39) | (found > 0.61)]
        assert changed.size / found.size == pytest.approx(0.1, abs=0.02)
    assert set(np.round(ours[(ours < 0.39) | (ours > 0.61)], 3)) == {0.0, 1.0}
    # Beta(1/2, 1/2), the arcsine law, of what lies outside (0.39, 0.61).
    replaced = imgaugs[(imgaugs < 0.39) | (imgaugs > 0.61)]
    share = 2 / np.pi * np.arcsin(np.sqrt((0.25, 0.39)))
    assert np.mean(replaced < 0.25) == pytest.approx(share[0] / (2 * share[1]), abs=0.05)
    laws = [
        step
        for one in (strong(gate=1, p=1, imgaug_salt=True),)
        for seed in range(40)
        for step in one(sample, derive_rng(seed)).record["augment"][0]["steps"]
        if step["op"] == "salt_and_pepper"
    ]
    assert laws
    assert all(step["law"] == "beta" for step in laws)
