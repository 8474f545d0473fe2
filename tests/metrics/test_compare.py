import json
from functools import cache

import numpy as np
import pytest
from scipy import stats

from synthex.metrics.clusters import bootstrap_t, group
from synthex.metrics.compare import Comparison, compare_paired, compare_unpaired


def names(count, images, start=0):
    return [f"s{start + index // images:03d}" for index in range(count * images)]


def paired(seed, subjects=12, images=10, shift=0.0, between=1.0, within=0.7):
    """Figures of two methods whose difference has an effect of the subject: its images move together."""
    rng = np.random.default_rng((seed, subjects, images))
    second = rng.normal(5, 1, subjects * images)
    effect = np.repeat(rng.normal(0, between, subjects), images)
    first = second + shift + effect + rng.normal(0, within, subjects * images)
    return first, second, names(subjects, images)


def unpaired(seed, subjects=(12, 15), images=8, shift=0.0):
    rng = np.random.default_rng((seed, *subjects))
    sets = []
    for index, count in enumerate(subjects):
        values = np.repeat(rng.normal(5 + shift * (index == 0), 1, count), images) + rng.normal(0, 0.5, count * images)
        sets += [values, names(count, images, 100 * index)]
    return sets


def rng(seed=0):
    return np.random.default_rng(seed)


def test_tests_on_subject_means_are_those_of_scipy():
    first, second, subjects = paired(0, shift=0.4)
    found = compare_paired(first, second, subjects, rng(), margin=0.5)
    means = [values.reshape(12, 10).mean(axis=1) for values in (first, second)]
    t = stats.ttest_rel(*means)
    assert (found.t_test.statistic, found.t_test.p) == pytest.approx((t.statistic, t.pvalue))
    wilcoxon = stats.wilcoxon(*means)
    assert (found.rank_test.statistic, found.rank_test.p) == pytest.approx((wilcoxon.statistic, wilcoxon.pvalue))
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.subject_difference == pytest.approx(means[0].mean() - means[1].mean())
    assert found.equivalence is not None
    above = stats.ttest_1samp(means[0] - means[1], -0.5, alternative="greater").pvalue
    below = stats.ttest_1samp(means[0] - means[1], 0.5, alternative="less").pvalue
    assert (found.equivalence.p_above, found.equivalence.p_below) == pytest.approx((above, below))
    interval = stats.ttest_1samp(means[0] - means[1], 0).confidence_interval(0.9)
    assert (found.equivalence.low, found.equivalence.high) == pytest.approx(tuple(interval))


def test_unpaired_tests_on_subject_means_are_those_of_scipy():
    first, first_subjects, second, second_subjects = unpaired(0, shift=0.6)
    found = compare_unpaired(first, first_subjects, second, second_subjects, rng(), margin=1)
    means = first.reshape(12, 8).mean(axis=1), second.reshape(15, 8).mean(axis=1)
    welch = stats.ttest_ind(*means, equal_var=False)
    assert (found.t_test.statistic, found.t_test.p) == pytest.approx((welch.statistic, welch.pvalue))
    ranks = stats.mannwhitneyu(*means)
    assert (found.rank_test.statistic, found.rank_test.p) == pytest.approx((ranks.statistic, ranks.pvalue))
    assert found.equivalence is not None
    above = stats.ttest_ind(means[0] + 1, means[1], equal_var=False, alternative="greater").pvalue
    assert found.equivalence.p_above == pytest.approx(above)
    interval = welch.confidence_interval(0.9)
    assert (found.equivalence.low, found.equivalence.high) == pytest.approx((interval.low, interval.high))
    assert found.subjects == (12, 15)


def test_subjects_weigh_by_their_images_in_the_one_estimate_and_equally_in_the_other():
    first = np.array([1.0, 1.0, 1.0, 5.0])
    found = compare_paired(first, np.zeros(4), ["a", "a", "a", "b"], rng())
    assert (found.difference, found.subject_difference) == (2, 3)


def test_the_bootstrap_with_one_image_a_subject_agrees_with_t_for_normal_values():
    first, second, subjects = paired(1, subjects=60, images=1, shift=0.3)
    found = compare_paired(first, second, subjects, rng(), resamples=20000)
    interval = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (found.bootstrap.low, found.bootstrap.high) == pytest.approx((interval.low, interval.high), abs=0.04)
    assert found.bootstrap.p == pytest.approx(found.t_test.p, abs=0.01)


def test_the_standard_error_of_clusters_of_one_is_the_usual_one():
    values = np.random.default_rng(2).gamma(2, 1, 40)
    clusters = group(values, names(40, 1))
    assert clusters.standard_error == pytest.approx(stats.sem(values))
    # An offset a million times the spread must not cancel the spread.
    assert group(values + 1e6, names(40, 1)).standard_error == pytest.approx(stats.sem(values), rel=1e-6)


