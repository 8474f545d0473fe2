import numpy as np
import pytest

from synthex.metrics import detection_rate, distances_px, errors_mm, false_detection_rate, fill_misses


def test_a_shift_of_three_and_four_pixels_at_half_a_millimetre_is_two_and_a_half():
    truth = np.array([[[10.0, 20.0], [30.5, 40.5]]])
    distance = distances_px(truth + np.array([3, 4]), truth)
    assert distance == pytest.approx(5.0)
    assert errors_mm(distance, np.array([0.5])) == pytest.approx(2.5)


def test_magnification_two_halves_the_error_at_the_isocentre():
    distance = np.array([[5.0, 7.0], [1.0, 2.0]])
    pixel = np.array([0.5, 0.25])
    assert errors_mm(distance, pixel, np.array([2.0, 2.0])) == pytest.approx(errors_mm(distance, pixel) / 2)


def test_scales_belong_to_cases_not_to_landmarks():
    error = errors_mm(np.ones((2, 3)), np.array([1.0, 10.0]))
    np.testing.assert_array_equal(error, [[1, 1, 1], [10, 10, 10]])


def test_a_miss_without_guess_costs_the_diagonal_and_a_guess_its_own_distance():
    filled = fill_misses(np.array([[np.nan, 3.0]]), np.array([100.0]))
    np.testing.assert_array_equal(filled, [[100.0, 3.0]])


def test_rates_count_only_what_is_annotated():
    detected = np.array([[True, False, True, True]])
    visible = np.array([[True, True, False, False]])
    annotated = np.array([[True, True, True, False]])
    assert detection_rate(detected, visible, annotated) == 0.5
    assert false_detection_rate(detected, visible, annotated) == 1.0


def test_rates_of_nothing_are_nan():
    none = np.zeros((2, 2), dtype=bool)
    assert np.isnan(detection_rate(none, none, none))
    assert np.isnan(false_detection_rate(none, none, none))


def test_inputs_are_left_alone():
    guess, truth = np.ones((1, 2)), np.zeros((1, 2))
    distances_px(guess, truth)
    fill_misses(values := np.array([[np.nan]]), np.array([1.0]))
    assert (guess == 1).all()
    assert np.isnan(values).all()
