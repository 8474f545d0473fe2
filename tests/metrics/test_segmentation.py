import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchmetrics.functional.classification import binary_average_precision

from synthex.metrics import dice
from synthex.metrics.segmentation import (
    MASK_SCORES,
    average_precision,
    average_precision_of_levels,
    confusion,
    f_beta,
    score_masks,
    sensitivity,
)


def mask(text):
    return np.array([[character == "#" for character in row] for row in text.split()])


def pair(tp, fp, fn, tn):
    predicted = np.repeat([True, True, False, False], (tp, fp, fn, tn))[None]
    truth = np.repeat([True, False, True, False], (tp, fp, fn, tn))[None]
    return predicted, truth


def test_every_score_by_hand():
    predicted, truth = pair(tp=6, fp=2, fn=4, tn=8)
    scores = {name: float(value) for name, value in score_masks(predicted, truth).as_dict().items()}
    assert scores.pop("average_precision") != scores["dice"]  # NaN: no probabilities were given
    assert scores == pytest.approx(
        {
            "sensitivity": 0.6,
            "specificity": 0.8,
            "precision": 0.75,
            "accuracy": 0.7,
            "f1": 12 / 18,
            "f2": 30 / 48,
            "dice": 12 / 18,
            "iou": 0.5,
        }
    )


def test_counts_of_a_stack_and_their_sum():
    predicted = np.stack([mask("##. ..."), mask("... ...")])
    truth = np.stack([mask(".## #.."), mask("... ...")])
    counts = confusion(predicted, truth)
    assert counts.true_positives.tolist() == [1, 0]
    assert counts.false_positives.tolist() == [1, 0]
    assert counts.false_negatives.tolist() == [2, 0]
    assert counts.true_negatives.tolist() == [2, 6]
    assert counts.total.tolist() == [6, 6]
    assert float(sensitivity(counts.pooled())) == pytest.approx(1 / 3)


OVERLAPS = ("f1", "f2", "dice", "iou")
RATES = ("sensitivity", "specificity", "precision", "accuracy")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Both empty: only what is about the background has a value.
        ((0, 0, 0, 9), {"specificity": 1, "accuracy": 1}),
        ((0, 3, 0, 6), {"specificity": 2 / 3, "precision": 0, "accuracy": 2 / 3, **dict.fromkeys(OVERLAPS, 0)}),
        ((0, 0, 3, 6), {"sensitivity": 0, "specificity": 1, "accuracy": 2 / 3, **dict.fromkeys(OVERLAPS, 0)}),
        ((9, 0, 0, 0), {"sensitivity": 1, "precision": 1, "accuracy": 1, **dict.fromkeys(OVERLAPS, 1)}),
        ((5, 0, 0, 4), dict.fromkeys((*RATES, *OVERLAPS), 1)),
        ((0, 3, 3, 0), dict.fromkeys((*RATES, *OVERLAPS), 0)),
        ((0, 0, 0, 0), {}),
    ],
)
def test_empty_cases_are_nan_exactly_where_nothing_is_measured(counts, expected):
    found = score_masks(*pair(*counts)).as_dict()
    known = {name: float(value) for name, value in found.items() if not np.isnan(value)}
    assert known == pytest.approx(expected)


def test_it_agrees_with_dice_of_structures():
    rng = np.random.default_rng(0)
    predicted, truth = rng.random((2, 5, 12, 9)) < np.array([0.0, 0.1, 0.4, 0.9, 1.0])[:, None, None]
    np.testing.assert_allclose(score_masks(predicted, truth).dice, dice(predicted, truth))


@given(st.tuples(*[st.integers(0, 50)] * 4), st.floats(0.1, 10))
@settings(max_examples=100, deadline=None)
def test_f_lies_between_precision_and_sensitivity(counts, beta):
    scores = score_masks(*pair(*counts))
    value = float(f_beta(scores.counts, beta))
    ends = sorted((float(scores.precision), float(scores.sensitivity)))
    if not np.isnan(ends).any():
        assert ends[0] - 1e-12 <= value <= ends[1] + 1e-12


def test_beta_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        f_beta(confusion(*pair(1, 1, 1, 1)), 0)