def test_swapping_the_methods_turns_every_sign():
    first, second, subjects = paired(3, shift=0.5)
    one, other = (compare_paired(a, b, subjects, rng(), margin=1) for a, b in ((first, second), (second, first)))
    assert one.difference == pytest.approx(-other.difference)
    assert (one.bootstrap.low, one.bootstrap.high) == pytest.approx((-other.bootstrap.high, -other.bootstrap.low))
    assert (one.bootstrap.p, one.t_test.p, one.rank_test.p) == pytest.approx(
        (other.bootstrap.p, other.t_test.p, other.rank_test.p)
    )
    assert (one.effect, one.rank_effect) == pytest.approx((-other.effect, -other.rank_effect))
    assert one.equivalence is not None
    assert other.equivalence is not None
    assert one.equivalence.p_above == pytest.approx(other.equivalence.p_below)


def test_the_interval_excludes_zero_exactly_where_p_is_small():
    for seed in range(40):
        first, second, subjects = paired(seed, shift=0.6)
        found = compare_paired(first, second, subjects, rng(seed), resamples=1999).bootstrap
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_equivalence_is_the_interval_inside_the_margins():
    decisions = set()
    for seed in range(40):
        first, second, subjects = paired(seed, between=0.3, within=0.3, shift=0.15)
        found = compare_paired(first, second, subjects, rng(seed), margin=0.3, resamples=1999)
        for result in (found.equivalence, found.equivalence_bootstrap):
            assert result is not None
            assert result.equivalent == (result.low > -0.3 and result.high < 0.3)
            decisions.add(result.equivalent)
    assert decisions == {True, False}


def test_missing_pairs_are_dropped_and_counted():
    first, second, subjects = paired(4)
    first[:3], second[2:5] = np.nan, np.inf
    found = compare_paired(first, second, subjects, rng())
    kept = compare_paired(first[5:], second[5:], subjects[5:], rng())
    assert (found.missing, found.dropped, found.counts) == ((3, 3), 5, (115, 115))
    assert (found.difference, found.t_test, found.bootstrap) == (kept.difference, kept.t_test, kept.bootstrap)
    sets = unpaired(4)
    sets[0][:2] = np.nan
    assert compare_unpaired(*sets, rng()).missing == (2, 0)


def untested(found: Comparison, reason: str) -> bool:
    """No p value anywhere, and a reason everywhere."""
    tests = (found.bootstrap, found.t_test, found.rank_test, found.equivalence, found.equivalence_bootstrap)
    assert all(test is not None and np.isnan(test.p) and reason in test.note for test in tests)
    assert found.equivalence is not None
    assert found.equivalence.equivalent is None
    return True


@pytest.mark.parametrize(
    ("first", "second", "subjects", "reason"),
    [
        ([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], "aaa", "fewer than 5 subjects"),
        ([], [], "", "fewer than 5 subjects"),
        ([np.nan, 1.0, 2.0], [1.0, np.nan, 1.0], "abc", "fewer than 5 subjects"),
        ([1.0] * 12, [1.0] * 12, "abcdefghijkl", "all subjects are equal"),
        ([1.1] * 12, [0.4] * 12, "abcdefghijkl", "all subjects are equal"),
        # 0.1 + 0.2 is not 0.3: rounding error is no evidence.
        ([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.1 + 0.2], [0.3] * 6, "abcdef", "all subjects are equal"),
        # Images differ, subject means do not.
        ([0.0, 2.0] * 6, [0.5] * 12, "aabbccddeeff", "all subjects are equal"),
    ],
)
def test_what_cannot_be_tested_has_no_p_value(first, second, subjects, reason):
    found = compare_paired(np.array(first), np.array(second), list(subjects), rng(), margin=0.5)
    assert untested(found, reason)
    assert np.isnan(found.effect)
    json.dumps(found.to_json(), allow_nan=False)


def test_unpaired_sets_that_cannot_be_tested():
    one, many = np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    found = compare_unpaired(one, ["a", "a"], many, ["b", "c", "d"], rng(), margin=1)
    assert untested(found, "fewer than 5 subjects")
    found = compare_unpaired(np.full(6, 0.7), list("abcdef"), np.full(6, 0.9), list("ghijkl"), rng(), margin=1)
    assert untested(found, "all subjects are equal")
    found = compare_unpaired(np.array([]), [], np.array([np.nan]), ["a"], rng())
    assert np.isnan(found.difference)
    assert found.equivalence is None


def test_few_subjects_are_not_resampled_and_say_so():
    first, second, subjects = paired(5, subjects=4)
    found = compare_paired(first, second, subjects, rng(), margin=0.5)
    assert np.isnan(found.bootstrap.p)
    assert untested(found, "fewer than 5 subjects")  # where the interval is withheld, so is every p value
    assert np.isfinite(found.effect)
    assert "no p value can be below 0.0625" in compare_paired(*paired(5, subjects=5), rng()).rank_test.note
    assert compare_paired(*paired(5, subjects=6), rng()).bootstrap.note == "few subjects (6)"
    assert compare_paired(*paired(5, subjects=6), rng()).rank_test.note == ""


