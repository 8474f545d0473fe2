import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample
from torch import nn

from synthex.core import ConfigError, Vocabulary
from synthex.data import LearningDataset, mirror, mirrored_order
from synthex.nn import MirrorAveraged

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


class Sided(nn.Module):
    def forward(self, image):
        ramp = torch.linspace(0, 1, image.shape[-1])
        return {"heatmaps": torch.cat((image * (1 - ramp), image * ramp), dim=1), "masks": image}


class Guess(nn.Module):
    def forward(self, image):
        return {"heatmaps": torch.cat((torch.ones_like(image), torch.zeros_like(image)), dim=1)}


def test_a_network_that_knows_its_sides_is_not_changed_by_averaging():
    """Heatmap 0 answers to what lies left, heatmap 1 to the same on the right: equivariant, so the mean is itself."""
    sided = Sided()
    image = torch.rand(2, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    averaged = MirrorAveraged(sided, [0], [1, 0])(image)
    assert torch.allclose(averaged["heatmaps"], sided(image)["heatmaps"])
    assert torch.allclose(averaged["masks"], image)


def test_a_guess_of_the_side_averages_out():
    averaged = MirrorAveraged(Guess(), [], [1, 0])(torch.zeros(1, 1, 4, 4))
    assert (averaged["heatmaps"] == 0.5).all()
