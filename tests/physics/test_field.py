from dataclasses import replace

import numpy as np
import pytest

from synthex.core import Camera, ConfigError, Rigid
from synthex.physics.field import (
    anode_depth,
    collimation,
    gain_residual,
    heel_field,
    inverse_square_field,
    veiling_glare,
)


def camera(size: int, pixel_mm: float, sdd_mm: float, center: tuple[float, float] | None = None) -> Camera:
    focal = sdd_mm / pixel_mm
    column, row = center or (size / 2, size / 2)
    intrinsics = np.array(((focal, 0, column), (0, focal, row), (0, 0, 1.0)))
    return Camera(intrinsics, Rigid.identity(), size, size, pixel_mm)


CIOS = camera(384, 0.776, 1020)
METRE = camera(401, 1.0, 1000)
"""Pixel centres at whole mm, -200 to 200, 1 m from the source."""

# Photon fluence of SpekPy 2.5.4 (mu_data_source="nist") at x cm (cathode +) and z = 100 cm, relative to the axis.
SPEKPY = {
    (60, 8): {-10: 0.7461, -5: 0.9306, 5: 1.0279, 10: 1.0331, 20: 1.0019},
    (60, 12): {-20: 0.3911, -10: 0.9175, -5: 0.9733, 5: 1.0085, 10: 1.0037, 20: 0.9646},
    (60, 16): {-20: 0.8232, -10: 0.9596, -5: 0.9873, 5: 1.0007, 10: 0.9913, 20: 0.9480},
    (90, 8): {-10: 0.7038, -5: 0.9134, 5: 1.0402, 10: 1.0547, 20: 1.0371},
    (90, 12): {-20: 0.3362, -15: 0.7594, -10: 0.8958, -5: 0.9639, 5: 1.0160, 10: 1.0175, 20: 0.9886},
    (90, 16): {-20: 0.7884, -10: 0.9465, -5: 0.9813, 5: 1.0059, 10: 1.0012, 20: 0.9663},
    (120, 8): {-10: 0.6438, -5: 0.8899, 5: 1.0563, 10: 1.0825, 20: 1.0803},
    (120, 12): {-20: 0.2639, -10: 0.8668, -5: 0.9517, 5: 1.0254, 10: 1.0343, 20: 1.0161},
    (120, 16): {-20: 0.7408, -10: 0.9290, -5: 0.9736, 5: 1.0123, 10: 1.0129, 20: 0.9863},
}


def test_inverse_square_in_the_corner_of_a_c_arm():
    field = inverse_square_field(camera(1536, 0.194, 1020))
    assert field[0, 0] == pytest.approx(0.939, abs=5e-4)
    assert field[0, 0] == pytest.approx(field[-1, -1], rel=1e-6)
    assert field.max() == pytest.approx(1, abs=1e-6)
    # Closed form at a pixel: row 100, column 900.
    radius2 = ((100.5 - 768) ** 2 + (900.5 - 768) ** 2) * 0.194**2
    assert field[100, 900] == pytest.approx((1020**2 / (1020**2 + radius2)) ** 1.5, rel=1e-5)


def test_fields_follow_the_principal_point():
    shifted = inverse_square_field(camera(384, 0.776, 1020, center=(60.5, 300.5)))
    assert np.unravel_index(shifted.argmax(), shifted.shape) == (300, 60)


@pytest.mark.parametrize(("kvp", "angle"), SPEKPY)
def test_heel_effect_matches_spekpy(kvp, angle):
    """Without the oblique incidence on a flat panel, since SpekPy counts photons across the beam: cos^2."""
    fluence = heel_field(METRE, 180, angle, anode_depth(kvp)) * inverse_square_field(METRE) ** (2 / 3)
    for x_cm, want in SPEKPY[kvp, angle].items():
        assert fluence[200, 200 + 10 * x_cm] == pytest.approx(want, rel=0.02), x_cm


def test_heel_effect_turns_with_the_anode():
    towards_columns, towards_rows = heel_field(CIOS, 0), heel_field(CIOS, 90)
    np.testing.assert_allclose(towards_columns.T, towards_rows, rtol=1e-5)
    np.testing.assert_allclose(heel_field(CIOS, 180), towards_columns[:, ::-1], rtol=1e-5)
    assert towards_columns[192, -1] < 0.95 < 1 < towards_columns[192, 0]
    assert (np.diff(towards_columns[192, 192:]) < 0).all()
    assert towards_columns[192, 192] == pytest.approx(1, abs=2e-3)


def test_behind_the_anodes_face_there_is_no_beam():
    """8 degrees end 140.5 mm from the axis at 1 m."""
    field = heel_field(METRE, 0, 8.0)
    assert (field[200, 200 + 141 :] == 0).all()
    assert (field[200, : 200 + 140] > 0).all()


def test_no_depth_no_heel():
    np.testing.assert_array_equal(heel_field(CIOS, 30, depth=0, filter_depth=0), 1)


