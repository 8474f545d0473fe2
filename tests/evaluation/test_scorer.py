import json
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, hide, make_case, noisy, perfect

from synthex.core import ConfigError, EvalProtocol, InputError, Vocabulary
from synthex.evaluation import (
    TrivialPredictor,
    documented_keys,
    evaluate,
    read_prediction_set,
    write_prediction_set,
)


@pytest.fixture
def score(tmp_path):
    def run(samples, predictions, protocol=PROTOCOL, reader=None, **options):
        write_prediction_set(tmp_path / "set", predictions, protocol)
        found = read_prediction_set(tmp_path / "set", protocol)
        return evaluate(found, reader or ListReader(tuple(samples)), protocol, **options)

    return run


def test_a_perfect_prediction(score):
    samples = [make_case(0), hide(make_case(1), 2), make_case(2)]
    summary = score(samples, [perfect(sample) for sample in samples]).summary
    assert summary["landmark_error_mm_mean"] == 0
    assert summary["landmark_error_mm_mean_all"] == 0
    assert summary["dice_mean"] == 1
    assert summary["detection_rate"] == 1
    assert summary["false_detection_rate"] == 0
    assert (summary["cases"], summary["subjects"]) == (3, 3)
    assert (summary["visible_landmarks"], summary["absent_landmarks"]) == (11, 1)


def test_a_shift_of_three_and_four_pixels(score):
    samples = [make_case(index, pixel_mm=0.5, magnification=2.0) for index in range(4)]
    summary = score(samples, [perfect(sample, (3, 4)) for sample in samples]).summary
    for key in ("mean", "median", "p95", "ci95_low", "ci95_high"):
        assert summary[f"landmark_error_mm_{key}"] == pytest.approx(2.5)
        assert summary[f"landmark_error_isocenter_mm_{key}"] == pytest.approx(1.25)
    assert summary["landmark_error_mm_std"] == pytest.approx(0, abs=1e-12)
    assert summary["landmark_error_mm_mean/FH-l"] == pytest.approx(2.5)


def test_misses_are_dropped_from_the_one_mean_and_not_from_the_other(score):
    sample = make_case(0, size=(48, 64), pixel_mm=1.0)  # diagonal 80 px
    good = perfect(sample, (3, 4))
    points, present = good.landmarks.copy(), np.array([True, True, False, False])
    points[2] = np.nan  # no guess at all; landmark 3 keeps its guess below the cut
    summary = score([sample], [replace(good, landmarks=points, present=present)]).summary
    assert summary["landmark_error_mm_mean"] == pytest.approx(5)
    assert summary["landmark_error_mm_mean_all"] == pytest.approx((5 + 5 + 80 + 5) / 4)
    assert summary["detection_rate"] == 0.5
    assert summary["detected_landmarks"] == 2
    assert summary["landmark_error_mm_mean/ASIS-l"] is None
    assert summary["landmark_error_mm_mean_all/ASIS-l"] == pytest.approx(80)


def test_claiming_an_absent_landmark_is_counted_and_has_no_error(score):
    sample = hide(make_case(0), 1)
    prediction = perfect(sample)
    points, present = prediction.landmarks.copy(), prediction.present.copy()
    points[1], present[1] = (5, 5), True
    summary = score([sample], [replace(prediction, landmarks=points, present=present)]).summary
    assert summary["false_detection_rate"] == 1
    assert summary["landmark_error_mm_mean"] == 0
    assert summary["detection_rate/FH-r"] is None


def test_what_is_not_annotated_is_not_scored(score):
    sample = make_case(0)
    sample = replace(sample, annotated=np.array([True, True, True, False]))
    prediction = perfect(sample)
    points = prediction.landmarks.copy()
    points[3] += 20
    evaluation = score([sample], [replace(prediction, landmarks=points)])
    assert evaluation.summary["landmark_error_mm_mean_all"] == 0
    assert evaluation.summary["visible_landmarks"] == 3
    assert evaluation.summary["absent_landmarks"] == 0


def test_empty_structures_are_not_counted_unless_by_the_original_rule(score):
    sample = make_case(0)
    masks = sample.masks.copy()
    masks[2] = False
    sample = replace(sample, masks=masks)
    predicted = masks.copy()
    predicted[1] = False
    summary = score([sample], [replace(perfect(sample), masks=predicted)]).summary
    assert summary["dice_mean"] == pytest.approx(0.5)
    assert summary["dice_mean_original_rule"] == pytest.approx(2 / 3)
    assert summary["dice_mean/sacrum"] is None
    assert summary["dice_cases/sacrum"] == 0


