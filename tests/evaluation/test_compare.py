import csv
import io
import json
from dataclasses import fields, replace

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, make_case, noisy, perfect

from synthex.core import ConfigError
from synthex.evaluation import evaluate, read_prediction_set, write_prediction_set
from synthex.evaluation.compare import Figures, compare_figures, compare_scores
from synthex.evaluation.compare_tables import comparison_csv, comparison_latex
from synthex.metrics import Confusion


@pytest.fixture(scope="module")
def samples():
    return [make_case(index, subjects=8) for index in range(32)]


def worse(index, prediction):
    """Masks that lie elsewhere, and in every fourth case a landmark that is not found."""
    present = prediction.present.copy()
    present[0] &= index % 4 > 0
    return replace(prediction, masks=np.roll(prediction.masks, 2 + index % 3, axis=1), present=present)


@pytest.fixture(scope="module")
def scores(samples, tmp_path_factory):
    """Three methods through real prediction files: exact, good and bad."""
    methods = {
        "exact": [perfect(sample) for sample in samples],
        "good": [noisy(sample, 2.0) for sample in samples],
        "bad_one": [worse(index, noisy(sample, 6.0)) for index, sample in enumerate(samples)],
    }
    found = {}
    for name, predictions in methods.items():
        folder = tmp_path_factory.mktemp("sets") / name
        write_prediction_set(folder, predictions, PROTOCOL)
        found[name] = evaluate(read_prediction_set(folder), ListReader(tuple(samples)), PROTOCOL, pictures=0).scores
    return found


@pytest.fixture(scope="module")
def table(scores):
    return compare_scores(scores, {"landmark_error_mm_all": 20, "dice": 0.5}, resamples=999)


def row_of(table, quantity, name, first, second):
    keys = (quantity, name, first, second)
    return next(row for row in table.differences if (row.quantity, row.name, row.first, row.second) == keys)


def test_rows_are_complete(table):
    columns = 2 * (1 + len(LANDMARKS)) + 1 + len(STRUCTURES)
    assert len(table.figures) == 3 * columns
    assert len(table.differences) == 3 * columns  # three pairs of three methods
    assert (table.methods, table.cases, table.subjects) == (("exact", "good", "bad_one"), 32, 8)


def test_figures_are_those_of_the_scores(table, scores):
    row = next(row for row in table.figures if (row.quantity, row.name, row.method) == ("dice", "hip-r", "good"))
    values = scores["good"].dice[:, 1]
    assert (row.count, row.mean, row.std) == (32, pytest.approx(values.mean()), pytest.approx(values.std()))
    assert row.ci_low < row.mean < row.ci_high


def test_differences_have_the_sign_and_the_size(table, scores):
    row = row_of(table, "landmark_error_mm_all", "", "good", "bad_one")
    expected = scores["good"].full_error_mm.mean() - scores["bad_one"].full_error_mm.mean()
    assert row.comparison.difference == pytest.approx(expected)
    assert expected < 0
    assert row.p_holm < 0.05
    assert row.equivalence_p_holm < 0.05  # the margin of 20 mm is wide
    assert row.test == "bootstrap"
    assert row_of(table, "landmark_error_mm", "", "good", "bad_one").comparison.equivalence is None


def test_only_landmarks_that_both_detect_are_paired(table, scores):
    row = row_of(table, "landmark_error_mm", "FH-l", "good", "bad_one")
    both = scores["good"].detected[:, 0] & scores["bad_one"].detected[:, 0]
    assert row.comparison.counts == (both.sum(), both.sum())
    assert row.comparison.dropped == 32 - both.sum() == 8


def test_corrections_are_over_the_pairs_of_a_quantity(table):
    family = [row for row in table.differences if row.quantity == "dice" and row.name]
    assert len(family) == 9
    p = np.array([row.p for row in family])
    smallest = int(np.argmin(p))
    assert family[smallest].p_holm == pytest.approx(min(1, 9 * p[smallest]))
    assert all(row.test == "bootstrap" and row.p <= row.p_bh <= row.p_holm for row in family)
    pooled = [row.p for row in table.differences if row.quantity == "dice" and not row.name]
    assert min(row.p_holm for row in table.differences if row.quantity == "dice" and not row.name) == pytest.approx(
        min(1, 3 * min(pooled))
    )


def test_a_method_is_not_different_from_itself(scores):
    found = compare_scores({"one": scores["good"], "two": scores["good"]}, {"dice": 0.1}, resamples=99)
    for row in found.differences:
        assert (row.comparison.difference, row.test) == (0, "")
        assert np.isnan([row.p, row.p_holm, row.equivalence_p]).all()
        assert "equal" in row.comparison.bootstrap.note
    json.dumps(found.to_json(), allow_nan=False)


def take(counts, cases):
    return Confusion(*(getattr(counts, part.name)[cases] for part in fields(Confusion)))


