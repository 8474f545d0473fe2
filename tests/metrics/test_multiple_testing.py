import numpy as np
import pytest
from scipy.stats import false_discovery_control

from synthex.metrics.multiple_testing import benjamini_hochberg, holm


def test_holm_by_hand():
    # 4 * 0.005; 3 * 0.01; 2 * 0.03; max(2 * 0.03, 1 * 0.04)
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand():
    # 4 / 1 * 0.005; 4 / 2 * 0.01; min(4 / 3 * 0.03, 4 / 4 * 0.04)
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005])), [0.02, 0.04, 0.04, 0.02])


def test_benjamini_hochberg_agrees_with_scipy():
    p = np.random.default_rng(0).uniform(0, 1, 200) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))


def test_one_comparison_needs_no_correction():
    for correct in (holm, benjamini_hochberg):
        assert correct(np.array([0.031])).tolist() == [0.031]


def test_holm_is_between_nothing_and_bonferroni_and_never_below_benjamini_hochberg():
    p = np.random.default_rng(1).uniform(0, 0.2, 40)
    adjusted = holm(p)
    assert np.all(adjusted >= p)
    assert np.all(adjusted <= np.minimum(40 * p, 1))
    assert np.all(adjusted >= benjamini_hochberg(p))
    np.testing.assert_array_equal(np.argsort(adjusted, kind="stable")[:3], np.argsort(p)[:3])


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_what_was_not_tested_is_not_counted(correct):
    found = correct(np.array([0.01, np.nan, 0.02]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    np.testing.assert_allclose(found[[0, 2]], correct(np.array([0.01, 0.02])))
    assert len(correct(np.array([]))) == 0
    assert np.isnan(correct(np.array([np.nan]))).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_a_p_value_is_a_probability(correct):
    with pytest.raises(ValueError, match="p values"):
        correct(np.array([0.5, 1.2]))
    assert correct(np.array([0.9, 0.8])).max() <= 1


def test_holm_bounds_false_differences_and_no_correction_does_not():
    p = np.random.default_rng(2).uniform(0, 1, (2000, 20))
    corrected = np.mean([holm(row).min() < 0.05 for row in p])
    assert np.mean(p.min(axis=1) < 0.05) > 0.6  # 1 - 0.95^20 = 0.64
    assert corrected == pytest.approx(0.05, abs=0.015)  # three standard errors of 2000 draws
