"""Probabilities in prediction sets, and the area under the precision-recall curve that they give."""

import json
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import PROTOCOL, STRUCTURES, ListReader, make_case, noisy
from rich.console import Console

from synthex.core import InputError, Vocabulary, derive_rng
from synthex.evaluation import (
    TrivialPredictor,
    compare_methods,
    csv_tables,
    documented_keys,
    evaluate,
    evaluate_methods,
    pool,
    read_prediction_set,
    terminal_table,
    write_prediction_set,
)
from synthex.metrics import average_precision

KEY = "average_precision"


def unsure(sample):
    """A noisy answer with levels that are higher in its masks, and somewhat higher in the true ones."""
    answer = noisy(sample)
    rng = derive_rng("levels", sample.case_id)
    levels = rng.integers(0, 128, sample.masks.shape) + 90 * answer.masks + 30 * sample.masks
    return replace(answer, probabilities=levels.astype(np.uint8))


CASES = tuple(make_case(index, subjects=4) for index in range(8))
EMPTY = replace(CASES[0], masks=CASES[0].masks & np.array([False, True, True])[:, None, None])
SAMPLES = (EMPTY, *CASES[1:])
ANSWERS = tuple(map(unsure, SAMPLES))


def written(folder, answers=ANSWERS, probabilities=True):
    write_prediction_set(folder, answers, PROTOCOL, probabilities=probabilities)
    return read_prediction_set(folder, PROTOCOL)


def test_a_set_keeps_them_exactly_and_one_without_is_what_it_was(tmp_path):
    found = written(tmp_path / "set")
    assert found.has_probabilities
    for stored, answer in zip(found, ANSWERS, strict=True):
        np.testing.assert_array_equal(stored.probabilities, answer.probabilities)
        np.testing.assert_array_equal(stored.masks, answer.masks)
    assert json.loads((tmp_path / "set" / "predictions.json").read_text())["version"] == 2
    again = written(tmp_path / "set", probabilities=False)  # in the same folder
    assert not again.has_probabilities
    assert again[SAMPLES[0].case_id].probabilities is None
    document = json.loads((tmp_path / "set" / "predictions.json").read_text())
    assert document["version"] == 1
    assert "probabilities_sha256" not in document
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["masks.npz", "predictions.json"]


def test_channels_in_another_order_are_put_right(tmp_path):
    written(tmp_path)
    turned = replace(PROTOCOL, vocabulary=Vocabulary(STRUCTURES[::-1], PROTOCOL.vocabulary.landmarks))
    stored = read_prediction_set(tmp_path, turned)[SAMPLES[1].case_id]
    np.testing.assert_array_equal(stored.probabilities, ANSWERS[1].probabilities[::-1])


def test_answers_without_them_cannot_be_kept_with_them(tmp_path):
    with pytest.raises(ValueError, match="no probabilities"):
        written(tmp_path, [replace(ANSWERS[0], probabilities=None)])
    assert list(tmp_path.iterdir()) == []


def test_damage_is_one_line_that_names_the_file(tmp_path):
    written(tmp_path / "set")
    path = tmp_path / "set" / "probabilities.npz"
    content = path.read_bytes()
    for damaged in (content[:-40], b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"probabilities\.npz.*checksum"):
            read_prediction_set(tmp_path / "set")
    path.unlink()
    with pytest.raises(InputError, match=r"probabilities\.npz: there is no such file"):
        read_prediction_set(tmp_path / "set")
    document = json.loads((tmp_path / "set" / "predictions.json").read_text())
    document["probabilities_sha256"] = None  # the check is left out
    (tmp_path / "set" / "predictions.json").write_text(json.dumps(document))
    np.savez(path, **{answer.case_id: answer.probabilities / 255 for answer in ANSWERS})
    with pytest.raises(InputError, match=r"float64.*expected uint8"):
        read_prediction_set(tmp_path / "set")[SAMPLES[0].case_id]
    np.savez(path, **{answer.case_id: answer.probabilities for answer in ANSWERS[1:]})
    with pytest.raises(InputError, match="no probabilities for 1 cases"):
        read_prediction_set(tmp_path / "set")