def test_anode_depth_grows_with_the_voltage():
    depths = [anode_depth(kvp) for kvp in (40, 60, 75, 90, 120, 150)]
    assert depths == sorted(depths)
    assert depths[2] == pytest.approx((0.0194 + 0.0259) / 2)
    assert (depths[0], depths[-1]) == (0.0194, 0.0383)


def test_a_rectangle_is_open_where_it_should_be():
    field = collimation(METRE, 100, 60, center_mm=(20, -30), penumbra_mm=4, leakage=0.03)
    row, column = 200 - 30, 200 + 20
    assert field[row, column] == 1
    np.testing.assert_allclose(field[row, [column - 100, column + 100]], 0.03 + 0.97 / 2, atol=1e-6)
    np.testing.assert_allclose(field[[row - 60, row + 60], column], 0.03 + 0.97 / 2, atol=1e-6)
    np.testing.assert_allclose(
        field[row, column + np.array((98, 99, 101, 102))], 0.03 + 0.97 * np.array((1, 0.75, 0.25, 0))
    )
    assert field[0, 0] == pytest.approx(0.03)


@pytest.mark.parametrize(("shape", "area"), [("rectangle", 4.0), ("octagon", 8 * (np.sqrt(2) - 1)), ("circle", np.pi)])
@pytest.mark.parametrize("tilt_deg", [0, 25])
def test_open_areas(shape, area, tilt_deg):
    field = collimation(METRE, 120, 120, shape, tilt_deg=tilt_deg, leakage=0)
    assert field.sum() == pytest.approx(area * 120**2, rel=0.002)


def test_a_tilted_field_is_the_tilted_field():
    quarter = collimation(METRE, 120, 60, tilt_deg=90)
    np.testing.assert_allclose(quarter, collimation(METRE, 60, 120), atol=1e-4)
    # A long slit, tilted: along columns turns towards increasing rows.
    slit = collimation(METRE, 300, 5, tilt_deg=30, leakage=0)
    assert slit[200 + 50, 200 + 87] == 1
    assert slit[200 - 50, 200 + 87] == 0


def test_an_edge_is_never_sharper_than_a_pixel():
    field = collimation(CIOS, 100.2, 100.2, penumbra_mm=0)
    assert (field[192] * 0.776).sum() == pytest.approx(200.4 + 0.02 * (384 * 0.776 - 200.4), abs=0.01)


def test_gain_residual_has_the_strength_and_reach_asked_for():
    rng = np.random.default_rng(11)
    small = camera(64, 4.0, 1000)
    fields = np.stack([gain_residual(small, 0.02, 40, rng) for _ in range(600)]) - 1
    assert abs(fields.mean()) < 0.001
    np.testing.assert_allclose(fields[:, [0, 31, 63], [0, 20, 63]].std(axis=0), 0.02, rtol=0.1)
    apart = (fields[:, :, :-10] * fields[:, :, 10:]).mean() / fields.var()  # 40 mm
    assert apart == pytest.approx(np.exp(-0.5), abs=0.03)
    np.testing.assert_array_equal(gain_residual(small, 0, 40, rng), 1)


def test_veiling_glare_lifts_shadows_and_keeps_the_sum():
    signal = np.ones((200, 200), np.float32)
    signal[80:120, 80:120] = 0
    hazy = veiling_glare(signal, 1.0, 0.05, 30)
    assert hazy.mean() == pytest.approx(signal.mean(), rel=1e-3)
    assert 0.02 < hazy[100, 100] < 0.05
    np.testing.assert_allclose(veiling_glare(np.ones((30, 40), np.float32), 1.0, 0.05, 30), 1, rtol=1e-5)
    np.testing.assert_array_equal(veiling_glare(signal, 1.0, 0), signal)


def test_mirrored_cameras_have_fields_too():
    mirrored = CIOS.intrinsics.copy()
    mirrored[0, 0] *= -1
    np.testing.assert_array_equal(inverse_square_field(replace(CIOS, intrinsics=mirrored)), inverse_square_field(CIOS))


def test_scalars_of_numpy_do_not_widen_the_image():
    number = np.float64
    rng = np.random.default_rng(0)
    assert heel_field(CIOS, number(3), number(11), number(0.02), number(1)).dtype == np.float32
    assert collimation(CIOS, number(90), number(80), penumbra_mm=number(2), leakage=number(0.1)).dtype == np.float32
    assert gain_residual(CIOS, number(0.01), number(30), rng).dtype == np.float32
    assert veiling_glare(np.ones((4, 4), np.float32), number(1), number(0.1), number(9)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: heel_field(CIOS, target_angle_deg=0), "target_angle_deg"),
        (lambda: heel_field(CIOS, depth=-1), "depth"),
        (lambda: collimation(CIOS, 10, 10, leakage=2), "leakage"),
        (lambda: collimation(CIOS, 0, 10), "half widths"),
        (lambda: gain_residual(CIOS, 0.5, 10, np.random.default_rng(0)), "std"),
        (lambda: gain_residual(CIOS, 0.1, 0, np.random.default_rng(0)), "correlation_mm"),
        (lambda: veiling_glare(np.ones((4, 4), np.float32), 1.0, 2), "glare"),
    ],
)
def test_bad_numbers_are_refused(call, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
