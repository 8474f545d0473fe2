import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import PROTOCOL, ListReader, make_case, noisy
from rich.console import Console

from synthex.core import ConfigError, EvalProtocol, Prediction, Vocabulary
from synthex.data.real import CovidCxr
from synthex.evaluation import (
    FieldPredictor,
    csv_tables,
    documented_keys,
    evaluate,
    read_prediction_set,
    terminal_table,
    write_evaluation,
    write_prediction_set,
)
from synthex.tasks import lesion_segmentation

STRUCTURES = ("lesion", "lungs")
LESION = lesion_segmentation.protocol()
SCORES = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2", "iou")


def chest(index, lesion=2, found=2, missed_column=None, subjects=7):
    """Truth and answer on 10 x 10 pixels: the lungs are rows 2 to 9, lesion and answer rows 2 and following."""
    truth, answer = np.zeros((2, 2, 10, 10), dtype=bool)
    truth[1, 2:], answer[1, 2:] = True, True
    truth[0, 2 : 2 + lesion], answer[0, 2 : 2 + found] = True, True
    if missed_column is not None:
        answer[0, :, missed_column] = False
    sample = make_case(index, subjects, (30, 30), protocol=LESION)
    sample = replace(sample, image=sample.image[:10, :10], masks=truth)
    return sample, Prediction(sample.case_id, np.zeros((0, 2)), np.zeros(0), np.zeros(0, dtype=bool), answer)


@pytest.fixture
def score(tmp_path):
    def run(cases, protocol=LESION, structures=STRUCTURES, **options):
        write_prediction_set(tmp_path / "set", [answer for _, answer in cases], protocol)
        samples = [replace(sample, masks=sample.masks[: len(structures)]) for sample, _ in cases]
        return evaluate(
            read_prediction_set(tmp_path / "set"), ListReader(tuple(samples), structures, ()), protocol, **options
        )

    return run


def test_scores_of_known_counts(score):
    """Lesion 20 px, found 30 of which 20 are right; of 100 pixels."""
    summary = score([chest(0, lesion=2, found=3)]).summary
    expected = {"sensitivity": 1, "specificity": 70 / 80, "precision": 2 / 3, "accuracy": 0.9}
    expected |= {"f1": 0.8, "f2": 100 / 110, "iou": 2 / 3, "dice": 0.8}
    for name, value in expected.items():
        assert summary[f"{name}_mean/lesion"] == pytest.approx(value), name
        assert summary[f"{name}_mean/lungs"] == 1
    assert summary["primary_value"] == pytest.approx(0.8)


def test_each_score_counts_the_images_in_which_it_has_a_value(score):
    nothing, alarm, miss = chest(0, lesion=0, found=0), chest(1, lesion=0, found=1), chest(2, lesion=1, found=0)
    summary = score([nothing, alarm, miss]).summary
    counted = {name: summary[f"{name}_cases/lesion"] for name in SCORES}
    assert counted == {"sensitivity": 1, "specificity": 3, "precision": 1, "accuracy": 3, "f1": 2, "f2": 2, "iou": 2}
    assert summary["sensitivity_mean/lesion"] == summary["precision_mean/lesion"] == 0
    assert summary["specificity_mean/lesion"] == pytest.approx((1 + 0.9 + 1) / 3)
    only = score([nothing]).summary
    assert only["f2_mean/lesion"] is None
    assert only["f2_cases/lesion"] == 0


def test_the_original_counts_a_miss_as_almost_five(score):
    """Lesion 10 px, all other 90 px found: 5 (p s + e) / (4 p + s + e) with p = e / (90 + e) and s = e / (10 + e)."""
    sample, answer = chest(0, lesion=1)
    answer.masks[0] = ~sample.masks[0]
    summary = score([(sample, answer)]).summary
    assert summary["original/f2_mean"] == pytest.approx(5e-4 / (4e-4 / 90 + 1e-4 / 10 + 1e-4), rel=1e-4)
    assert summary["f2_mean/lesion"] == 0
    assert score([chest(0)]).summary["original/f1_std"] == 0


