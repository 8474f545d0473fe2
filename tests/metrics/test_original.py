"""What the original computes, and where that differs from the corrected figure: there only where it is wrong."""

import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.metrics import describe, dice, original
from synthex.metrics.landmarks import detection_rate, distances_px, fill_misses
from synthex.metrics.original import covid_scores, figure, hip_dice, hip_landmark_errors_mm, tool_landmark_errors_mm
from synthex.metrics.segmentation import confusion, score_masks

RATIOS = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2", "dice")

# Facts 1.9, hip: mean, std and interval as printed, and the number of values that they imply.
HIP_LANDMARKS = [
    ("L.FH", 4.25, 2.37, 0.32, 211),
    ("R.FH", 9.69, 5.76, 0.85, 176),
    ("L.GSN", 5.89, 3.54, 0.48, 209),
    ("R.GSN", 9.19, 7.91, 1.09, 202),
    ("L.IOF", 7.59, 10.12, 1.38, 207),
    ("R.IOF", 5.11, 6.64, 0.93, 196),
    ("L.MOF", 6.38, 11.81, 1.51, 235),
    ("R.MOF", 8.40, 4.48, 0.58, 229),
    ("L.SPS", 5.40, 5.15, 0.62, 265),
    ("R.SPS", 5.90, 5.50, 0.67, 259),
    ("L.IPS", 4.39, 3.05, 0.40, 223),
    ("R.IPS", 4.14, 3.16, 0.40, 240),
    ("L.ASIS", 9.38, 6.54, 1.12, 131),
    ("R.ASIS", 7.35, 13.31, 2.43, 115),
]
HIP_DICE = [
    (0.84, 0.20, 0.02),
    (0.87, 0.14, 0.01),
    (0.78, 0.17, 0.02),
    (0.59, 0.14, 0.01),
    (0.91, 0.18, 0.02),
    (0.81, 0.33, 0.03),
]
TOOL = [
    (1.09, 0.69, 0.09), (1.12, 1.04, 0.13), (0.92, 0.07, 0.01),  # sim2real: base, tip, Dice
    (1.09, 0.89, 0.11), (1.29, 3.40, 0.43), (0.41, 0.23, 0.03),  # real2real
]  # fmt: skip


def values_with(mean, std, count, seed=0):
    """A sample that has this mean and population standard deviation to rounding error."""
    raw = np.random.default_rng(seed).standard_normal(count)
    return mean + std * (raw - raw.mean()) / raw.std()


def pair(tp, fp, fn, tn):
    predicted = np.repeat([True, True, False, False], (tp, fp, fn, tn))[None]
    truth = np.repeat([True, False, True, False], (tp, fp, fn, tn))[None]
    return predicted, truth


def both(tp, fp, fn, tn):
    """The original's and the corrected scores of one image of these counts."""
    masks = pair(tp, fp, fn, tn)
    ours = score_masks(*masks).as_dict()
    theirs = covid_scores(confusion(*masks))
    return {name: (float(getattr(theirs, name)), float(ours[name])) for name in RATIOS}


@pytest.mark.parametrize(("name", "mean", "std", "interval", "count"), HIP_LANDMARKS)
def test_the_published_hip_rows_follow_from_their_moments(name, mean, std, interval, count):
    found = figure(values_with(mean, std, count), round_std=True)
    assert (round(found.mean, 2), found.std, round(found.half_width, 2), found.count) == (mean, std, interval, count)


@pytest.mark.parametrize(("mean", "std", "interval"), HIP_DICE)
def test_the_published_hip_dice_follow_from_366_images(mean, std, interval):
    found = figure(values_with(mean, std, 366), round_std=True)
    assert (round(found.mean, 2), found.std, round(found.half_width, 2)) == (mean, std, interval)


@pytest.mark.parametrize(("mean", "std", "interval"), TOOL)
def test_the_published_tool_rows_follow_from_about_250_images(mean, std, interval):
    found = figure(values_with(mean, std, 245), round_std=False)
    assert (round(found.mean, 2), round(found.std, 2), round(found.half_width, 2)) == (mean, std, interval)


def pooled(rows, seed=0):
    """One figure of the values of several rows of (mean, std, count)."""
    return figure(np.concatenate([values_with(*row, seed=seed) for row in rows]), round_std=False)


def test_the_published_overall_rows_are_pooled_over_their_parts():
    """All values together, not a mean of means; the counts of landmarks are those that the intervals imply."""
    found = pooled([(mean, std, count) for _, mean, std, _, count in HIP_LANDMARKS])
    assert (found.mean, found.std) == (pytest.approx(6.44, abs=0.015), pytest.approx(7.05, abs=0.015))
    assert round(found.half_width, 2) == 0.26
    assert np.mean([row[1] for row in HIP_LANDMARKS]) > 6.6  # which a mean of means is not
    found = pooled([(mean, std, 366) for mean, std, _ in HIP_DICE])
    assert (round(found.mean, 2), round(found.std, 2), round(found.half_width, 2)) == (0.80, 0.23, 0.01)
    for rows, published in ((TOOL[:2], (1.10, 0.88, 0.08)), (TOOL[3:5], (1.19, 2.49, 0.22))):
        found = pooled([(mean, std, 245) for mean, std, _ in rows])
        assert (found.mean, found.std) == (
            pytest.approx(published[0], abs=0.0051),
            pytest.approx(published[1], abs=0.005),
        )
        assert round(found.half_width, 2) == published[2]