def test_average_precision_by_hand():
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    truth = np.array([True, False, True, False, False])
    assert average_precision(probability, truth) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # The two middle pixels tie: both enter at a precision of 2 / 3, whatever their order.
    tied = np.array([0.9, 0.7, 0.7, 0.6, 0.5])
    for order in ([0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [4, 3, 2, 1, 0]):
        assert average_precision(tied[order], truth[order]) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_average_precision_of_constant_perfect_and_empty():
    truth = np.array([[True, False], [False, False]])
    assert average_precision(np.full((2, 2), 0.3), truth) == 0.25
    assert average_precision(truth.astype(np.float32), truth) == 1
    assert np.isnan(average_precision(np.zeros((2, 2)), np.zeros((2, 2), dtype=bool)))
    with pytest.raises(ValueError, match="NaN"):
        average_precision(np.full((2, 2), np.nan), truth)


@pytest.mark.parametrize("levels", [3, 10, 10**6])
def test_average_precision_agrees_with_torchmetrics(levels):
    rng = np.random.default_rng(levels)
    truth = rng.random(800) < 0.2
    probability = np.floor(np.clip(0.3 * truth + 0.7 * rng.random(800), 0, 1) * levels) / levels
    twin = binary_average_precision(torch.from_numpy(probability), torch.from_numpy(truth).long())
    assert average_precision(probability, truth) == pytest.approx(float(twin), abs=1e-6)


@pytest.mark.parametrize("spread", [2, 256])
def test_average_precision_of_levels_is_that_of_the_same_numbers_sorted(spread):
    rng = np.random.default_rng(spread)
    truth = rng.random((30, 40)) < 0.2
    levels = np.clip(rng.integers(0, spread, truth.shape) + 60 * truth, 0, 255).astype(np.uint8)
    area = average_precision_of_levels(levels, truth)
    assert area == pytest.approx(average_precision(levels / 255, truth), abs=1e-12)
    twin = binary_average_precision(torch.from_numpy(levels / 255).ravel(), torch.from_numpy(truth).long().ravel())
    assert area == pytest.approx(float(twin), abs=1e-6)
    assert np.isnan(average_precision_of_levels(levels, np.zeros_like(truth)))
    # Certain of a mask: recall R at its precision P, the rest at the share of positive pixels.
    mask = levels >= 60
    recall, precise = (mask & truth).sum() / truth.sum(), (mask & truth).sum() / mask.sum()
    expected = recall * precise + (1 - recall) * truth.mean()
    assert average_precision_of_levels(mask.astype(np.uint8) * np.uint8(255), truth) == pytest.approx(expected)


def test_a_stack_is_scored_image_by_image():
    rng = np.random.default_rng(1)
    probability, truth = rng.random((2, 3, 8, 8)), rng.random((2, 3, 8, 8)) < 0.3
    scores = score_masks(probability > 0.5, truth, probability)
    assert scores.average_precision.shape == (2, 3)
    for index in np.ndindex(2, 3):
        alone = score_masks(probability[index] > 0.5, truth[index], probability[index])
        for name in MASK_SCORES:
            assert getattr(scores, name)[index] == pytest.approx(float(getattr(alone, name)))


def test_the_lung_field_on_real_radiographs_scores_what_the_study_says(shared_data):
    """On the 56 development images of covid_cxr the whole lung field has Dice 0.476 and F2 0.646 (issue 5)."""
    folder = shared_data / "covid_cxr" / "labels"
    rows = []
    for path in sorted(folder.glob("d*_lesion.png")):
        lesion = np.asarray(Image.open(path)) > 0
        lungs = [path.with_name(path.name.replace("lesion", f"lung_{side}")) for side in ("left", "right")]
        field = np.any([np.asarray(Image.open(lung)) > 0 for lung in lungs if lung.exists()], axis=0)
        scores = score_masks(field, lesion)
        rows.append([float(scores.dice), float(scores.f2), float(scores.sensitivity)])
    assert len(rows) == 56
    np.testing.assert_allclose(np.mean(rows, axis=0), [0.476, 0.646, 0.98], atol=0.005)