def test_the_order_of_cases_does_not_matter(scores):
    good = scores["good"]
    order = np.arange(32)[::-1]
    keys = ("pixel_mm", "magnification", "diagonal_px", "truth_px", "guess_px", "confidence", "present", "visible")
    turned = replace(
        good,
        **{key: getattr(good, key)[order] for key in (*keys, "annotated", "masks_annotated")},
        counts=take(good.counts, order),
        case_ids=good.case_ids[::-1],
        subject_ids=good.subject_ids[::-1],
    )
    one = compare_scores({"exact": scores["exact"], "good": good}, resamples=199)
    other = compare_scores({"exact": scores["exact"], "good": turned}, resamples=199)
    assert one.to_json() == other.to_json()


def first_cases(scores, count):
    keys = ("pixel_mm", "magnification", "diagonal_px", "truth_px", "guess_px", "confidence", "present", "visible")
    return replace(
        scores,
        **{key: getattr(scores, key)[:count] for key in (*keys, "annotated", "masks_annotated")},
        counts=take(scores.counts, slice(count)),
        case_ids=scores.case_ids[:count],
        subject_ids=scores.subject_ids[:count],
    )


def test_other_cases_are_refused_or_left_out(scores):
    part = {"exact": scores["exact"], "good": first_cases(scores["good"], 20)}
    with pytest.raises(ConfigError, match="exact has 32 cases and all methods share 20"):
        compare_scores(part)
    found = compare_scores(part, shared_cases=True, resamples=99)
    assert found.cases == 20
    assert row_of(found, "dice", "", "exact", "good").comparison.counts == (60, 60)


def test_what_cannot_be_compared_is_refused(scores):
    good, exact = scores["good"], scores["exact"]
    for other, problem in (
        (replace(good, structures=("a", "b", "c")), "other landmarks or structures"),
        (replace(good, truth_px=good.truth_px + 1), "another truth"),
        (replace(good, subject_ids=good.subject_ids[::-1]), "another truth"),
        (replace(good, case_ids=tuple(f"x{name}" for name in good.case_ids)), "share 0"),
    ):
        with pytest.raises(ConfigError, match=problem):
            compare_scores({"exact": exact, "good": other})
    with pytest.raises(ConfigError, match="at least two methods"):
        compare_scores({"exact": exact})
    with pytest.raises(ConfigError, match="no quantity dise"):
        compare_scores({"exact": exact, "good": good}, {"dise": 0.1})
    with pytest.raises(ConfigError, match="margin of dice must be positive"):
        compare_scores({"exact": exact, "good": good}, {"dice": 0}, resamples=9)


def test_any_figure_of_cases_can_be_compared():
    rng = np.random.default_rng(0)
    values = {name: rng.random((30, 1)) + shift for name, shift in (("a", 0.0), ("b", 0.5))}
    subjects = tuple(f"p{index % 3}" for index in range(30))
    found = compare_figures(Figures("f2", ("",), subjects, values), 0.1)
    assert len(found.differences) == 1
    assert found.differences[0].test == ""  # three subjects are too few for an interval, and for a p value
    assert np.isnan(found.differences[0].p)
    assert "$f2" not in comparison_latex(found)
    with pytest.raises(ConfigError, match="of shape"):
        compare_figures(Figures("f2", ("",), subjects, values | {"c": np.zeros((4, 1))}))
    with pytest.raises(ConfigError, match="at least two methods"):
        compare_figures(Figures("f2", ("",), subjects, {"a": values["a"]}))


def test_csv_can_be_read_back(table):
    files = comparison_csv(table)
    rows = list(csv.DictReader(io.StringIO(files["comparison_differences.csv"])))
    assert len(rows) == len(table.differences)
    wanted = table.differences[0]
    assert float(rows[0]["difference"]) == pytest.approx(wanted.comparison.difference, rel=1e-5)
    assert float(rows[0]["p_holm"]) == pytest.approx(wanted.p_holm, rel=1e-5)
    assert rows[0]["margin"] == ""
    figures = list(csv.DictReader(io.StringIO(files["comparison_methods.csv"])))
    assert figures[0]["method"] == "exact"
    assert "nan" not in "".join(files.values())


def test_latex_has_the_form_of_the_paper(table):
    text = comparison_latex(table)
    row = next(row for row in table.figures if row.quantity == "dice" and not row.name and row.method == "good")
    half = (row.ci_high - row.ci_low) / 2
    assert f"${row.mean:.3f} \\pm {row.std:.3f}$ ({half:.3f})" in text
    assert r"bad\_one" in text
    assert "bad_one" not in text
    assert "nan" not in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 6
    for block in text.split(r"\begin{tabular}")[1:]:
        columns = block.split("}")[0].lstrip("{")
        lines = [line for line in block.splitlines() if line.endswith(r"\\")]
        assert {line.count(" & ") for line in lines} == {len(columns) - 1}
    assert f"{row.ci_low:.3f}$ to ${row.ci_high:.3f}" in comparison_latex(table, "ends")


def test_the_seed_alone_decides(scores):
    two = {"exact": scores["exact"], "good": scores["good"]}
    first, again, other = (compare_scores(two, seed=seed, resamples=99).to_json() for seed in (1, 1, 2))
    assert first == again
    assert first != other