def test_the_field_is_scored_beside_the_model(score):
    """Lesion 20 px in lungs of 80: Dice 2 x 20 / 100, F2 5 x 20 / (5 x 20 + 60)."""
    summary = score([chest(0, found=3)]).summary
    assert summary["field_baseline_dice_mean/lesion"] == pytest.approx(0.4)
    assert summary["field_baseline_f2_mean/lesion"] == pytest.approx(0.625)
    assert summary["field_baseline_sensitivity_mean/lesion"] == 1
    assert "field_baseline_dice_mean/lungs" not in summary
    assert "baseline_dice_mean/lesion" not in summary


def test_a_field_without_truth_is_no_baseline(score):
    summary = score([chest(0)], structures=("lesion",)).summary
    assert summary["dice_mean/lesion"] == 1
    assert summary["field_baseline_dice_mean/lesion"] is None
    assert summary["dice_mean/lungs"] is summary["accuracy_mean/lungs"] is None


def test_the_field_can_be_the_baseline_of_any_evaluation(score):
    field = FieldPredictor(STRUCTURES, [("lesion", "lungs")])
    found = score([chest(0, found=3), chest(1)], baseline=field)
    for name in ("dice", *SCORES):
        key = f"baseline_{name}_mean/lesion"
        assert found.summary[key] == found.summary[f"field_{key}"]
    assert found.summary["baseline_dice_mean/lungs"] == 0
    with pytest.raises(ConfigError, match="no structure heart; there are lesion, lungs"):
        FieldPredictor(STRUCTURES, [("lesion", "heart")])


def test_every_key_is_documented_and_tasks_that_ask_for_nothing_have_no_more_keys(score):
    found = score([chest(index) for index in range(3)], baseline=FieldPredictor(STRUCTURES, [("lesion", "lungs")]))
    assert list(found.summary) == list(documented_keys(found.scores, with_baseline=True))
    plain = EvalProtocol("lesion_segmentation", Vocabulary(STRUCTURES), (), "dice_mean/lesion")
    added = set(found.summary) - set(score([chest(0)], plain).summary)
    assert {key for key in added if not key.startswith("baseline_")} == {
        *(f"{name}_{end}/{structure}" for name in SCORES for structure in STRUCTURES
          for end in ("mean", "std", "median", "ci95_low", "ci95_high", "cases")),
        *(f"original/{name}_{end}" for name in SCORES[:6] for end in ("mean", "std")),
        *(f"field_baseline_{name}_{end}/lesion" for name in ("dice", *SCORES)
          for end in ("mean", "std", "median", "ci95_low", "ci95_high", "cases")),
        "landmark_error_baseline_ratio", "landmark_error_baseline_ratio_all",
    }  # fmt: skip


@pytest.mark.parametrize(("subjects", "known"), [(4, False), (5, True)])
def test_intervals_need_five_subjects_and_stay_within_what_is_possible(score, subjects, known):
    """One of them is far off: the interval of so few is as wide as it can be."""
    cases = [chest(index, found=2 if index else 8, subjects=subjects) for index in range(subjects)]
    summary = score(cases).summary
    for name in ("dice", "precision", "specificity"):
        low, mean, high = (summary[f"{name}_{key}/lesion"] for key in ("ci95_low", "mean", "ci95_high"))
        assert (low is not None) == (high is not None) == known
        assert not known or 0 <= low < mean < high <= 1


def test_f1_is_dice_with_its_interval(score):
    summary = score([chest(index, found=1 + index % 4) for index in range(8)]).summary
    for key in ("mean", "std", "median", "ci95_low", "ci95_high", "cases"):
        assert summary[f"f1_{key}/lesion"] == summary[f"dice_{key}/lesion"] is not None


def test_cases_are_ranked_by_the_structure_that_ranks_models(score):
    good, bad = chest(0), chest(1, found=5)
    good[1].masks[1] = False  # the lungs are missed, which a mean over structures would hold against it
    ranks = {picture.rank: picture.case_id for picture in score([good, bad], pictures=1).pictures}
    assert (ranks["best-1"], ranks["worst-1"]) == (good[0].case_id, bad[0].case_id)


