import subprocess
import sys

import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample

from synthex.augment import strong
from synthex.core import ConfigError
from synthex.data import LearningDataset, collate
from synthex.learning import BatchStream, DataModule


def test_endless_batches_never_repeat_a_sample():
    stream = BatchStream(10, 3, endless=True)
    assert len(stream) == 3
    assert [stream.batch(number) for number in (0, 1, 100)] == [[0, 1, 2], [3, 4, 5], [300, 301, 302]]


def test_an_epoch_of_finite_data_is_a_permutation_and_the_next_another():
    stream = BatchStream(12, 3, seed=4)
    epochs = [[i for step in range(4) for i in stream.batch(4 * epoch + step)] for epoch in range(2)]
    assert sorted(epochs[0]) == list(range(12))
    assert sorted(epochs[1]) == list(range(12, 24))  # the same samples, other draws
    assert epochs[0] != [index - 12 for index in epochs[1]]
    assert stream.batch(0) == BatchStream(12, 3, seed=4).batch(0) != BatchStream(12, 3, seed=5).batch(0)


@pytest.mark.parametrize("endless", [True, False])
def test_processes_share_out_each_batch_exactly(endless):
    whole = BatchStream(24, 6, endless=endless, seed=1)
    parts = [BatchStream(24, 2, endless=endless, seed=1, rank=rank, world=3) for rank in range(3)]
    assert {len(part) for part in parts} == {len(whole)}
    for number in range(9):
        assert [i for part in parts for i in part.batch(number)] == whole.batch(number)


def test_the_stream_goes_on_from_its_position():
    position = 5
    stream = BatchStream(8, 2, position=lambda: position, seed=2)
    assert list(stream) == [stream.batch(number) for number in (5, 6, 7, 8)]


def test_repeat_over_fits_the_first_batches():
    stream = BatchStream(8, 2, endless=True, repeat=2)
    assert [stream.batch(number) for number in range(4)] == [[0, 1], [2, 3], [0, 1], [2, 3]]


def test_batches_larger_than_an_epoch_are_refused():
    with pytest.raises(ConfigError, match="does not fit 4 training samples"):
        BatchStream(4, 8)
    with pytest.raises(ConfigError, match="set samples_per_epoch"):
        DataModule(endless=True)


def test_later_epochs_over_finite_data_have_other_augmentations():
    """One case of an export, twice: the same sample, another draw."""
    reader = ListReader([make_sample(index, 32, 32) for index in range(6)])
    data = DataModule(LearningDataset(reader, 32, strong(gate=1.0, p=1.0)), collate_fn=collate, batch_size=3)
    data.setup("fit")
    loader = data.train_dataloader()
    stream = loader.batch_sampler
    dataset = loader.dataset
    epochs = [
        {dataset[i]["case_id"]: dataset[i]["image"] for step in range(2) for i in stream.batch(2 * epoch + step)}
        for epoch in range(2)
    ]
    assert epochs[0].keys() == epochs[1].keys() == set(reader.case_ids())
    assert not any(torch.equal(epochs[0][case], epochs[1][case]) for case in epochs[0])


def test_short_epochs_go_through_all_the_data():
    stream = BatchStream(4, 2)
    seen = {index % 10 for number in range(6) for index in stream.batch(number)}
    assert seen == set(range(10))


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_bitwise_equal_for_any_number_of_workers(tiny, workers):
    def batches(count):
        data = tiny.make_data(count)
        data.setup("fit")
        return list(data.train_dataloader())

    for one, other in zip(batches(0), batches(workers), strict=True):
        for key in ("image", "masks", "landmarks", "visible", "index"):
            assert np.array_equal(one[key].numpy(), other[key].numpy(), equal_nan=key == "landmarks")


def test_datasets_may_be_made_late_and_once(tiny):
    made = []

    def factory():
        made.append(1)
        return tiny.TinySamples(8)

    data = DataModule(train=factory, batch_size=2, collate_fn=tiny.collate)
    assert not made
    data.setup("fit")
    data.setup("fit")
    assert len(made) == 1
    assert len(data.train_dataloader()) == 4
    assert data.val_dataloader() == []


def test_finite_data_cannot_give_more_than_it_has(tiny):
    data = DataModule(train=tiny.TinySamples(8), samples_per_epoch=9)
    data.setup("fit")
    with pytest.raises(ConfigError, match="samples_per_epoch=9"):
        data.train_dataloader()


@pytest.mark.long
def test_workers_use_one_thread():
    """In a process of its own: thread counts are global and cannot all be set back."""
    program = (
        "import torch; from synthex.learning.datamodule import limit_worker_threads as limit; limit(0);"
        "import cv2; print(torch.get_num_threads(), cv2.getNumThreads())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["1", "1"]
