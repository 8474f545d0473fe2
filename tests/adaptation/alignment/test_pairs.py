from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.samples import ListReader
from generators.tiny_alignment import data, pairs, reader, settings, shifted

from synthex.adaptation.alignment import Unlabelled
from synthex.core import ConfigError
from synthex.data import LearningDataset, collate


def test_items_are_those_of_training_with_a_target_image():
    dataset = pairs()
    for index in (0, 5, 40):
        item = dataset[index]
        alone = dataset.source[index]
        assert torch.equal(item["image"], alone["image"])
        assert item["case_id"] == alone["case_id"]
        assert item["target_image"].shape == alone["image"].shape
        assert torch.equal(item["target_image"], pairs()[index]["target_image"])  # of the index alone


def test_every_target_image_comes_once_a_round_and_is_augmented_anew():
    dataset = pairs()
    rounds = [[dataset.target_index(7 * turn + place) for place in range(7)] for turn in range(3)]
    assert [sorted(one) for one in rounds] == [list(range(7 * turn, 7 * turn + 7)) for turn in range(3)]
    orders = {tuple(index % 7 for index in one) for one in rounds}
    assert len(orders) == 3
    first, again = (dataset[index] for index in (rounds[0].index(0), 7 + rounds[1].index(7)))
    assert not torch.equal(first["target_image"], again["target_image"])
    assert Counter(pairs(seed=1).target_index(place) for place in range(7)) == Counter(range(7))
    assert [pairs(seed=1).target_index(place) for place in range(7)] != rounds[0]


def test_labels_of_the_target_go_no_further_than_the_reader():
    sample = Unlabelled(reader(3, 1))[0]
    assert sample.masks.shape == (0, 16, 16)
    assert len(sample.landmarks) == len(sample.visible) == len(sample.record) == 0
    assert np.array_equal(sample.image, reader(3, 1)[0].image)


def test_images_of_other_tasks_and_sizes_fit():
    samples = [replace(reader(i, 1)[0], masks=np.zeros((9, 16, 16), dtype=bool)) for i in range(2)]
    wide = LearningDataset(Unlabelled(ListReader(samples)), 16, input_size=32)
    assert collate([wide[0], wide[1]])["image"].shape == (2, 1, 32, 32)
    assert LearningDataset(Unlabelled(ListReader(samples)), 8)[0]["image"].shape == (1, 8, 8)


def test_no_target_image_is_an_error():
    with pytest.raises(ConfigError, match="there is no target image"):
        Unlabelled(ListReader([]))


def test_batches_do_not_depend_on_workers():
    found = []
    for workers in (0, 2):
        loader = data(settings(), pairs(reader(100, 5, shifted)), workers)
        loader.setup("fit")
        found.append([batch["target_image"] for batch in loader.train_dataloader()])
    assert len(found[0]) == 6
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
