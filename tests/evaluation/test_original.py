"""Crafted prediction files, scored by the original's rules and by ours: facts 1.6 to 1.9 and section 5."""

from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, hide, make_case, noisy, perfect

from synthex.core import EvalProtocol, Vocabulary
from synthex.evaluation import evaluate, read_prediction_set, write_prediction_set
from synthex.evaluation.original import original_figures

SQUARE = (60, 60)
TOOL = EvalProtocol("tool", Vocabulary(("tool",), ("base", "tip")), (0.5,), "dice_mean")
LESION = EvalProtocol("covid", Vocabulary(("lesion",), ()), (0.5,), "dice_mean")


@pytest.fixture
def score(tmp_path):
    """Both sides' figures of predictions that went through files."""

    def run(samples, predictions, rule="hip", protocol=PROTOCOL):
        write_prediction_set(tmp_path / "set", predictions, protocol)
        found = read_prediction_set(tmp_path / "set", protocol)
        reader = ListReader(tuple(samples), protocol.vocabulary.structures, protocol.vocabulary.landmarks)
        theirs = original_figures(((s, found.predict(s)) for s in samples), protocol.vocabulary, rule)
        return theirs, evaluate(found, reader, protocol, pictures=0).summary

    return run


def test_hip_figures_agree_where_nothing_is_dropped_or_empty(score):
    samples = [make_case(index, size=SQUARE, subjects=20) for index in range(20)]
    predictions = [replace(noisy(sample, 2.0), present=np.ones(4, dtype=bool)) for sample in samples]
    theirs, ours = score(samples, predictions)
    assert set(theirs) == {"landmark_error_mm", "dice", *(f"landmark_error_mm/{name}" for name in LANDMARKS),
                           *(f"dice/{name}" for name in STRUCTURES)}  # fmt: skip
    for name in ("", *(f"/{name}" for name in LANDMARKS)):
        found = theirs[f"landmark_error_mm{name}"]
        assert found.mean == pytest.approx(ours[f"landmark_error_mm_mean{name}"])
        assert found.std == pytest.approx(ours[f"landmark_error_mm_std{name}"], abs=0.00501)
        assert found.half_width == pytest.approx(1.96 * found.std / np.sqrt(found.count))
        assert found.count == (20 if name else 80)
    for name in ("", *(f"/{name}" for name in STRUCTURES)):
        assert theirs[f"dice{name}"].mean == pytest.approx(ours[f"dice_mean{name}"], abs=0.00501)


def test_oddity_8_what_is_not_found_or_in_the_first_column_is_dropped(score):
    samples = [make_case(index, size=SQUARE) for index in range(3)]
    predictions = [perfect(sample, (3, 4)) for sample in samples]
    edge = samples[0].landmarks.copy()
    edge[0] = (0.5, 20.5)  # the centre of the first column's pixel: column 0 there
    samples[0] = replace(samples[0], landmarks=edge)
    samples[2] = hide(samples[2], 3)
    predictions[0] = perfect(samples[0], (3, 4))
    predictions[1] = replace(predictions[1], present=np.array([True, False, True, True]))
    theirs, ours = score(samples, predictions)
    assert theirs["landmark_error_mm"].count == 12 - 3
    assert theirs["landmark_error_mm/FH-l"].count == 2
    assert (ours["visible_landmarks"], ours["detected_landmarks"]) == (11, 10)
    assert ours["landmark_error_mm_mean"] == pytest.approx(2.5)
    assert theirs["landmark_error_mm"].mean == pytest.approx(2.5)


def test_oddity_24_an_empty_structure_is_perfect_there(score):
    samples = [make_case(index, size=SQUARE) for index in range(4)]
    for index, sample in enumerate(samples):
        masks = sample.masks.copy()
        masks[2] = False
        samples[index] = replace(sample, masks=masks)
    predictions = [replace(noisy(sample), masks=np.roll(sample.masks, 3, axis=2)) for sample in samples]
    theirs, ours = score(samples, predictions)
    assert theirs["dice/sacrum"].mean == 1
    assert ours["dice_mean/sacrum"] is None
    assert theirs["dice"].mean == pytest.approx(ours["dice_mean_original_rule"], abs=0.00501)
    assert theirs["dice"].mean > ours["dice_mean"]


def tool_case(index, base, tip):
    sample = make_case(index, size=(480, 480), protocol=TOOL, pixel_mm=0.5804)
    return replace(sample, landmarks=np.array([base, tip], dtype=float))


def test_tool_figures_and_its_gate(score):
    samples = [tool_case(index, (100, 100), (200, 100)) for index in range(4)]
    predictions = [perfect(sample, (3, 4)) for sample in samples]
    short = predictions[3].landmarks.copy()
    short[1] = short[0] + (20, 0)  # 11.6 mm: no tool by its rule, so neither error counts
    predictions[3] = replace(predictions[3], landmarks=short)
    theirs, ours = score(samples, predictions, "tool", TOOL)
    assert theirs["landmark_error_mm"].count == 6
    assert theirs["landmark_error_mm"].mean == pytest.approx(5 * 0.5804)
    assert theirs["landmark_error_mm/tip"].std == pytest.approx(0, abs=1e-9)
    assert ours["detected_landmarks"] == 8
    assert ours["landmark_error_mm_mean"] > theirs["landmark_error_mm"].mean
    assert theirs["dice"].mean == pytest.approx(ours["dice_mean"]) == 1
    assert theirs["dice/tool"].count == 4


def test_tool_rule_needs_a_tool():
    with pytest.raises(ValueError, match="two landmarks"):
        original_figures([], PROTOCOL.vocabulary, "tool")


def test_oddity_7_covid_scores_of_a_complete_miss(score):
    samples, predictions = [], []
    for index in range(2):
        sample = make_case(index, size=(224, 224), protocol=LESION)
        masks = np.zeros((1, 224, 224), dtype=bool)
        masks[0, :20, :60] = True
        sample = replace(sample, masks=masks)
        samples.append(sample)
        guess = masks if index == 0 else np.roll(masks, 100, axis=1)
        predictions.append(replace(perfect(sample), masks=guess))
    theirs, ours = score(samples, predictions, "covid", LESION)
    assert set(theirs) == {"sensitivity", "specificity", "precision", "accuracy", "f1", "f2"}
    assert theirs["f1"].mean == pytest.approx((1 + 2) / 2, abs=0.01)
    assert theirs["f2"].mean == pytest.approx((1 + 4.98) / 2, abs=0.01)
    assert ours["dice_mean"] == pytest.approx(0.5)  # which is the mean of the true F1
    assert theirs["sensitivity"].mean == pytest.approx(0.5, abs=1e-4)
    assert theirs["accuracy"].mean == pytest.approx(1 - 1200 / 224**2, abs=1e-6)
    assert theirs["f1"].std == pytest.approx(0.5, abs=0.01)
