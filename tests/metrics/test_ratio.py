import numpy as np
import pytest

from synthex.metrics import ratio_of_means


def people(count, each=2):
    return [f"p{index // each:02d}" for index in range(count * each)]


def test_a_constant_share_is_known_exactly():
    second = np.random.default_rng(0).random(20)
    found = ratio_of_means(0.8 * second, second, people(10), np.random.default_rng(1))
    np.testing.assert_allclose((found.value, found.low, found.high), 0.8, rtol=1e-12)
    assert found.note == ""


def test_it_is_a_ratio_of_means_not_a_mean_of_ratios():
    first, second = np.array([1.0, 0.0, 3.0, np.nan, 2.0]), np.array([2.0, 4.0, 0.0, 5.0, np.nan])
    found = ratio_of_means(first, second, list("abcde"), np.random.default_rng(0))
    assert found.value == pytest.approx(4 / 6)  # the pairs that both have
    assert np.isnan((found.low, found.high)).all()
    assert "fewer than 5 subjects" in found.note


def test_with_equal_seconds_it_is_the_interval_of_a_mean():
    """A share of a constant is a mean in another unit; its interval is the studentized one of the mean."""
    from synthex.metrics import bootstrap_mean_ci

    first, subjects = np.random.default_rng(0).random(30), people(15)
    found = ratio_of_means(first, np.full(30, 0.5), subjects, np.random.default_rng(3))
    mean = bootstrap_mean_ci(first, subjects, np.random.default_rng(3), method="studentized")
    np.testing.assert_allclose((found.low, found.high), (2 * mean.low, 2 * mean.high), rtol=1e-9)


def test_units_do_not_matter():
    rng = np.random.default_rng(0)
    first, second = rng.random(30), rng.random(30)
    one = ratio_of_means(first, second, people(15), np.random.default_rng(1), resamples=499)
    other = ratio_of_means(1e-9 * first, 1e-9 * second, people(15), np.random.default_rng(1), resamples=499)
    np.testing.assert_allclose((one.value, one.low, one.high), (other.value, other.low, other.high), rtol=1e-9)


def test_resamples_without_a_second_are_left_out():
    second = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    found = ratio_of_means(np.linspace(0.1, 0.6, 6), second, list("abcdef"), np.random.default_rng(0))
    assert found.value == pytest.approx(2.1 / 2)
    assert 0 <= found.low < found.value < found.high < np.inf


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [([], [], "no pair"), ([np.nan] * 6, [1.0] * 6, "no pair"), ([1.0] * 6, [0.0] * 6, "all 0"),
     ([-1.0] * 6, [1.0] * 6, "below 0")],
)  # fmt: skip
def test_where_there_is_none_a_note_says_why(first, second, note):
    subjects = [f"s{index}" for index in range(len(first))]
    found = ratio_of_means(np.array(first, float), np.array(second, float), subjects, np.random.default_rng(0))
    assert np.isnan((found.value, found.low, found.high)).all()
    assert note in found.note
    with pytest.raises(ValueError, match="as many subjects"):
        ratio_of_means(np.ones(3), np.ones(3), ["a"], np.random.default_rng(0))


def test_the_interval_covers_as_often_as_it_says():
    """Shares of correlated values of 10 patients with 1 to 3 images each; the truth is from a huge sample."""

    def draw(count, rng):
        subjects = np.repeat(np.arange(count), rng.integers(1, 4, count))
        level = rng.beta(2, 2, count)[subjects]
        second = np.clip(level + rng.normal(0, 0.15, len(subjects)), 0, 1)
        return np.clip(0.8 * level + rng.normal(0, 0.2, len(subjects)), 0, 1), second, subjects.astype(str).tolist()

    first, second, _ = draw(200_000, np.random.default_rng(9))
    truth, rng, hits = first.mean() / second.mean(), np.random.default_rng(0), 0
    for _ in range(300):
        found = ratio_of_means(*draw(10, rng), rng, resamples=399)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 300 <= 0.98  # 95 % within 2.4 binomial standard deviations
