import numpy as np
import pytest
from scipy import stats

from synthex.metrics.effect_size import cliffs_delta, cohen_d, cohen_dz, is_constant, rank_biserial


def test_cohen_by_hand():
    assert cohen_dz(np.array([1.0, 2.0, 3.0])) == 2
    # Means 2 and 5, both variances 1: pooled standard deviation 1.
    assert cohen_d(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])) == -3


def test_cohen_are_the_t_statistics_scaled():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.3, 1, 20), rng.normal(0, 2, 31)
    assert cohen_dz(first) == pytest.approx(stats.ttest_1samp(first, 0).statistic / np.sqrt(20))
    t = stats.ttest_ind(first, second).statistic
    assert cohen_d(first, second) == pytest.approx(t * np.sqrt(1 / 20 + 1 / 31))


def test_cliffs_delta_by_hand_and_by_mann_whitney():
    # 1 > 0, 1 < 2, 1 < 3, 2 > 0, 2 = 2, 2 < 3.
    assert cliffs_delta(np.array([1.0, 2.0]), np.array([0.0, 2.0, 3.0])) == pytest.approx(-1 / 6)
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 9, 40).astype(float), rng.integers(2, 9, 25).astype(float)
    u = stats.mannwhitneyu(first, second).statistic
    assert cliffs_delta(first, second) == pytest.approx(2 * u / (40 * 25) - 1)
    assert cliffs_delta(first + 10, second) == 1
    assert cliffs_delta(first, first) == 0


def test_rank_biserial_by_hand_and_by_wilcoxon():
    # Ranks 1, 2, 3 of |-1|, |2|, |3|: (5 - 1) / 6; the zero is left out.
    assert rank_biserial(np.array([-1.0, 2.0, 0.0, 3.0])) == pytest.approx(4 / 6)
    values = np.random.default_rng(2).normal(0.4, 1, 30)
    positive = stats.wilcoxon(values, alternative="greater").statistic
    total = 30 * 31 / 2
    assert rank_biserial(values) == pytest.approx((2 * positive - total) / total)


def test_sizes_that_do_not_exist_are_nan():
    one, none = np.array([1.0]), np.array([])
    assert np.isnan([cohen_dz(one), cohen_dz(none), cohen_dz(np.full(5, 0.1))]).all()
    assert np.isnan([cohen_d(one, one), cohen_d(none, one), cohen_d(np.full(4, 0.1), np.full(3, 0.2))]).all()
    assert np.isnan([cliffs_delta(none, one), cliffs_delta(one, none), rank_biserial(np.zeros(3))]).all()


def test_rounding_error_is_no_spread():
    assert is_constant(np.array([0.3, 0.1 + 0.2]))
    assert not is_constant(np.array([0.3, 0.3 + 1e-9]))
    assert is_constant(np.array([0.0, 1e-13]), scale=1)
    assert not is_constant(np.array([0.0, 1e-13]))
