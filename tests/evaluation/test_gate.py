"""The plausibility gate: what it drops, and that it changes nothing but its own figures."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import ListReader, hide, make_case, noisy, perfect
from rich.console import Console

from synthex.core import ConfigError, DistanceGate, EvalProtocol, Vocabulary
from synthex.evaluation import (
    TrivialPredictor,
    csv_tables,
    documented_keys,
    evaluate,
    read_prediction_set,
    render_report,
    terminal_table,
    write_prediction_set,
)

PLAIN = EvalProtocol("tool", Vocabulary(("tool",), ("base", "tip", "joint")), (0.5,), "landmark_error_mm_mean")
GATED = replace(PLAIN, gate=DistanceGate("base", "tip", 15, 200))


def place(sample, *points):
    """The sample with its landmarks at these pixels."""
    return replace(sample, landmarks=np.array(points, dtype=np.float64))


def cases(count=4, size=(480, 480), **options):
    """Tools of 50 mm, 100 px of 0.5 mm, with a joint between."""
    samples = [make_case(index, size=size, protocol=PLAIN, **options) for index in range(count)]
    return [place(sample, (100, 100), (200, 100), (150, 100)) for sample in samples]


@pytest.fixture
def score(tmp_path):
    def run(samples, predictions, protocol=GATED, **options):
        write_prediction_set(tmp_path / "set", predictions, protocol)
        reader = ListReader(tuple(samples), ("tool",), ("base", "tip", "joint"))
        return evaluate(read_prediction_set(tmp_path / "set", protocol), reader, protocol, pictures=0, **options)

    return run


def guessing(sample, base, tip, **changes):
    """A prediction of the ends; the joint is right."""
    return replace(perfect(sample), landmarks=np.array((base, tip, (150, 100)), dtype=np.float64), **changes)


@pytest.mark.parametrize(
    ("tip", "kept"),
    [((130, 100), 0), ((130.5, 100), 1), ((124, 118), 0), ((124, 119), 1), ((499.5, 100), 1), ((500, 100), 0)],
)
def test_bounds_are_excluded_and_in_mm_at_the_detector(score, tip, kept):
    """From (100, 100), 30 px of 0.5 mm are just 15 mm and 400 px just 200 mm; (24, 18) px are 30 px."""
    sample = cases(1, size=(480, 640))[0]
    summary = score([sample], [guessing(sample, (100, 100), tip)]).summary
    assert (summary["gate_kept_cases"], summary["gate_dropped_cases"]) == (kept, 1 - kept)


def test_an_implausible_pair_counts_as_not_detected_and_other_landmarks_stay(score):
    samples = cases(8, subjects=8)
    predictions = [guessing(sample, (103, 104), (203, 104)) for sample in samples]  # both ends 5 px = 2.5 mm off
    predictions[7] = guessing(samples[7], (190, 100), (200, 100))  # base at the tip: 90 px = 45 mm off, 5 mm apart
    summary = score(samples, predictions).summary
    assert (summary["gate_dropped_cases"], summary["gate_dropped_landmarks"]) == (1, 2)
    assert summary["landmark_error_mm_mean/base"] == pytest.approx((7 * 2.5 + 45) / 8)
    assert summary["gated_landmark_error_mm_mean/base"] == pytest.approx(2.5)
    assert summary["gated_landmark_error_mm_std/base"] == pytest.approx(0)
    assert summary["gated_detection_rate/tip"] == 7 / 8
    assert summary["gated_detection_rate/joint"] == 1
    assert summary["gate_dropped_landmarks/joint"] == 0
    assert summary["detection_rate"] == 1
    assert summary["gated_detection_rate"] == pytest.approx(22 / 24)
    assert summary["landmark_error_mm_mean"] == pytest.approx((14 * 2.5 + 45) / 24)
    assert summary["gated_landmark_error_mm_mean"] == pytest.approx(14 * 2.5 / 22)
    for end in ("", "/base", "/tip"):
        low, high = (summary[f"gated_detection_rate_ci95_{side}{end}"] for side in ("low", "high"))
        assert low < summary[f"gated_detection_rate{end}"] < high


def test_guesses_below_the_cut_make_a_pair_and_missing_ones_do_not(score):
    sample, other = cases(2)
    unsure = guessing(sample, (100, 100), (200, 100), present=np.array([True, False, True]))
    lost = guessing(other, (100, 100), (np.nan, np.nan), present=np.array([True, False, True]))
    summary = score([sample, other], [unsure, lost]).summary
    assert (summary["gate_kept_cases"], summary["gate_dropped_cases"]) == (1, 1)
    assert summary["gate_dropped_landmarks"] == 1  # the base that was found: the tip was not detected anyway
    assert summary["gated_detection_rate/base"] == 0.5


def test_the_gate_also_takes_back_false_detections(score):
    sample = hide(cases(1)[0], 1)
    claim = guessing(sample, (100, 100), (101, 100), present=np.ones(3, dtype=bool))
    summary = score([sample], [claim]).summary
    assert (summary["false_detection_rate"], summary["gated_false_detection_rate"]) == (1, 0)


def test_the_headline_is_the_same_bit_for_bit(score):
    samples = cases(6)
    predictions = [noisy(sample, 40.0) for sample in samples]
    without, gated = score(samples, predictions, PLAIN).summary, score(samples, predictions).summary
    assert {key: gated[key] for key in without} == without
    assert set(gated) - set(without) == {key for key in gated if key.startswith(("gate_", "gated_"))}


def test_a_gate_that_drops_nothing_gives_the_same_figures(score):
    samples = cases(6)
    summary = score(samples, [noisy(sample, 5.0) for sample in samples]).summary
    assert summary["gate_dropped_cases"] == 0
    for key in (key for key in summary if key.startswith("gated_")):
        assert summary[key] == summary[key.removeprefix("gated_")], key


def test_a_gate_that_drops_everything_has_no_error(score):
    samples = cases(3)
    summary = score(samples, [guessing(sample, (100, 100), (100, 100)) for sample in samples]).summary
    assert summary["gated_landmark_error_mm_mean/base"] is None
    assert summary["gated_detection_rate/base"] == 0
    json.dumps(summary, allow_nan=False)


def test_every_key_is_documented_baseline_included(score):
    samples = cases(4)
    baseline = TrivialPredictor.fit(cases(4))
    evaluation = score(samples, [noisy(sample) for sample in samples], baseline=baseline)
    keys = documented_keys(evaluation.scores, with_baseline=True, with_gate=True)
    assert list(evaluation.summary) == list(keys)
    assert evaluation.summary["baseline_gate_kept_cases"] == 4
    assert "gated_landmark_error_mm_mean" in csv_tables(evaluation)["per_landmark.csv"].splitlines()[0]


def test_table_and_report_say_what_it_does(score):
    samples = cases(4)
    predictions = [perfect(sample) for sample in samples]
    predictions[0] = guessing(samples[0], (190, 100), (200, 100))
    evaluation = score(samples, predictions)
    said = (
        "Gate (base, tip found 15 to 200 mm apart): drops 1 of 4 images with 2 of 12 detected landmarks; mean error "
        "3.75 becomes 0.00 mm, detection rate 100.0 % becomes 83.3 %. All other figures are without it."
    )
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(terminal_table(evaluation))
    assert said in console.export_text()
    assert said in render_report(evaluation, {})
    assert "Gate (" not in render_report(score(samples, predictions, PLAIN), {})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DistanceGate("base", "tip", 200, 15), r"gate_mm=\[200, 15\]: give \[low, high\]"),
        (lambda: DistanceGate("base", "tip", -1, 15), "0 <= low < high"),
        (lambda: DistanceGate("base", "tip", float("nan"), 15), "0 <= low < high"),
        (lambda: DistanceGate("tip", "tip", 1, 15), "tip twice"),
        (lambda: replace(PLAIN, gate=DistanceGate("base", "top", 15, 200)), "names top.*are base, tip, joint"),
    ],
)
def test_an_impossible_gate_is_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_intervals_of_detection_by_landmark_are_in_the_report(score):
    samples = cases(12, subjects=6)
    predictions = [perfect(sample) for sample in samples]
    for prediction in predictions[:2]:
        prediction.present[1] = False
    evaluation = score(samples, predictions)
    low, high = (evaluation.summary[f"detection_rate_ci95_{side}/tip"] for side in ("low", "high"))
    assert f"{100 * low:.1f} to {100 * high:.1f} %" in render_report(evaluation, {})
    assert 0 < low < 10 / 12 < high <= 1