def test_ratios_of_the_covid_script_by_hand():
    counts = confusion(*pair(tp=30, fp=10, fn=20, tn=40))
    found = covid_scores(counts)
    e = 1e-4
    sensitivity, precision = (30 + e) / (50 + e), (30 + e) / (40 + e)
    assert float(found.sensitivity) == sensitivity
    assert float(found.specificity) == (40 + e) / (50 + e)
    assert float(found.precision) == precision
    assert float(found.accuracy) == (70 + e) / (100 + e)
    assert float(found.dice) == (60 + e) / (90 + e)
    assert float(found.f1) == pytest.approx(2 * (precision * sensitivity + e) / (precision + sensitivity + e))
    assert float(found.f2) == pytest.approx(5 * (precision * sensitivity + e) / (4 * precision + sensitivity + e))


@pytest.mark.parametrize("counts", [(3000, 900, 700, 45576), (500, 20, 0, 49656), (500, 0, 30, 49646), (9, 0, 0, 91)])
def test_where_lesions_are_found_the_two_agree(counts):
    for name, (theirs, ours) in both(*counts).items():
        assert theirs == pytest.approx(ours, abs=3e-4), name


def test_oddity_7_a_complete_miss_is_rewarded_by_the_f_formula():
    scores = both(tp=0, fp=1000, fn=1000, tn=48176)
    theirs, ours = scores["f1"]
    assert ours == 0
    assert theirs == pytest.approx(2.0, abs=0.01)
    theirs, ours = scores["f2"]
    assert ours == 0
    assert theirs == pytest.approx(4.98, abs=0.01)
    for name in RATIOS:  # all else is right
        if name not in ("f1", "f2"):
            theirs, ours = scores[name]
            assert theirs == pytest.approx(ours, abs=1e-5), name


def test_oddity_7_inflates_a_mean_beyond_what_an_f_measure_can_be():
    good, miss = both(900, 100, 100, 48000), both(0, 100, 1000, 48000)
    means = [np.mean([good["f2"][side], miss["f2"][side]]) for side in (0, 1)]
    assert means[1] == pytest.approx(0.45)
    assert means[0] > 2.5


@pytest.mark.parametrize(("counts", "name"), [((0, 700, 0, 300), "sensitivity"), ((0, 0, 700, 300), "precision")])
def test_one_empty_mask(counts, name):
    """The undefined ratio counts as perfect there and is not counted here; F is about 2e-4 there and 0 here."""
    scores = both(*counts)
    assert scores[name][0] == 1
    assert np.isnan(scores[name][1])
    for f in ("f1", "f2"):
        theirs, ours = scores[f]
        assert ours == 0
        assert 0 < theirs < 2e-3
    assert scores["dice"][0] == pytest.approx(scores["dice"][1], abs=1e-6)


def test_f1_with_one_empty_mask_is_as_small_as_the_notes_say():
    assert both(0, 700, 0, 49476)["f1"][0] == pytest.approx(2e-4, rel=0.01)


def test_two_empty_masks_are_perfect_there_and_not_counted_here():
    scores = both(0, 0, 0, 1000)
    assert all(theirs == pytest.approx(1, abs=1e-4) for theirs, _ in scores.values())
    assert {name for name, (_, ours) in scores.items() if np.isnan(ours)} == {
        "sensitivity", "precision", "f1", "f2", "dice",
    }  # fmt: skip


def test_oddity_21_labels_between_black_and_white_are_truth_in_scoring():
    probability, label = np.array([[0.5, 0.51, 0.9]]), np.array([[0, 1, 255]], dtype=np.uint8)
    predicted, truth = original.binary_masks(probability, label)
    assert predicted.tolist() == [[False, True, True]]
    assert truth.tolist() == [[False, True, True]]


def test_oddity_24_hip_dice_is_rounded_and_empty_pairs_are_perfect():
    predicted, truth = np.zeros((3, 1, 9), dtype=bool), np.zeros((3, 1, 9), dtype=bool)
    predicted[0, 0, :4], truth[0, 0, 2:7] = True, True  # 2 * 2 / 9 = 0.444...
    predicted[1, 0, :4], truth[1, 0, :4] = True, True
    np.testing.assert_array_equal(hip_dice(predicted, truth), [0.44, 1, 1])
    np.testing.assert_allclose(dice(predicted, truth), [4 / 9, 1, np.nan])


def test_oddity_24_rounding_first_moves_the_interval_and_nothing_else():
    values = values_with(0.9, 0.0149, 100)
    rounded, exact = figure(values, round_std=True), figure(values, round_std=False)
    assert rounded.mean == exact.mean
    assert rounded.half_width == pytest.approx(0.00196)
    assert exact.half_width == pytest.approx(0.0029204)


