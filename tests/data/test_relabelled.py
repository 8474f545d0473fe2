"""Channels put into the order of a task; what a reader does not have, or does not know, is not annotated anywhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generators.samples import VOCABULARY, ListReader, make_sample

from synthex.core import Relabelled, Vocabulary
from synthex.data import Staging, mirror, open_export, preprocess, write_folder, write_hdf5


def _partly(index: int, flags: tuple[bool, ...] = (True, False, False)):
    sample = make_sample(index)
    known = np.array(flags)
    return replace(sample, masks=sample.masks & known[:, None, None], masks_annotated=known)


def test_all_masks_are_annotated_unless_it_is_said() -> None:
    assert make_sample(0).masks_annotated.tolist() == [True] * 3
    with pytest.raises(ValueError, match="flags"):
        replace(make_sample(0), masks_annotated=np.array([True, False]))


def test_names_of_a_task() -> None:
    reader = Relabelled(ListReader([_partly(0)]), ("other", "bar", "disc"), ("end", "more", "centre"))
    sample, own = reader[0], _partly(0)
    assert sample.masks_annotated.tolist() == [False, False, True]
    assert sample.annotated.tolist() == [True, False, True]
    np.testing.assert_array_equal(sample.masks[2], own.masks[0])
    np.testing.assert_array_equal(sample.landmarks[[0, 2]], own.landmarks[[1, 0]])
    assert not sample.visible[1]


@pytest.mark.parametrize("form", ["hdf5", "folder", "staging"])
def test_round_trip_of_what_is_annotated(tmp_path: Path, form: str) -> None:
    samples = [make_sample(0), _partly(3), make_sample(6), _partly(1, (False, False, False))]
    if form == "staging":
        staging = Staging(tmp_path, {"count": 4})
        for index, sample in enumerate(samples):
            staging.add(index, sample)
        back = [staging.get(index) for index in range(4)]
    else:
        (write_hdf5 if form == "hdf5" else write_folder)(tmp_path, samples, VOCABULARY)
        reader = open_export(tmp_path)
        stored = {reader[index].case_id: reader[index] for index in range(4)}
        back = [stored[sample.case_id] for sample in samples]
    for sample, found in zip(samples, back, strict=True):
        assert found.masks_annotated.tolist() == sample.masks_annotated.tolist()
        np.testing.assert_array_equal(found.masks, sample.masks)
    assert [one.is_annotated for one in back] == [True] * 4


def test_an_export_with_everything_annotated_says_nothing_of_it(tmp_path: Path) -> None:
    import h5py

    _, path = write_hdf5(tmp_path, [make_sample(0), make_sample(3)], VOCABULARY)
    with h5py.File(path) as file:
        assert "masks-annotated" not in file["01"]


def test_tensors_and_the_mirror_carry_it() -> None:
    sample = _partly(0)
    assert preprocess(sample, 16)[0]["masks_annotated"].tolist() == [True, False, False]
    pairs = Vocabulary(VOCABULARY.structures, VOCABULARY.landmarks, structure_pairs=(("disc", "bar"),))
    assert mirror(sample, pairs).masks_annotated.tolist() == [False, True, False]