def test_every_key_is_documented_and_plain(score):
    samples = [make_case(index) for index in range(4)]
    baseline = TrivialPredictor.fit(make_case(100 + index) for index in range(6))
    evaluation = score(samples, [noisy(sample) for sample in samples], baseline=baseline)
    assert list(evaluation.summary) == list(documented_keys(evaluation.scores, with_baseline=True))
    json.dumps(evaluation.summary, allow_nan=False)
    summary = evaluation.summary
    assert summary["primary_value"] == summary["landmark_error_mm_mean"]
    assert summary["baseline_landmark_error_mm_mean"] > summary["landmark_error_mm_mean"]
    assert summary["landmark_error_baseline_ratio_all"] == pytest.approx(
        summary["baseline_landmark_error_mm_mean_all"] / summary["landmark_error_mm_mean_all"]
    )
    for key in ("dice_mean", "detection_rate", "landmark_error_mm_mean/FH-l", "dice_mean/hip-l"):
        assert summary[f"baseline_{key}"] is not None


def test_the_share_of_best_guesses_within_a_radius_drops_no_miss(score):
    """One of two images is right and its landmarks called absent; the other's are 5 px of 0.5 mm away."""
    samples = [make_case(index) for index in range(2)]
    right, moved = perfect(samples[0]), perfect(samples[1], (3, 4))
    right.present[:] = False
    summary = score(samples, [right, moved]).summary
    share = samples[0].visible.sum() / sum(sample.visible.sum() for sample in samples)
    assert summary["landmark_within_2_mm_all"] == pytest.approx(share)
    assert summary["landmark_within_5_mm_all"] == 1


def test_another_prediction_set_can_be_the_baseline(score, tmp_path):
    samples = [make_case(index) for index in range(3)]
    write_prediction_set(tmp_path / "other", [perfect(sample, (3, 4)) for sample in samples], PROTOCOL)
    other = read_prediction_set(tmp_path / "other")
    summary = score(samples, [perfect(sample) for sample in samples], baseline=other).summary
    assert summary["baseline_landmark_error_mm_mean"] == pytest.approx(2.5)
    assert summary["landmark_error_baseline_ratio"] is None  # the model makes no error at all


def test_the_ratio_to_the_baseline_is_over_the_same_landmarks(score, tmp_path):
    """The model drops the landmark that the baseline misplaces most: that must not look like a gain."""
    samples = [make_case(index) for index in range(3)]
    moved = [perfect(sample, (6, 8)) for sample in samples]
    for prediction in moved:
        prediction.landmarks[0] += 20
    write_prediction_set(tmp_path / "other", moved, PROTOCOL)
    own = [perfect(sample, (3, 4)) for sample in samples]
    for prediction in own:
        prediction.present[0] = False
    summary = score(samples, own, baseline=read_prediction_set(tmp_path / "other")).summary
    assert summary["baseline_landmark_error_mm_mean"] / summary["landmark_error_mm_mean"] > 2.1
    assert summary["landmark_error_baseline_ratio"] == pytest.approx(2)
    assert summary["landmark_error_baseline_ratio_all"] == pytest.approx(
        summary["baseline_landmark_error_mm_mean_all"] / summary["landmark_error_mm_mean_all"]
    )


def test_one_subject_has_no_interval(score):
    samples = [make_case(index, subjects=1) for index in range(3)]
    summary = score(samples, [noisy(sample) for sample in samples]).summary
    intervals = {key for key in summary if "_ci95_" in key}
    assert {"landmark_error_mm_ci95_low", "detection_rate_ci95_high/FH-l", "dice_ci95_low/sacrum"} < intervals
    assert all(summary[key] is None for key in intervals)
    assert summary["landmark_error_mm_mean"] > 0


def test_images_of_one_subject_are_not_independent(score):
    """Ten specimens of 10 images, half of them read badly: taking images as independent is far too sure."""
    protocol = EvalProtocol("tool", Vocabulary(("tool",), ("base", "tip")), (0.5,), "landmark_error_mm_mean")
    samples = [make_case(index, subjects=10, protocol=protocol, pixel_mm=1.0) for index in range(100)]
    predictions = [perfect(sample, (0.5 + 4 * (index % 2), 0)) for index, sample in enumerate(samples)]
    for prediction in predictions[::2]:
        prediction.masks[:] = np.roll(prediction.masks, 2, axis=2)
    for index in range(0, 100, 10):
        predictions[index].present[1] = False  # tips that are lost in one specimen only
    widths = {}
    for kind in ("subjects", "images"):
        cases = [replace(one, subject_id=one.subject_id if kind == "subjects" else one.case_id) for one in samples]
        reader = ListReader(tuple(cases), ("tool",), ("base", "tip"))
        summary = score(cases, predictions, protocol, reader=reader, pictures=0).summary
        intervals = [f"landmark_error_mm_ci95_{{}}{end}" for end in ("", "/base", "/tip")]
        intervals += [f"detection_rate_ci95_{{}}{end}" for end in ("", "/tip")]
        intervals += [f"dice_ci95_{{}}{end}" for end in ("", "/tool")]
        for key in intervals:
            widths[kind, key] = summary[key.format("high")] - summary[key.format("low")]
    # Base: specimens at 0.5 and 4.5 mm; Student's t of 10 means has 2 x 2.262 x 2 / sqrt(9) = 3.0, and 100 independent
    # images have 2 x 1.96 x 2 / 10 = 0.8.
    assert widths["subjects", "landmark_error_mm_ci95_{}/base"] == pytest.approx(3.02, abs=0.3)
    assert widths["images", "landmark_error_mm_ci95_{}/base"] == pytest.approx(0.784, abs=0.08)
    for key in {key for _, key in widths}:
        assert widths["subjects", key] > 1.5 * widths["images", key] > 0, key


