import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample

from synthex.core import ConfigError, Sample, Vocabulary
from synthex.data import LearningDataset, mirror, mirrored_order
from synthex.data.mirror import turned

SIDES = Vocabulary(
    structures=("disc", "bar", "nothing"),
    landmarks=("centre", "end", "gone", "unknown"),
    structure_pairs=(("disc", "bar"),),
    landmark_pairs=(("centre", "gone"),),
)


def test_partners_trade_places_and_the_others_stay():
    assert mirrored_order(("a-l", "b", "a-r", "c-l"), (("a-l", "a-r"), ("c-l", "c-r"))) == [2, 1, 0, 3]


def test_columns_run_backwards_and_sides_are_traded():
    sample = make_sample(1)
    found = mirror(sample, SIDES)
    assert np.array_equal(found.image, sample.image[:, ::-1])
    assert np.array_equal(found.masks[0], sample.masks[1][:, ::-1])
    assert np.array_equal(found.masks[2], sample.masks[2][:, ::-1])
    width = sample.image.shape[1]
    assert np.allclose(found.landmarks[2], (width - sample.landmarks[0, 0], sample.landmarks[0, 1]))
    assert np.isnan(found.landmarks[0]).all()
    assert np.isclose(found.landmarks[1, 0], width - sample.landmarks[1, 0])
    assert found.visible.tolist() == [False, True, True, False]
    assert found.record["mirrored"]
    assert "mirrored" not in sample.record


def test_the_mirror_image_of_the_mirror_image_is_the_image():
    sample = make_sample(2)
    again = mirror(mirror(sample, SIDES), SIDES)
    assert np.array_equal(again.image, sample.image)
    assert np.array_equal(again.masks, sample.masks)
    assert np.allclose(again.landmarks, sample.landmarks, equal_nan=True)


def test_a_share_of_the_samples_is_mirrored_whatever_is_asked_first():
    reader = ListReader([make_sample(index) for index in range(4)], SIDES)
    none, some, every = (
        LearningDataset(reader, 30, mirrored=share, vocabulary=SIDES, seed=3) for share in (0.0, 0.5, 1.0)
    )
    flipped = [not torch.equal(some[index]["image"], none[index]["image"]) for index in range(40)]
    assert flipped[::-1] == [not torch.equal(some[i]["image"], none[i]["image"]) for i in reversed(range(40))]
    assert 10 <= sum(flipped) <= 30
    for index in range(4):  # but for the rounding of the mean that is taken away
        assert torch.allclose(every[index]["image"], torch.flip(none[index]["image"], dims=(-1,)), atol=1e-5)


def test_shares_that_cannot_be_are_refused():
    reader = ListReader([make_sample(0)], SIDES)
    with pytest.raises(ConfigError, match=r"0 to 1"):
        LearningDataset(reader, 30, mirrored=1.5, vocabulary=SIDES)
    with pytest.raises(ConfigError, match="pairs"):
        LearningDataset(reader, 30, mirrored=0.5)


def test_a_quarter_turn_takes_points_and_masks_along():
    """A mask of one pixel at the landmark lies at the landmark after any number of quarters."""
    height, width = 5, 8
    masks = np.zeros((1, height, width), dtype=bool)
    masks[0, 1, 6] = True
    image = np.arange(height * width, dtype=np.float32).reshape(height, width)
    point, known = np.array([[6.5, 1.5]]), np.ones(1, dtype=bool)
    sample = Sample("a", "s", image, "log", masks, point, known, known, 1.0)
    for quarters in range(5):
        found = turned(sample, quarters)
        column, row = (int(value) for value in found.landmarks[0])
        assert found.masks[0, row, column]
        assert found.image[row, column] == image[1, 6]
        assert found.image.shape == ((height, width) if quarters % 2 == 0 else (width, height))
    assert np.array_equal(turned(sample, 1).image, np.rot90(image))
    assert np.array_equal(turned(turned(sample, 3), 1).landmarks, point)


def test_quarter_turns_are_drawn_for_each_sample_and_leave_the_rest_alone():
    masks, known = np.zeros((1, 8, 8), dtype=bool), np.ones(1, dtype=bool)
    image = np.arange(64, dtype=np.float32).reshape(8, 8)
    sample = Sample("a", "s", image, "log", masks, np.array([[6.5, 1.5]]), known, known, 1.0)
    plain, turning = (
        LearningDataset(ListReader([sample]), 8),
        LearningDataset(ListReader([sample]), 8, quarter_turns=0.5),
    )
    untouched = plain[0]["image"]
    views = [turning[index]["image"] for index in range(60)]
    same = sum(bool((view == untouched).all()) for view in views)
    assert 18 <= same <= 42
    kinds = {tuple(view.flatten().tolist()) for view in views}
    assert len(kinds) == 4
    assert (turning[7]["image"] == turning[7]["image"]).all()
    with pytest.raises(ConfigError, match=r"data\.quarter_turns=2"):
        LearningDataset(ListReader([sample]), 8, quarter_turns=2)
