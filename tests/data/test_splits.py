from collections import Counter

import pytest
from generators.anatomies import Balls

from synthex.core import ConfigError
from synthex.data import AnatomySubset, round_robin, split_subjects


def person(subject):
    return subject.split("~")[0]


def test_no_person_is_on_two_sides():
    ids = [f"s{i:02d}~{v}" for i in range(20) for v in range(4)]
    sides = split_subjects(ids, seed=1, group=person)
    people = {name: {person(subject) for subject in side} for name, side in sides.items()}
    assert sum(map(len, sides.values())) == len(ids)
    assert not people["train"] & people["val"]
    assert not people["train"] & people["test"]
    assert not people["val"] & people["test"]
    assert [len(people[name]) for name in ("train", "val", "test")] == [14, 3, 3]


def test_three_people_make_three_sides():
    sides = split_subjects(["a", "b", "c"])
    assert sorted(len(side) for side in sides.values()) == [1, 1, 1]


def test_two_people_cannot_be_split():
    with pytest.raises(ConfigError, match="cannot be split"):
        split_subjects(["a~1", "a~2", "b~1"], group=person)


def test_seed_decides_and_repeats():
    ids = [f"s{i}" for i in range(30)]
    assert split_subjects(ids, seed=3) == split_subjects(ids, seed=3)
    assert split_subjects(ids, seed=3) != split_subjects(ids, seed=4)


def test_round_robin_visits_everybody_once_a_round():
    ids = tuple("abcdefg")
    rounds = [[round_robin(ids, 7 * turn + place, seed=0) for place in range(7)] for turn in range(3)]
    assert all(Counter(visited) == Counter(ids) for visited in rounds)
    assert rounds[0] != rounds[1]


def test_a_subset_is_a_source():
    subset = AnatomySubset(Balls(4), ["ball-003"])
    assert subset.subject_ids() == ("ball-003",)
    assert subset.load("ball-003").subject_id == "ball-003"
    assert subset.fingerprint("ball-003") == Balls(4).fingerprint("ball-003")
