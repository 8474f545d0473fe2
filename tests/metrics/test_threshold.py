import numpy as np
import pytest

from synthex.metrics.threshold import THRESHOLDS, best_threshold


def image(inside, outside):
    """Levels of a square that is there and one that is not, and the truth."""
    levels, truth = np.zeros((20, 20), dtype=np.uint8), np.zeros((20, 20), dtype=bool)
    truth[2:8, 2:8] = True
    levels[2:8, 2:8], levels[10:16, 10:16] = round(255 * inside), round(255 * outside)
    return levels, truth


def test_the_threshold_lies_where_truth_and_error_part():
    assert best_threshold([image(0.32, 0.22)]) in (0.25, 0.3)
    assert best_threshold([image(0.92, 0.82)]) in (0.85, 0.9)
    assert best_threshold([image(0.9, 0.1)]) == 0.5  # of equal ones the middle
    assert best_threshold([image(0.3, 0.2)] * 2 + [image(0.7, 0.28)]) == pytest.approx(0.3, abs=0.051)


def test_what_has_nothing_to_find_does_not_count():
    nothing = (np.full((20, 20), 200, dtype=np.uint8), np.zeros((20, 20), dtype=bool))
    assert best_threshold([image(0.32, 0.22), nothing]) == best_threshold([image(0.32, 0.22)])
    with pytest.raises(ValueError, match="no image has anything to find"):
        best_threshold([nothing])
    assert len(THRESHOLDS) == 19