def test_one_set_may_be_constant():
    found = compare_unpaired(np.full(6, 0.5), list("abcdef"), *unpaired(6)[:2], rng(), margin=9)
    assert found.t_test.p < 1e-6
    assert np.isfinite(found.bootstrap.p)


def test_bad_arguments_are_refused():
    values, subjects = np.arange(3.0), ["a", "b", "c"]
    with pytest.raises(ValueError, match="as many subjects"):
        compare_paired(values, values, subjects[:2], rng())
    with pytest.raises(ValueError, match="as many subjects"):
        compare_unpaired(values, subjects, values, ["d"], rng())
    with pytest.raises(ValueError, match="in both sets, the first is c"):
        compare_unpaired(values, subjects, values, ["c", "d", "e"], rng())
    for margin in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="margin"):
            compare_paired(values, values, subjects, rng(), margin=float(margin))
    with pytest.raises(ValueError, match="level"):
        compare_paired(values, values, subjects, rng(), level=0.5)


def test_the_result_is_plain_json_and_the_seed_decides():
    first, second, subjects = paired(7)
    found, again = (compare_paired(first, second, subjects, rng(1), margin=0.5) for _ in range(2))
    assert found == again
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["bootstrap"]["p"] == found.bootstrap.p
    assert plain["equivalence"]["alpha"] == 0.05
    assert plain["subjects"] == [12, 12]


@cache
def simulate(subjects, images, shift=0.0, spread=1.0, runs=400):
    """Share of runs in which each test rejects, the interval covers, and each shows equivalence within 1."""
    shares = np.zeros(7)
    for seed in range(runs):
        first, second, ids = paired(seed, subjects, images, shift, spread, 0.7 * spread)
        found = compare_paired(first, second, ids, rng(seed), margin=1, resamples=600)
        assert found.equivalence is not None
        assert found.equivalence_bootstrap is not None
        shares += (
            found.bootstrap.p < 0.05,
            found.t_test.p < 0.05,
            found.rank_test.p < 0.05,
            stats.ttest_rel(first, second).pvalue < 0.05,
            found.bootstrap.low <= shift <= found.bootstrap.high,
            found.equivalence.p < 0.05,
            found.equivalence_bootstrap.p < 0.05,
        )
    return dict(
        zip(("bootstrap", "t", "rank", "image", "covers", "tost", "tost_bootstrap"), shares / runs, strict=True)
    )


# Three standard errors of a share of 5 % from 400 runs are 0.033.
@pytest.mark.parametrize(("subjects", "images"), [(12, 10), (39, 2)])
def test_type_one_error_is_near_alpha_by_subject_and_far_above_by_image(subjects, images):
    share = simulate(subjects, images)
    for test in ("bootstrap", "t", "rank"):
        assert share[test] == pytest.approx(0.05, abs=0.033), test
    assert share["image"] > (0.3 if images == 10 else 0.09)
    assert share["covers"] == pytest.approx(0.95, abs=0.033)


def test_with_six_specimens_the_bootstrap_errs_on_the_safe_side():
    share = simulate(6, 10)
    assert share["bootstrap"] <= 0.05
    assert share["covers"] >= 0.95
    assert share["image"] > 0.3


def test_at_the_margin_equivalence_is_claimed_about_as_often_as_alpha():
    share = simulate(12, 10, shift=1.0, spread=0.3)
    assert share["tost"] == pytest.approx(0.05, abs=0.033)
    assert share["tost_bootstrap"] == pytest.approx(0.05, abs=0.033)


def test_equivalent_methods_are_found_equivalent_and_no_difference_is_not_equivalence():
    assert simulate(12, 10, spread=0.3)["tost"] > 0.95
    wide = simulate(6, 10)
    assert wide["t"] < 0.1
    assert wide["tost"] < 0.6  # seldom different, and yet not shown to be the same


def test_unpaired_type_one_error_is_near_alpha_by_subject():
    found = [compare_unpaired(*unpaired(seed), rng(seed), resamples=600) for seed in range(300)]
    for p in ([one.bootstrap.p for one in found], [one.t_test.p for one in found], [one.rank_test.p for one in found]):
        assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.038)
    naive = [stats.ttest_ind(sets[0], sets[2]).pvalue for sets in map(unpaired, range(300))]
    assert np.mean(np.array(naive) < 0.05) > 0.3


def test_replicates_without_spread_are_left_out():
    clusters = group(np.arange(5.0), list("abcde"))
    replicates = bootstrap_t(clusters, rng(), 20000).replicates
    assert np.isfinite(replicates).all()
    assert 0 < 20000 - len(replicates) < 100  # one subject throughout: 5 / 5^5 of the draws, 32 expected
