"""Readers made of readers: which case sample i is, by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from generators.samples import ListReader, make_sample

from synthex.core import ConfigError, Reader, Relabelled
from synthex.data import ENDLESS, Fold, Mix, Subset, Take, deal_folds, is_endless


class Stream:
    """An endless reader: sample i is case ``new-i``."""

    structures, landmarks = ListReader([make_sample(0)]).structures, ListReader([make_sample(0)]).landmarks

    def __len__(self) -> int:
        return ENDLESS

    def case_id(self, index: int) -> str:
        return f"new-{index}"

    def case_ids(self) -> tuple[str, ...]:
        raise AssertionError("an endless reader is not listed")

    def __getitem__(self, index: int):
        return replace(make_sample(0), case_id=self.case_id(index))


def finite(count: int, patients: int | None = None) -> ListReader:
    return ListReader(
        [replace(make_sample(i), case_id=f"c{i}", subject_id=f"p{i % (patients or count)}") for i in range(count)]
    )


def test_four_to_one_of_new_images_and_ten_that_come_again_in_turn() -> None:
    mix = Mix({"simulated": Stream(), "real": Take(finite(30), 10, seed=3)}, {"simulated": 4, "real": 1})
    ids = [mix[index].case_id for index in range(150)]
    new, old = ([one for one in ids if one.startswith(kind)] for kind in ("new", "c"))
    assert [sum(one.startswith("c") for one in ids[at : at + 60]) for at in (0, 60)] == [12, 12]
    assert new == [f"new-{index}" for index in range(len(new))]  # each once, in order: nothing simulated is seen twice
    assert set(Counter(old[:10]).values()) == set(Counter(old[10:20]).values()) == {1}
    assert old[:10] != old[10:20]
    assert is_endless(mix)
    assert [mix.case_id(index) for index in range(150)] == ids


def test_a_mix_is_a_pure_function_of_seed_and_index() -> None:
    def made(seed: int) -> Mix:
        return Mix({"a": finite(7), "b": Stream()}, {"a": 1, "b": 1}, seed=seed)

    backwards = {index: made(1)[index].case_id for index in reversed(range(30))}
    assert [backwards[index] for index in range(30)] == [made(1)[index].case_id for index in range(30)]
    assert [made(2).case_id(index) for index in range(30)] != list(backwards.values())[::-1]


def test_without_weights_one_comes_after_the_other() -> None:
    mix = Mix({"a": finite(2), "b": Subset(finite(4), ["c3", "c2"])})
    assert isinstance(mix, Reader)
    assert mix.case_ids() == tuple(mix[index].case_id for index in range(len(mix))) == ("c0", "c1", "c3", "c2")
    with pytest.raises(IndexError):
        mix[4]


def test_take_draws_as_often_asked_the_same_and_cuts_what_is_endless() -> None:
    taken = Take(finite(20), 5, seed=0)
    assert taken.case_ids() == Take(finite(20), 5, seed=0).case_ids() == tuple(sample.case_id for sample in taken)
    assert taken.case_ids() != Take(finite(20), 5, seed=1).case_ids()
    assert Take(finite(20), 3).case_ids() == ("c0", "c1", "c2")
    cut = Take(Stream(), 3)
    assert (len(cut), cut.case_ids(), cut[2].case_id) == (3, ("new-0", "new-1", "new-2"), "new-2")


@pytest.mark.parametrize("folds", [3, None])
def test_every_image_is_tested_once_and_nobody_is_on_two_sides(folds) -> None:
    reader, count = finite(17, patients=5), folds or 5
    tested = []
    for fold in range(count):
        test, train = (Fold(reader, fold, side, folds) for side in ("test", "train"))
        assert not {sample.subject_id for sample in test} & {sample.subject_id for sample in train}
        assert len(test) + len(train) == 17
        tested += test.case_ids()
    assert sorted(tested) == sorted(reader.case_ids())


def test_folds_are_alike_in_images_not_in_subjects() -> None:
    images = list("aaaabbccdefg")
    dealt = deal_folds(images, 3)
    assert sorted(sum(images.count(name) for name in fold) for fold in dealt) == [4, 4, 4]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Mix({}), "at least one"),
        (lambda: Mix({"a": finite(2)}, {"a": 0}), "no weight above 0"),
        (lambda: Mix({"a": finite(2)}, {"a": 1, "b": 1}), "'b'"),
        (lambda: Mix({"a": finite(2), "b": Stream()}), "never ends"),
        (lambda: Mix({"a": finite(2), "b": Relabelled(finite(2), (), ())}), "other structures"),
        (lambda: Mix({"a": Stream()}, {"a": 1}).case_ids(), "Take"),
        (lambda: Take(finite(2), 3), "1 to 2"),
        (lambda: Take(Stream(), 3, seed=1), "seed=null"),
        (lambda: Subset(finite(2), ["c9"]), "'c9'"),
        (lambda: Fold(finite(4), 5, "test", 2), "0 to 1"),
        (lambda: Fold(finite(4), 0, "test", 5), "4 subject"),
    ],
)
def test_what_cannot_be_is_named(make, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_flags_of_what_is_annotated_pass_through() -> None:
    blind = Relabelled(finite(3), ("another", *finite(1).structures), finite(1).landmarks)
    mix = Mix({"a": blind, "b": Relabelled(Stream(), blind.structures, blind.landmarks)}, {"a": 1, "b": 1})
    flags = np.stack([mix[index].masks_annotated for index in range(10)])
    assert not flags[:, 0].any()
    assert flags[:, 1:].all()
