"""Intervals of shares near 0 and 1."""

import numpy as np
import pytest
from scipy import stats

from synthex.metrics import describe
from synthex.metrics.clusters import group
from synthex.metrics.shares import beta_interval, bounded, effective_count, share_interval


def rng():
    return np.random.default_rng(0)


def test_one_image_a_subject_is_about_clopper_and_pearson():
    values = np.repeat((0.0, 1.0), (9, 31))
    exact = stats.binomtest(31, 40).proportion_ci(0.95, method="exact")
    assert beta_interval(31 / 40, 40, 0.95) == pytest.approx((exact.low, exact.high))
    found = share_interval(group(values, [f"{index:02d}" for index in range(40)]))
    assert found == pytest.approx((exact.low, exact.high), abs=0.005)  # the error by subject has n - 1


def test_without_a_failure_each_subject_is_one_success():
    clusters = group(np.ones(120), [f"{index % 6}" for index in range(120)])
    low, high = share_interval(clusters)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 6)), 1.0)  # 0.54, not 1
    assert share_interval(group(np.zeros(120), [f"{index % 6}" for index in range(120)])) == pytest.approx((0, 1 - low))


def test_a_failure_in_one_of_twelve_subjects_is_not_an_interval_of_everything():
    values, names = np.ones(180), [f"{index % 12:02d}" for index in range(180)]
    values[0] = 0  # 99.4 %
    found = describe(values, names, rng(), (0, 1))
    assert 0.7 < found.ci95.low < found.mean < found.ci95.high == pytest.approx(1, abs=0.005)
    none = describe(np.ones(180), names, rng(), (0, 1)).ci95
    assert found.ci95.low == pytest.approx(none.low, abs=0.03)  # one failing image more or less changes little
    assert "one subject carries most of the spread" in found.ci95.note


def test_alike_subjects_count_by_their_images_and_unlike_ones_by_themselves():
    generator = np.random.default_rng(1)
    names = [f"{index // 50:02d}" for index in range(1000)]
    alike = group((generator.random(1000) < 0.9).astype(float), names)
    assert effective_count(alike) > 400
    shares = np.repeat(np.repeat((0.0, 1.0), (8, 12)), 50)
    assert effective_count(group(shares, names)) == pytest.approx(20, rel=0.15)


def test_overlaps_of_few_subjects_stay_where_zeros_and_ones_could_be():
    values = np.repeat((0.9, 0.91, 0.9, 0.92, 0.9, 0.1), 10)
    names = [f"{index // 10}" for index in range(60)]
    clusters = group(values, names)
    low, high = bounded(clusters, -3.0, 4.0)
    assert (low, high) == pytest.approx(beta_interval(float(values.mean()), 6, 0.95))
    assert bounded(clusters, 0.6, 0.8) == (0.6, 0.8)  # what is narrower is left as it is
    found = describe(values, names, rng(), (0, 1)).ci95
    assert low <= found.low < found.high <= high


def test_rare_failures_of_six_subjects_are_covered():
    missed = 0
    for seed in range(150):
        draw = np.random.default_rng(seed)
        shares = np.where(draw.random(6) < 1 / 12, 0.3, 0.995)
        values = (draw.random((6, 10)) < shares[:, None]).astype(float).ravel()
        clusters = group(values, [f"{index // 10}" for index in range(60)])
        low, high = share_interval(clusters)
        missed += not low <= 0.995 * 11 / 12 + 0.3 / 12 <= high
    assert missed <= 7  # 5 % of 150; the studentized bootstrap misses nearly half


def test_the_share_of_four_subjects_has_no_interval():
    found = describe(np.ones(40), [f"{index % 4}" for index in range(40)], rng(), (0, 1)).ci95
    assert np.isnan([found.low, found.high]).all()
    assert "fewer than 5 subjects" in found.note
