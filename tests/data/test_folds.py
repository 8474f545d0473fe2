import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthex.core import ConfigError
from synthex.data.folds import (
    Fold,
    folds_from_csv,
    folds_from_json,
    folds_to_csv,
    folds_to_json,
    given_folds,
    k_folds,
    leave_one_out,
    with_validation,
)

IPCAI = ["1"] * 111 + ["2"] * 104 + ["3"] * 24 + ["4"] * 48 + ["5"] * 55 + ["6"] * 24


def person(subject):
    return subject.split("~")[0]


def test_leave_one_specimen_out():
    folds = leave_one_out(IPCAI)
    assert [fold.test for fold in folds] == [(str(number),) for number in range(1, 7)]
    assert folds[2].train == ("1", "2", "4", "5", "6")
    assert folds[2].side_of("3") == "test"
    assert folds[2].side_of("4") == "train"
    assert folds[2].side_of("7") is None


def test_variants_stay_with_their_specimen():
    ids = [f"{name}~{variant}" for name in "abcd" for variant in range(3)]
    for folds in (leave_one_out(ids, group=person), k_folds(ids, 3, group=person)):
        for fold in with_validation(folds, 0.3, group=person):
            sides = [{person(subject) for subject in side} for side in (fold.train, fold.val, fold.test)]
            assert all(sides)
            assert sum(map(len, sides)) == len(set().union(*sides)) == 4
            assert len(fold.train) + len(fold.val) + len(fold.test) == 12


@given(st.lists(st.integers(1, 9), min_size=5, max_size=40), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_folds_test_everybody_once_and_are_balanced(cases, count, seed):
    ids = [f"p{number:02d}" for number, repeats in enumerate(cases) for _ in range(repeats)]
    folds = k_folds(ids, count, seed=seed)
    assert Counter(subject for fold in folds for subject in fold.test) == Counter(set(ids))
    for fold in folds:
        assert set(fold.train) == set(ids) - set(fold.test)
    weights = Counter(ids)
    loads = [sum(weights[subject] for subject in fold.test) for fold in folds]
    assert max(loads) - min(loads) <= max(cases)  # each patient went where fewest cases were


def test_equal_patients_make_equal_folds():
    assert sorted(len(fold.test) for fold in k_folds([f"p{index}" for index in range(39)], 5)) == [7, 8, 8, 8, 8]


def test_the_seed_and_the_ids_decide_and_their_order_does_not():
    ids = [f"p{index % 13}" for index in range(40)]
    assert k_folds(ids, 4, seed=1) == k_folds(ids[::-1], 4, seed=1)
    assert k_folds(ids, 4, seed=1) != k_folds(ids, 4, seed=2)
    folds = k_folds(ids, 4)
    assert with_validation(folds, seed=1) == with_validation(with_validation(folds, seed=2), seed=1)
    assert with_validation(folds, seed=1) != with_validation(folds, seed=2)


def test_a_dataset_may_bring_its_folds(shared_data):
    import csv

    with open(shared_data / "covid_cxr" / "index.csv", encoding="utf-8", newline="") as file:
        rows = [(row["patient_id"], row["fold"]) for row in csv.DictReader(file) if row["fold"]]
    folds = given_folds(rows)
    assert [fold.name for fold in folds] == ["0", "1", "2", "3", "4"]
    assert sum(len(fold.test) for fold in folds) == len({patient for patient, _ in rows})


def test_given_folds_by_hand():
    folds = given_folds([("a~1", "x"), ("a~2", "x"), ("b", "y"), ("c", "y")], group=person)
    assert folds == (Fold("x", ("b", "c"), (), ("a~1", "a~2")), Fold("y", ("a~1", "a~2"), (), ("b", "c")))
    with pytest.raises(ConfigError, match="a is in folds x and y"):
        given_folds([("a~1", "x"), ("a~2", "y")], group=person)
    with pytest.raises(ConfigError, match="at least 2 folds"):
        given_folds([("a", "x")])


def test_round_trips_are_exact():
    folds = with_validation(k_folds([f"p, {index}" for index in range(11)], 3))
    assert folds_from_json(json.loads(json.dumps(folds_to_json(folds)))) == folds
    assert folds_from_csv(folds_to_csv(folds)) == folds


def test_bad_requests_are_refused():
    for bad in (
        lambda: leave_one_out(["a", "a"]),
        lambda: k_folds(["a", "b"], 3),
        lambda: k_folds(["a", "b"], 1),
        lambda: with_validation(leave_one_out(["a", "b"])),
        lambda: with_validation(leave_one_out(["a", "b", "c"]), 1.0),
        lambda: Fold("x", ("a", "b"), (), ("b",)),
        lambda: Fold("x", ("a",), ("c",), ()),
        lambda: Fold("x", (), ("c",), ("a",)),
    ):
        with pytest.raises(ConfigError):
            bad()


GOOD = {"name": "x", "train": ["a"], "val": [], "test": ["b"]}


@pytest.mark.parametrize(
    "rows", [[{"name": "x"}], [GOOD, GOOD], [GOOD | {"train": "ab"}], [GOOD | {"more": 1}], ["x"], "x"]
)
def test_bad_json_is_refused(rows):
    assert folds_from_json([GOOD]) == (Fold("x", ("a",), (), ("b",)),)
    with pytest.raises(ConfigError):
        folds_from_json(rows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fold,subject\n",
        "fold,subject_id,side\rx,a,train\r",
        "fold,subject_id,side\nx,a\n",
        "fold,subject_id,side\nx,a,teach\n",
        "fold,subject_id,side\nx,a,train\nx,a,test\n",
    ],
)
def test_bad_csv_is_refused(text):
    with pytest.raises(ConfigError):
        folds_from_csv(text)
