import re
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, make_case, noisy

from synthex.core import ConfigError, InputError, Prediction, Reader, Vocabulary
from synthex.evaluation import PooledReader, evaluate, pool, pool_with_cases, read_prediction_set, write_prediction_set

CASES = tuple(make_case(index, subjects=4) for index in range(12))
PARTS = (CASES[:2], CASES[2:5], CASES[5:])


def written(folder, cases, **provenance):
    write_prediction_set(folder, map(noisy, cases), PROTOCOL, provenance)
    return read_prediction_set(folder)


@pytest.fixture
def sets(tmp_path):
    return [written(tmp_path / f"fold{n}", part, fold=n) for n, part in enumerate(PARTS, 1)]


def test_pooled_figures_are_those_of_one_large_set(sets, tmp_path):
    whole = evaluate(written(tmp_path / "whole", CASES), ListReader(CASES), PROTOCOL)
    pooled, reader = pool_with_cases(sets, [ListReader(part) for part in PARTS], PROTOCOL)
    found = evaluate(pooled, reader, PROTOCOL)
    assert found.summary == whole.summary
    assert found.scores.case_ids == whole.scores.case_ids
    assert [(p.rank, p.case_id) for p in found.pictures] == [(p.rank, p.case_id) for p in whole.pictures]
    # Not the mean of the parts' means, which differ in size.
    means = [
        evaluate(one, ListReader(part), PROTOCOL).summary["landmark_error_mm_mean"]
        for one, part in zip(sets, PARTS, strict=True)
    ]
    assert abs(found.summary["landmark_error_mm_mean"] - np.mean(means)) > 1e-3


def test_one_reader_of_all_cases_and_a_pooled_baseline(sets):
    found = evaluate(pool(sets, PROTOCOL), ListReader(CASES), PROTOCOL, pool(sets, PROTOCOL))
    assert found.summary["cases"] == 12
    assert found.summary["subjects"] == 4
    assert found.summary["baseline_dice_mean"] == found.summary["dice_mean"]


def test_every_provenance_is_kept(sets):
    kept = pool(sets, PROTOCOL).provenance["sets"]
    assert [(one["fold"], one["predictions"]) for one in kept] == [(1, 2), (2, 3), (3, 7)]


def test_channels_are_matched_set_by_set(sets, tmp_path):
    turned = replace(PROTOCOL, vocabulary=Vocabulary(STRUCTURES[::-1], LANDMARKS[::-1]))
    predictions = [
        Prediction(p.case_id, p.landmarks[::-1], p.confidence[::-1], p.present[::-1], p.masks[::-1])
        for p in map(noisy, PARTS[2])
    ]
    write_prediction_set(tmp_path / "turned", predictions, turned)
    other = [*sets[:2], read_prediction_set(tmp_path / "turned")]
    found, wanted = pool(other, PROTOCOL), pool(sets, PROTOCOL)
    for case in CASES:
        assert np.array_equal(found.predict(case).masks, wanted.predict(case).masks)
        assert np.array_equal(found.predict(case).landmarks, wanted.predict(case).landmarks)


def test_sets_with_a_case_in_common(sets, tmp_path):
    again = written(tmp_path / "again", CASES[1:3])
    with pytest.raises(InputError, match=r"again/predictions\.json: has case case-001, which .*fold1/predictions"):
        pool([sets[0], again], PROTOCOL)
    with pytest.raises(ConfigError, match="no prediction set"):
        pool([], PROTOCOL)


def test_each_set_is_checked_against_its_own_cases(sets):
    readers = [ListReader(PARTS[0]), ListReader((*PARTS[1], make_case(99))), ListReader(PARTS[2])]
    with pytest.raises(InputError, match=r"fold2/predictions\.json: lacks 1 of 4 cases, the first is case-099"):
        pool_with_cases(sets, readers, PROTOCOL)
    pooled, reader = pool_with_cases(sets, readers, PROTOCOL, allow_partial=True)
    assert evaluate(pooled, reader, PROTOCOL, allow_partial=True).missing == ("case-099",)


def test_a_mistake_names_the_file_it_is_in(sets, tmp_path):
    small = replace(CASES[5], image=CASES[5].image[:-1], masks=CASES[5].masks[:, :-1])
    reader = ListReader((*CASES[:5], small, *CASES[6:]))
    with pytest.raises(InputError, match=r"fold3/predictions\.json: case case-005 was predicted on"):
        evaluate(pool(sets, PROTOCOL), reader, PROTOCOL)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}: lacks 1 of 13")):
        evaluate(pool(sets, PROTOCOL), ListReader((*CASES, make_case(50))), PROTOCOL)


def test_the_pooled_reader_is_a_reader():
    reader = PooledReader([ListReader(part) for part in PARTS])
    assert isinstance(reader, Reader)
    assert len(reader) == 12
    assert [reader[i].case_id for i in range(12)] == list(reader.case_ids())
    for index in (12, -1):
        with pytest.raises(IndexError):
            reader[index]
    with pytest.raises(ConfigError, match="case case-000 is in two"):
        PooledReader([ListReader(PARTS[0]), ListReader(PARTS[0])])
    with pytest.raises(ConfigError, match="different structures"):
        PooledReader([ListReader(PARTS[0]), ListReader(PARTS[1], structures=("hip-l",))])