def test_the_area_is_of_each_image_and_empty_truth_is_left_out(tmp_path):
    baseline = TrivialPredictor.fit(CASES)
    found = evaluate(written(tmp_path / "set"), ListReader(SAMPLES), PROTOCOL, baseline)
    summary, area = found.summary, found.scores.mask_score(KEY)
    assert np.isnan(area[0, 0])
    assert np.isfinite(area).sum() == area.size - 1
    for row, (sample, answer) in enumerate(zip(SAMPLES, ANSWERS, strict=True)):
        for place in range(len(STRUCTURES)) if row else (1, 2):
            wanted = average_precision(answer.probabilities[place] / 255, sample.masks[place])
            assert area[row, place] == pytest.approx(wanted, abs=1e-12)
    for place, name in enumerate(STRUCTURES):
        column = area[:, place][np.isfinite(area[:, place])]
        assert summary[f"{KEY}_mean/{name}"] == pytest.approx(column.mean())
        assert summary[f"{KEY}_cases/{name}"] == len(column) == len(SAMPLES) - (place == 0)
    # A baseline says yes or no: its masks are a curve of two levels.
    answer = baseline.predict(SAMPLES[1])
    wanted = average_precision(answer.masks[0].astype(np.float64), SAMPLES[1].masks[0])
    assert found.baseline.mask_score(KEY)[1, 0] == pytest.approx(wanted)
    assert f"baseline_{KEY}_mean/{STRUCTURES[0]}" in summary
    assert set(summary) == set(documented_keys(found.scores, with_baseline=True))
    assert f"{KEY}_mean" in csv_tables(found)["per_structure.csv"].splitlines()[0]
    assert csv_tables(found)["dice.csv"].splitlines()[0].endswith(KEY)
    console = Console(width=100, record=True)
    console.print(terminal_table(found))
    assert "AP" in console.export_text()


def test_the_interval_is_the_one_of_dice_and_lies_around_the_mean(tmp_path):
    samples = tuple(make_case(index, subjects=8) for index in range(16))
    found = evaluate(written(tmp_path, tuple(map(unsure, samples))), ListReader(samples), PROTOCOL).summary
    for name in STRUCTURES:
        low, mean, high = (found[f"{KEY}_{end}/{name}"] for end in ("ci95_low", "mean", "ci95_high"))
        assert 0 <= low < mean < high <= 1


def test_without_probabilities_there_is_no_such_figure(tmp_path):
    bare = evaluate(written(tmp_path / "bare", probabilities=False), ListReader(SAMPLES), PROTOCOL)
    full = evaluate(written(tmp_path / "full"), ListReader(SAMPLES), PROTOCOL)
    assert not [key for key in bare.summary if KEY in key]
    assert {key: value for key, value in full.summary.items() if KEY not in key} == dict(bare.summary)
    assert KEY not in csv_tables(bare)["dice.csv"]


def test_several_sets_have_it_where_all_of_them_do(tmp_path):
    first, second = written(tmp_path / "a", ANSWERS[:3]), written(tmp_path / "b", ANSWERS[3:])
    other = written(tmp_path / "c", ANSWERS[3:], probabilities=False)
    whole = evaluate(written(tmp_path / "whole"), ListReader(SAMPLES), PROTOCOL)
    pooled = evaluate(pool([first, second], PROTOCOL), ListReader(SAMPLES), PROTOCOL)
    assert pooled.summary == whole.summary
    mixed = evaluate(pool([first, other], PROTOCOL), ListReader(SAMPLES), PROTOCOL)
    assert not [key for key in mixed.summary if KEY in key]


@pytest.mark.parametrize("both", [True, False])
def test_methods_are_compared_in_it_where_both_have_it(tmp_path, both):
    sets = {
        "one": written(tmp_path / "one"),
        "two": written(tmp_path / "two", ANSWERS, probabilities=both),
    }
    found = evaluate_methods(sets, ListReader(SAMPLES), PROTOCOL)
    table = compare_methods(found, resamples=50)
    assert (KEY in {row.quantity for row in table.figures}) == both
    assert (KEY in {row.quantity for row in table.differences}) == both