def test_tables_of_a_task_without_landmarks(score, tmp_path):
    found = score([chest(index, found=3) for index in range(6)])
    tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in csv_tables(found).items()}
    assert set(tables) == {"dice.csv", "per_structure.csv", "differences.csv"}
    row = tables["dice.csv"][0]
    assert [row[f"{side}_{kind}"] for side in ("true", "false") for kind in ("positives", "negatives")] == [
        "20", "70", "10", "0",
    ]  # fmt: skip
    assert (row["structure"], row["sensitivity"], row["f2"]) == ("lesion", "1", "0.909091")
    lesion, lungs = tables["per_structure.csv"]
    assert (lesion["field_baseline_dice_mean"], lungs["field_baseline_dice_mean"]) == ("0.4", "")
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(found))
    text = console.export_text()
    assert re.search(r"lesion +│ region", text)
    assert "Landmarks:" not in text
    for value in ("0.909", "0.625", "sens", "prec", "Dice of lesion"):
        assert value in text
    paths = write_evaluation(tmp_path / "out", found)
    page = paths.report.read_text()
    assert "By landmark" not in page
    assert {path.name for path in paths.tables} == set(tables)


def test_scores_that_do_not_exist_are_refused(score):
    with pytest.raises(ConfigError, match="no score of masks recall; choose from sensitivity, "):
        score([chest(0)], replace(LESION, mask_scores=("recall",)))
    with pytest.raises(ConfigError, match="field baseline names heart, the structures of lesion_segmentation are"):
        replace(LESION, field_baseline=(("lesion", "heart"),))
    with pytest.raises(ConfigError, match="two landmarks, lesion_segmentation has 0"):
        replace(LESION, original_rule="tool")


@pytest.mark.parametrize("rule", ["hip", "tool"])
def test_other_tasks_can_ask_for_the_original_too(tmp_path, rule):
    vocabulary = Vocabulary(PROTOCOL.vocabulary.structures, PROTOCOL.vocabulary.landmarks[:2])
    protocol = EvalProtocol("toy", vocabulary, (0.5,), "dice_mean", original_rule=rule)
    samples = [make_case(index, size=(60, 60), protocol=protocol) for index in range(3)]
    write_prediction_set(tmp_path, [noisy(sample) for sample in samples], protocol)
    reader = ListReader(tuple(samples), vocabulary.structures, vocabulary.landmarks)
    found = evaluate(read_prediction_set(tmp_path), reader, protocol)
    assert list(found.summary) == list(documented_keys(found.scores, with_baseline=False))
    for end in ("", "/hip-l", "/sacrum"):
        assert found.summary[f"original/dice_mean{end}"] == pytest.approx(found.summary[f"dice_mean{end}"], abs=0.006)
    assert found.summary["original/landmark_error_mm_mean/FH-l"] > 0


def test_the_lung_field_on_real_radiographs(shared_data, tmp_path):
    """On the development images of covid_cxr the whole lung field has Dice 0.476, F2 0.646, sensitivity 0.99.

    On 55 of 56: one has no mask of the right lung, so its field is not known (with half of it, sensitivity is 0.982).
    """
    found = CovidCxr(shared_data / "covid_cxr", structures=STRUCTURES)
    samples = []
    for index, case_id in enumerate(found.case_ids()):
        if case_id.startswith("d"):
            sample = found[index]
            step = max(1, max(sample.image.shape) // 224)
            masks = np.ascontiguousarray(sample.masks[:, ::step, ::step])
            samples.append(replace(sample, image=np.ascontiguousarray(sample.image[::step, ::step]), masks=masks))
    empty = np.zeros(0)
    answers = [
        Prediction(one.case_id, np.zeros((0, 2)), empty, empty.astype(bool), one.masks & False) for one in samples
    ]
    write_prediction_set(tmp_path, answers, LESION)
    reader = ListReader(tuple(samples), found.structures, ())
    summary = evaluate(read_prediction_set(tmp_path), reader, LESION, pictures=0).summary
    assert summary["cases"] == 56
    for name, value in (("dice", 0.476), ("f2", 0.646), ("sensitivity", 0.992)):
        assert summary[f"field_baseline_{name}_mean/lesion"] == pytest.approx(value, abs=0.005)
    assert summary["field_baseline_f2_ci95_low/lesion"] < 0.646 < summary["field_baseline_f2_ci95_high/lesion"]
    assert summary["dice_mean/lesion"] == 0
