import numpy as np

from synthex.metrics import activation_curve, detection_rate


def _random(seed=0, shape=(40, 7)):
    rng = np.random.default_rng(seed)
    has_guess = rng.random(shape) < 0.9
    visible, annotated = rng.random(shape) < 0.7, rng.random(shape) < 0.9
    error = np.where(has_guess & visible & annotated, rng.exponential(3, shape), np.nan)
    confidence = np.clip(np.exp(-np.nan_to_num(error, nan=4.0) / 4) + rng.normal(0, 0.1, shape), 0, 1)
    return error, has_guess, confidence, visible, annotated


def test_detection_never_rises_with_the_cut():
    curve = activation_curve(*_random(), cuts=np.linspace(0, 1, 31).tolist())
    assert (np.diff(curve.detection_rate) <= 0).all()
    assert (np.diff(curve.false_detection_rate) <= 0).all()
    assert curve.detection_rate[0] > 0.8 > 0.05 > curve.detection_rate[-1]


def test_cuts_are_sorted_and_each_point_is_what_it_says():
    error, has_guess, confidence, visible, annotated = _random(1)
    curve = activation_curve(error, has_guess, confidence, visible, annotated, (0.8, 0.2))
    np.testing.assert_array_equal(curve.cuts, [0.2, 0.8])
    for index, cut in enumerate((0.2, 0.8)):
        accepted = has_guess & (confidence >= cut)
        assert curve.detection_rate[index] == detection_rate(accepted, visible, annotated)
        chosen = error[accepted & visible & annotated]
        assert curve.error_mm_mean[index] == np.mean(chosen)
        assert curve.error_mm_median[index] == np.median(chosen)
        assert curve.accepted[index] == len(chosen)


def test_informative_confidence_gives_smaller_errors_at_higher_cuts():
    curve = activation_curve(*_random(2, (400, 14)), cuts=(0.1, 0.4, 0.7))
    assert (np.diff(curve.error_mm_mean) < 0).all()


def test_a_cut_that_nobody_passes_has_no_error():
    yes = np.ones((1, 1), dtype=bool)
    curve = activation_curve(np.array([[1.0]]), yes, np.array([[0.5]]), yes, yes, (0.9,))
    assert curve.detection_rate[0] == 0
    assert np.isnan(curve.error_mm_mean[0])


def test_a_confident_landmark_without_position_is_never_accepted():
    yes, no = np.ones((1, 1), dtype=bool), np.zeros((1, 1), dtype=bool)
    curve = activation_curve(np.array([[np.nan]]), no, np.array([[1.0]]), yes, yes, (0.0,))
    assert curve.detection_rate[0] == 0
