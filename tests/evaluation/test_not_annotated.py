"""What is not annotated is neither scored nor averaged into a baseline, and a set of nothing else says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, make_case, noisy

from synthex.core import ConfigError, Sample
from synthex.evaluation import (
    Evaluation,
    FieldPredictor,
    TrivialPredictor,
    evaluate,
    read_prediction_set,
    write_evaluation,
    write_prediction_set,
)


def _unknown(sample: Sample, flags: tuple[bool, ...]) -> Sample:
    """The sample with masks that are not annotated, which readers leave empty."""
    known = np.array(flags)
    return replace(sample, masks=sample.masks & known[:, None, None], masks_annotated=known)


def _nothing(sample: Sample) -> Sample:
    none = np.zeros(len(LANDMARKS), dtype=bool)
    return _unknown(replace(sample, visible=none, annotated=none), (False,) * len(STRUCTURES))


def _evaluate(folder: Path, truths: list[Sample], **options: int) -> Evaluation:
    whole = [make_case(index) for index in range(len(truths))]
    write_prediction_set(folder / "set", [noisy(sample) for sample in whole], PROTOCOL)
    return evaluate(read_prediction_set(folder / "set", PROTOCOL), ListReader(tuple(truths)), PROTOCOL, **options)


def test_unlabelled_images_change_no_figure(tmp_path: Path) -> None:
    samples = [make_case(index) for index in range(4)]
    alone = _evaluate(tmp_path / "a", samples[:3]).summary
    mixed = _evaluate(tmp_path / "b", [*samples[:3], _nothing(samples[3])]).summary
    same = {key for key in alone if key.startswith(("dice", "landmark", "detection", "false")) and "ci95" not in key}
    assert {key: mixed[key] for key in same} == {key: alone[key] for key in same}


def test_a_mask_that_is_not_annotated_is_not_an_empty_one(tmp_path: Path) -> None:
    samples = [make_case(index) for index in range(3)]
    found = _evaluate(
        tmp_path, [samples[0], _unknown(samples[1], (True, False, True)), samples[2]], pictures=1, gallery=3
    )
    dice = found.scores.dice
    assert np.argwhere(np.isnan(dice)).tolist() == [[1, 1]]
    assert found.summary[f"dice_cases/{STRUCTURES[1]}"] == 2
    write_evaluation(tmp_path / "out", found)
    rows = [row.split(",") for row in (tmp_path / "out" / "dice.csv").read_text().splitlines()]
    empty = [row for row in rows if row[0] == "case-001" and row[2] == STRUCTURES[1]]
    assert len(empty) == 1
    assert not any(empty[0][3:])


def test_a_set_with_nothing_annotated_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing of task toy is annotated") as caught:
        _evaluate(tmp_path, [_nothing(make_case(index)) for index in range(2)])
    assert "\n" not in str(caught.value)


def test_the_trivial_predictor_averages_annotated_masks() -> None:
    samples = [make_case(index) for index in range(3)]
    partly = [samples[0], _unknown(samples[1], (True, False, True)), samples[2]]
    found, whole = TrivialPredictor.fit(partly), TrivialPredictor.fit(samples)
    other = TrivialPredictor.fit([samples[0], samples[2]])
    np.testing.assert_array_equal(found.masks[[0, 2]], whole.masks[[0, 2]])
    np.testing.assert_array_equal(found.masks[1], other.masks[1])
    assert not TrivialPredictor.fit([_nothing(samples[0])]).masks.any()


def test_a_region_that_is_not_annotated_answers_for_nothing() -> None:
    predictor = FieldPredictor(STRUCTURES, (("sacrum", "hip-l"),))
    assert predictor.judged(make_case(0)).masks_annotated.tolist() == [False, False, True]
    assert not predictor.judged(_unknown(make_case(0), (False, True, True))).masks_annotated.any()
