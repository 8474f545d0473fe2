"""Methods against predictors that do not look at the image."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, make_case, noisy
from rich.console import Console

from synthex.evaluation import (
    TrivialPredictor,
    compare_methods,
    comparison_csv,
    comparison_latex,
    evaluate,
    evaluate_methods,
    headline_differences,
    pool,
    read_prediction_set,
    render_methods_report,
    render_report,
    terminal_table,
    write_prediction_set,
)
from synthex.evaluation.tables import csv_tables
from synthex.metrics import dice, holm

FIELD = replace(PROTOCOL, field_baseline=(("sacrum", "hip-l"),), mask_scores=("f2",), primary="dice_mean/sacrum")


@pytest.fixture(scope="module")
def samples():
    return tuple(make_case(index, subjects=9) for index in range(27))


@pytest.fixture(scope="module")
def folds(samples, tmp_path_factory):
    """Three folds' sets with their own mean masks, and one set of another method on all cases with its own."""
    folder = tmp_path_factory.mktemp("folds")
    baselines, sets = [], {"one": [], "folds": []}
    for fold in range(3):
        trained = [make_case(100 * (fold + 1) + index) for index in range(2)]
        baselines.append(TrivialPredictor.fit(trained))
        own = samples[fold::3]
        for name, predictions in (("set", map(noisy, own)), ("baseline", map(baselines[-1].predict, own))):
            write_prediction_set(folder / f"{name}{fold}", predictions, PROTOCOL)
            sets["folds"].append(folder / f"{name}{fold}")
    lower = [replace(found, masks=np.roll(found.masks, 3, axis=1)) for found in (noisy(one, 6.0) for one in samples)]
    write_prediction_set(folder / "one", lower, PROTOCOL)
    other = TrivialPredictor.fit(make_case(900 + index) for index in range(3))
    methods = {
        "one": read_prediction_set(folder / "one"),
        "folds": pool([read_prediction_set(folder / f"set{fold}") for fold in range(3)], FIELD),
    }
    pooled = pool([read_prediction_set(folder / f"baseline{fold}") for fold in range(3)], FIELD)
    found = evaluate_methods(methods, ListReader(samples), FIELD, {"one": other, "folds": pooled}, gallery=3)
    return found, baselines, other


@pytest.fixture(scope="module")
def table(folds):
    return compare_methods(folds[0], resamples=999)


def row_of(table, quantity, name, first, second):
    keys = (quantity, name, first, second)
    return next(row for row in table.differences if (row.quantity, row.name, row.first, row.second) == keys)


def test_every_method_meets_every_trivial_predictor(table):
    assert table.trivial == ("baseline of one", "baseline of folds", "whole region")
    assert table.methods == ("one", "folds", *table.trivial)
    pairs = {(row.first, row.second) for row in table.differences}
    against = {(first, second) for first in ("one", "folds") for second in table.trivial}
    assert pairs == against | {("one", "folds")}


def test_each_case_meets_the_mean_mask_of_its_own_fold(table, folds, samples):
    _, baselines, _ = folds
    expected = []
    for index, sample in enumerate(samples):
        mine = dice(noisy(sample).masks, sample.masks)
        expected.append(mine - dice(baselines[index % 3].predict(sample).masks, sample.masks))
    found = row_of(table, "dice", "hip-r", "folds", "baseline of folds").comparison
    assert found.counts == (27, 27)
    assert found.difference == pytest.approx(np.array(expected)[:, 1].mean(), abs=1e-12)
    # Not that of one fold for all.
    wrong = [dice(baselines[0].predict(sample).masks, sample.masks)[1] for sample in samples]
    assert abs(found.second_mean - np.mean(wrong)) > 1e-3


def test_the_region_answers_for_its_structure_alone(table, samples):
    rows = [row for row in table.differences if row.second == "whole region"]
    assert {row.name for row in rows} == {"sacrum"}
    assert not any(row.quantity.startswith(("landmark", "detection")) for row in rows)
    found = row_of(table, "dice", "sacrum", "one", "whole region").comparison
    region = np.mean([dice(sample.masks[[0]], sample.masks[[2]])[0] for sample in samples])
    assert found.second_mean == pytest.approx(region)