def test_each_sample_is_read_once_and_in_order(score):
    class Counting(ListReader):
        def __getitem__(self, index):
            reads.append(index)
            return super().__getitem__(index)

    reads: list[int] = []
    samples = tuple(make_case(index) for index in range(5))
    score(samples, [noisy(sample) for sample in samples[::-1]], reader=Counting(samples))
    assert reads == [0, 1, 2, 3, 4]


def test_missing_and_extra_cases_are_refused_or_listed(score):
    samples = [make_case(index) for index in range(4)]
    predictions = [noisy(sample) for sample in samples]
    with pytest.raises(InputError, match="lacks 1 of 4 cases, the first is case-000"):
        score(samples, predictions[1:])
    with pytest.raises(InputError, match="has 1 cases that the dataset does not have, the first is case-003"):
        score(samples[:3], predictions)
    evaluation = score(samples[1:], predictions[:3], allow_partial=True)
    assert (evaluation.missing, evaluation.extra) == (("case-003",), ("case-000",))
    assert (evaluation.summary["cases"], evaluation.summary["cases_missing"]) == (2, 1)
    with pytest.raises(InputError, match="has no case of the dataset"):
        score(samples[:2], predictions[2:], allow_partial=True)


def test_names_are_joined_not_positions(score):
    samples = [make_case(index) for index in range(3)]
    turned = [
        replace(sample, masks=sample.masks[::-1], landmarks=sample.landmarks[::-1], case_id=sample.case_id)
        for sample in samples
    ]
    reader = ListReader(tuple(turned), STRUCTURES[::-1], LANDMARKS[::-1])
    summary = score(samples, [perfect(sample) for sample in samples], reader=reader).summary
    assert summary["landmark_error_mm_mean"] == 0
    assert summary["dice_mean"] == 1


def test_names_that_the_dataset_does_not_know_are_not_scored(score):
    samples = [make_case(index) for index in range(3)]
    fewer = [
        replace(
            sample,
            masks=sample.masks[:1],
            landmarks=sample.landmarks[:2],
            visible=sample.visible[:2],
            annotated=sample.annotated[:2],
        )
        for sample in samples
    ]
    reader = ListReader(tuple(fewer), STRUCTURES[:1], LANDMARKS[:2])
    summary = score(samples, [perfect(sample) for sample in samples], reader=reader).summary
    assert summary["visible_landmarks"] == 6
    assert summary["absent_landmarks"] == 0
    assert summary["dice_mean"] == summary["dice_mean_original_rule"] == 1
    assert summary["dice_mean/sacrum"] is None
    stranger = ListReader(tuple(samples), ("skull", "jaw", "tooth"), ("a", "b", "c", "d"))
    with pytest.raises(ConfigError, match="none of the names of task toy"):
        score(samples, [perfect(sample) for sample in samples], reader=stranger)


def test_masks_of_another_size_are_refused(score):
    small, large = make_case(0), make_case(0, size=(96, 120))
    with pytest.raises(InputError, match="predicted on 48 x 60 pixels, its image is 96 x 120"):
        score([large], [perfect(small)])


def test_the_interval_is_reproducible(score):
    samples = [make_case(index) for index in range(6)]
    predictions = [noisy(sample) for sample in samples]
    assert score(samples, predictions).summary == score(samples, predictions).summary


def test_masks_only_and_landmarks_only_tasks(score):
    sample = make_case(0)
    masks_only = EvalProtocol("toy", Vocabulary(STRUCTURES), (0.5,), "dice_mean")
    empty = np.zeros(0)
    prediction = replace(perfect(sample), landmarks=np.zeros((0, 2)), confidence=empty, present=empty.astype(bool))
    summary = score([sample], [prediction], masks_only).summary
    assert (summary["primary_value"], summary["landmark_error_mm_mean"]) == (1.0, None)
    points_only = EvalProtocol("toy", Vocabulary((), LANDMARKS), (0.5,), "detection_rate")
    prediction = replace(perfect(sample), masks=np.zeros((0, 48, 60), dtype=bool))
    summary = score([sample], [prediction], points_only).summary
    assert (summary["primary_value"], summary["dice_mean"]) == (1.0, None)


def test_the_kept_pictures_are_the_ends_and_the_middle(score):
    samples = [make_case(int(index)) for index in np.random.default_rng(0).permutation(150)]
    evaluation = score(samples, [perfect(sample, (int(sample.case_id[-3:]) / 10, 0)) for sample in samples])
    ranks = {picture.rank: picture.case_id for picture in evaluation.pictures}
    assert (ranks["best-1"], ranks["best-2"]) == ("case-000", "case-001")
    assert (ranks["worst-1"], ranks["worst-2"]) == ("case-149", "case-148")
    assert {ranks["median-1"], ranks["median-2"]} == {"case-074", "case-075"}