def test_oddity_24_images_of_one_specimen_are_not_independent():
    rng = np.random.default_rng(3)
    values = (rng.normal(6, 2, 12)[:, None] + rng.normal(0, 0.5, (12, 60))).ravel()
    ours = describe(values, [str(index // 60) for index in range(720)], derive_rng(0))
    theirs = figure(values, round_std=True)
    assert theirs.mean == ours.mean
    assert theirs.std == pytest.approx(ours.std, abs=0.005)
    assert (ours.ci95.high - ours.ci95.low) / 2 > 4 * theirs.half_width


def test_with_one_image_a_subject_the_intervals_agree():
    values = np.random.default_rng(4).normal(6, 2, 400)
    ours = describe(values, [str(index) for index in range(400)], derive_rng(0)).ci95
    assert (ours.high - ours.low) / 2 == pytest.approx(figure(values, round_std=False).half_width, rel=0.1)


def test_hip_errors_of_landmarks_well_inside_agree():
    rng = np.random.default_rng(5)
    guess, truth = rng.uniform(1, 359, (2, 20, 14, 2))
    theirs = hip_landmark_errors_mm(guess, truth, 360)
    np.testing.assert_allclose(theirs, distances_px(guess, truth) * 0.776)


@pytest.mark.parametrize(
    ("guess", "truth", "counted"),
    [
        ((10, 10), (20, 20), True),
        ((-1, -1), (20, 20), False),  # not found
        ((0, 10), (20, 20), False),  # found, in the first column
        ((10, 0), (20, 20), False),  # in the first row
        ((10, 10), (0, 20), False),  # a visible landmark in the first column
        ((0.4, 10), (20, 20), True),
        ((359.9, 10), (20, 20), True),
        ((360, 10), (20, 20), False),
        ((10, 10), (20, 360), False),
        ((np.nan, np.nan), (20, 20), False),
    ],
)
def test_oddity_8_pairs_that_the_hip_script_drops(guess, truth, counted):
    found = hip_landmark_errors_mm(np.array(guess, dtype=float), np.array(truth, dtype=float), 360, 1)
    assert np.isfinite(found) == counted


def test_oddity_8_dropping_the_hard_ones_looks_better_only_there():
    truth = np.full((10, 1, 2), 100.0)
    guess = truth + np.where(np.arange(10) < 5, 3.0, 60.0)[:, None, None] * [1.0, 0.0]
    silent = np.where(np.arange(10)[:, None, None] < 5, guess, -1.0)
    known = np.ones((10, 1), dtype=bool)
    theirs = [figure(hip_landmark_errors_mm(points, truth, 360, 1), True) for points in (guess, silent)]
    assert [found.mean for found in theirs] == [31.5, 3.0]
    assert [found.count for found in theirs] == [10, 5]
    ours = [
        fill_misses(distances_px(np.where(points < 0, np.nan, points), truth), np.full(10, 360 * 2**0.5)).mean()
        for points in (guess, silent)
    ]
    assert ours[0] == theirs[0].mean
    assert ours[1] > ours[0]
    assert [detection_rate(points[..., 0] >= 0, known, known) for points in (guess, silent)] == [1, 0.5]


def tool(base, tip, truth=((100, 100), (200, 100))):
    return tool_landmark_errors_mm(np.array([[base, tip]], dtype=float), np.array([truth], dtype=float))[0]


def test_tool_errors_have_another_scale_than_the_gate():
    np.testing.assert_allclose(tool((103, 104), (200, 100)), [5 * 0.5804, 0])
    # 344.83 px are 200.001 mm at 0.58 a pixel; 344.8 px are 199.98 there though 200.1 at the errors' own scale.
    assert np.isnan(tool((0, 0), (344.83, 0))).all()
    assert np.isfinite(tool((0, 0), (344.8, 0))).all()


def test_the_tool_script_skips_short_tools_and_unannotated_images():
    assert np.isnan(tool((100, 100), (125.8, 100))).all()  # 14.96 mm
    assert np.isfinite(tool((100, 100), (126, 100))).all()
    assert np.isnan(tool((100, 100), (200, 100), truth=((-1, -1), (200, 100)))).all()
    refused = tool((np.nan, np.nan), (200, 103))
    assert np.isnan(refused[0])
    assert refused[1] == pytest.approx(3 * 0.5804)


def test_oddity_13_landmarks_in_16_bits():
    points = np.array([[100.1, 300.1], [511.1, 17.0]])
    found = original.half_precision(points)
    assert np.abs(found - points).max() <= 0.125
    assert found[0, 1] == 300.0
    np.testing.assert_allclose(found[0, 0], 100.1, atol=0.032)


def test_nothing_has_no_figure():
    found = figure(np.array([np.nan]), round_std=True)
    assert found.count == 0
    assert np.isnan([found.mean, found.std, found.half_width]).all()