def test_all_pairs_of_a_figure_are_one_family(table):
    family = [row for row in table.differences if row.quantity == "dice" and row.name]
    assert len(family) == 3 * 5 + 2  # pairs of two methods and two baselines by structure, the region for one
    np.testing.assert_allclose([row.p_holm for row in family], holm(np.array([row.p for row in family])))


def test_a_ratio_is_that_of_the_means(table):
    row = row_of(table, "dice", "sacrum", "one", "folds")
    found = row.comparison
    assert row.ratio.value == pytest.approx(found.first_mean / found.second_mean)
    assert row.ratio.low < row.ratio.value < row.ratio.high
    error = row_of(table, "landmark_error_mm_all", "FH-l", "folds", "baseline of one")
    assert error.ratio.high < 1


def test_equal_baselines_stand_there_once(samples, tmp_path):
    methods = {}
    for name, spread in (("a", 2.0), ("b", 4.0)):
        write_prediction_set(tmp_path / name, [noisy(sample, spread) for sample in samples], PROTOCOL)
        methods[name] = read_prediction_set(tmp_path / name)
    baseline = TrivialPredictor.fit(samples[:4])
    found = evaluate_methods(methods, ListReader(samples), PROTOCOL, {"a": baseline, "b": baseline})
    assert compare_methods(found, resamples=9).trivial == ("baseline of a, b",)


def test_one_set_meets_what_stands_beside_it(samples, tmp_path):
    write_prediction_set(tmp_path / "set", map(noisy, samples), PROTOCOL)
    baseline = TrivialPredictor.fit(make_case(300 + index) for index in range(4))
    reader, chosen = ListReader(samples), read_prediction_set(tmp_path / "set")
    found = evaluate(chosen, reader, FIELD, baseline)
    row = row_of(found.against, "dice", "sacrum", "model", "baseline")
    expected = found.summary["dice_mean/sacrum"] - found.summary["baseline_dice_mean/sacrum"]
    assert row.comparison.difference == pytest.approx(expected)
    assert row.comparison.bootstrap.low < expected < row.comparison.bootstrap.high
    rows = list(csv.DictReader(io.StringIO(csv_tables(found)["differences.csv"])))
    assert {(row["first"], row["second"]) for row in rows} == {("model", "baseline"), ("model", "whole region")}
    page = render_report(found, {})
    assert "Better than not looking?" in page
    assert f"{row.comparison.difference:.3f} ({row.comparison.bootstrap.low:.3f} to " in page
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table(found))
    assert f"{row.comparison.difference:.3f} (" in console.export_text()
    alone = evaluate(chosen, reader, PROTOCOL)
    assert alone.against is None
    assert "differences.csv" not in csv_tables(alone)
    assert "Better than not looking?" not in render_report(alone, {})


def test_a_reader_can_read_it_off(table, folds):
    row = row_of(table, "dice", "sacrum", "folds", "whole region")
    low, high = row.comparison.bootstrap.low, row.comparison.bootstrap.high
    page = render_methods_report(folds[0], table)
    section = page[page.index("Better than not looking?") : page.index("Curves")]
    shown = section[: section.index("By landmark and structure")]
    assert f'{row.comparison.difference:.3f} ({low:.3f} to {high:.3f})</span><br><span class="soft">better, p' in shown
    assert f"ratio {row.ratio.value:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f})" in shown
    assert "hip-r" not in shown  # what ranks models comes first
    assert all(name in section for name in (*LANDMARKS, *STRUCTURES))
    latex = comparison_latex(table)
    assert f"${row.comparison.difference:.3f}$ (${low:.3f}$ to ${high:.3f}$)" in latex
    assert "folds - whole region" in latex
    rows = list(csv.DictReader(io.StringIO(comparison_csv(table)["comparison_differences.csv"])))
    cells = next(
        cells
        for cells in rows
        if (cells["quantity"], cells["name"], cells["first"], cells["second"])
        == ("dice", "sacrum", "folds", row.second)
    )
    for key, value in (("ratio", row.ratio.value), ("ratio_ci95_low", row.ratio.low), ("p_holm", row.p_holm),
                       ("cohen_dz", row.comparison.effect)):  # fmt: skip
        assert float(cells[key]) == pytest.approx(value, rel=1e-5)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(headline_differences(table, FIELD))
    text = console.export_text()
    assert "Dice (F1), sacrum: differences" in text
    assert "folds − whole region" in text
