import numpy as np
import pytest

from synthex.metrics import dice, dice_original_rule


def _masks():
    masks = np.zeros((3, 8, 8), dtype=bool)
    masks[0, :4], masks[1, :, :2] = True, True
    return masks


def test_equal_masks_give_one_and_disjoint_ones_zero():
    masks = _masks()
    assert dice(masks, masks)[:2] == pytest.approx([1, 1])
    assert dice(masks[:1], ~masks[:1]) == pytest.approx([0])


def test_half_overlap_in_closed_form():
    first, second = np.zeros((1, 4, 8), dtype=bool), np.zeros((1, 4, 8), dtype=bool)
    first[0, :, :4], second[0, :, 2:8] = True, True
    assert dice(first, second) == pytest.approx([2 * 8 / (16 + 24)])


def test_the_two_rules_for_empty_masks_differ_only_there():
    masks = _masks()
    assert np.isnan(dice(masks, masks)[2])
    assert dice_original_rule(masks, masks)[2] == 1.0
    predicted = masks.copy()
    predicted[2, 0, 0] = True
    assert dice(predicted, masks)[2] == 0.0
    assert dice_original_rule(predicted, masks)[2] == 0.0


def test_agrees_with_the_set_formula_on_random_masks():
    rng = np.random.default_rng(3)
    first, second = rng.random((5, 9, 11)) < 0.4, rng.random((5, 9, 11)) < 0.6
    expected = []
    for one, two in zip(first, second, strict=True):
        a, b = set(zip(*np.nonzero(one), strict=True)), set(zip(*np.nonzero(two), strict=True))
        expected.append(2 * len(a & b) / (len(a) + len(b)))
    assert dice(first, second) == pytest.approx(expected)


def test_no_structures_is_no_score():
    assert dice(np.zeros((0, 4, 4), dtype=bool), np.zeros((0, 4, 4), dtype=bool)).shape == (0,)
