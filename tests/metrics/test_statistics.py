import numpy as np
import pytest
from scipy import stats

from synthex.core import derive_rng
from synthex.metrics import bootstrap_mean_ci, describe


def _clustered(seed, subjects=30, images=20, between=2.0, within=0.5):
    rng = np.random.default_rng(seed)
    centers = rng.normal(5, between, subjects)
    values = (centers[:, None] + rng.normal(0, within, (subjects, images))).ravel()
    return values, [f"s{index // images}" for index in range(subjects * images)]


def test_moments_and_quantiles_agree_with_scipy():
    values = np.random.default_rng(0).gamma(2, 2, 501)
    found = describe(np.append(values, np.nan), [str(index) for index in range(502)], derive_rng(0))
    assert found.count == 501
    assert found.mean == pytest.approx(stats.describe(values).mean)
    assert found.std == pytest.approx(stats.tstd(values, ddof=0))
    assert found.median == pytest.approx(stats.scoreatpercentile(values, 50))
    assert found.p95 == pytest.approx(stats.scoreatpercentile(values, 95))


def test_with_one_value_a_subject_it_is_the_ordinary_bootstrap():
    values = np.random.default_rng(1).gamma(2, 2, 80)
    names = [str(index) for index in range(80)]
    for method, twin in (("percentile", "percentile"), ("bca", "BCa")):
        found = bootstrap_mean_ci(values, names, derive_rng(1), resamples=20000, method=method)
        other = stats.bootstrap((values,), np.mean, n_resamples=20000, method=twin, rng=np.random.default_rng(2))
        # Monte-Carlo error of a quantile at 2.5 % from 20 000 replicates is about 0.02 standard errors.
        tolerance = 0.1 * other.standard_error
        assert found.low == pytest.approx(other.confidence_interval.low, abs=tolerance)
        assert found.high == pytest.approx(other.confidence_interval.high, abs=tolerance)


def test_clustered_data_need_a_wider_interval_than_independent_images():
    values, names = _clustered(0)
    by_subject = bootstrap_mean_ci(values, names, derive_rng(0))
    by_image = bootstrap_mean_ci(values, [str(index) for index in range(len(values))], derive_rng(0))
    # 20 images a subject with nearly all variance between subjects: about sqrt(20) times wider.
    assert by_subject.high - by_subject.low > 3.5 * (by_image.high - by_image.low)
    assert by_subject.subjects == 30


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        found = bootstrap_mean_ci(*_clustered(seed, images=3), derive_rng(seed), resamples=500)
        hits += found.low <= 5 <= found.high
    assert 178 <= hits <= 198  # 95 % of 200 is 190; the percentile bootstrap of 30 clusters is a little narrow


def test_with_six_subjects_only_the_studentized_interval_covers_as_often_as_it_says():
    hits = {"percentile": 0, "studentized": 0}
    for seed in range(200):
        for method in hits:
            found = bootstrap_mean_ci(
                *_clustered(seed, subjects=6, images=3), derive_rng(seed), resamples=500, method=method
            )
            hits[method] += found.low <= 5 <= found.high
    assert hits["percentile"] < 182  # 91 %
    assert hits["studentized"] >= 181  # 95 % of 200 less three standard errors


def test_the_studentized_interval_has_a_center_and_needs_five_subjects():
    values, names = _clustered(3)
    found = bootstrap_mean_ci(values, names, derive_rng(0), method="studentized")
    assert (found.low + found.high) / 2 == pytest.approx(values.mean())
    few = bootstrap_mean_ci(np.arange(4.0), list("abcd"), derive_rng(0), method="studentized")
    assert np.isnan([few.low, few.high]).all()
    assert "fewer than 5" in few.note
    six = bootstrap_mean_ci(np.arange(6.0), list("abcdef"), derive_rng(0), method="studentized")
    assert six.note == "few subjects (6)"


def test_subjects_of_unequal_size_are_pooled():
    values = np.array([1.0, 1.0, 1.0, 5.0])
    found = bootstrap_mean_ci(values, ["a", "a", "a", "b"], derive_rng(0))
    assert (found.low, found.high) == (1.0, 5.0)


@pytest.mark.parametrize("method", ["percentile", "bca", "studentized"])
def test_one_subject_or_none_has_no_interval_and_says_why(method):
    for values, names in (
        (np.array([1.0, 2.0]), ["a", "a"]),
        (np.array([]), []),
        (np.array([1.0, np.nan]), ["a", "b"]),
    ):
        found = bootstrap_mean_ci(values, names, derive_rng(0), method=method)
        assert np.isnan(found.low)
        assert np.isnan(found.high)
        assert "fewer than two subjects" in found.note


@pytest.mark.parametrize("method", ["percentile", "bca", "studentized"])
def test_constant_values_give_a_point(method):
    found = bootstrap_mean_ci(np.full(30, 2.5), [str(index % 15) for index in range(30)], derive_rng(0), method=method)
    assert (found.low, found.high, found.note) == (2.5, 2.5, "")


def test_the_seed_alone_decides():
    values, names = _clustered(4)
    first, again = (bootstrap_mean_ci(values, names, derive_rng(7)) for _ in range(2))
    assert first == again
    assert first != bootstrap_mean_ci(values, names, derive_rng(8))


def test_few_subjects_carry_a_note():
    assert "too narrow" in bootstrap_mean_ci(np.arange(4.0), ["a", "a", "b", "b"], derive_rng(0)).note


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="as many subjects"):
        bootstrap_mean_ci(np.ones(2), ["a"], derive_rng(0))


def test_nothing_is_described_as_nan():
    found = describe(np.array([np.nan]), ["a"], derive_rng(0))
    assert found.count == 0
    assert np.isnan([found.mean, found.std, found.median, found.p95]).all()


def test_the_interval_of_a_share_stays_a_share():
    values, names = np.array([1.0, 1, 1, 1, 1, 0.2]), list("abcdef")
    free = describe(values, names, derive_rng(0)).ci95
    assert free.high > 1
    bound = describe(values, names, derive_rng(0), (0.0, 1.0)).ci95
    assert max(free.low, 0.0) <= bound.low < bound.high <= 1.0
    few = describe(values[2:], names[2:], derive_rng(0), (0.0, 1.0)).ci95
    assert np.isnan([few.low, few.high]).all()
