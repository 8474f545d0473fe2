import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthex.data.encoding import decode_rle, encode_rle, exclusive_labels, split_labels


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_rle_round_trip(mask):
    rle = encode_rle(mask)
    assert np.array_equal(decode_rle(rle), mask)
    assert sum(rle["counts"]) == mask.size


def test_rle_is_cocos():
    # The example of the COCO API: columns first, the first run counts zeros.
    mask = np.array(((0, 1), (1, 1), (0, 0)), dtype=bool)
    assert encode_rle(mask) == {"size": [3, 2], "counts": [1, 1, 1, 2, 1]}


def test_damaged_runs_are_refused():
    with pytest.raises(ValueError, match="run lengths"):
        decode_rle({"size": [3, 3], "counts": [4, 4]})


def test_exclusive_labels_let_the_later_structure_win():
    masks = np.zeros((3, 2, 2), dtype=bool)
    masks[0, 0], masks[1, 0, 0] = True, True
    labels = exclusive_labels(masks)
    assert labels.tolist() == [[2, 1], [0, 0]]
    assert split_labels(labels, 3).sum(axis=(1, 2)).tolist() == [1, 1, 0]
