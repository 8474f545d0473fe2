"""Figures of finished cells, pooled as the paper pools them, and beside what others published."""

import csv
import io
import math

import numpy as np
import pytest
from generators.studies import TINY_STUDY, write_scores, write_study

from synthex.core import InputError
from synthex.studies import Cell, collect, draw_curves, read_study, study_csv, study_latex, study_markdown

PUBLISHED = {
    "source": "somebody's paper",
    "cells": [
        {
            "cell": {"level": "naive", "augment": "none"},
            "test": "test",
            "figures": {"landmark_error_mm": [6.44, 7.05, 0.26], "landmark_error_mm/FH-l": [4.25, 2.37]},
        }
    ],
}


@pytest.fixture
def study(tmp_path):
    return read_study(write_study(tmp_path / "mine", published=PUBLISHED))


def finish(tmp_path, level, augment, fold, errors, dice=None, seed=0):
    folder = tmp_path / f"{level}-{augment}-{fold}-{seed}"
    write_scores(folder / "predictions" / "test" / "evaluation", errors, dice)
    return Cell({"level": level, "augment": augment}, fold, seed), folder


def find(found, level, augment, figure):
    (one,) = (one for one in found if one.figure == figure and one.values == {"level": level, "augment": augment})
    return one


def test_errors_are_pooled_over_folds_not_averaged_twice(study, tmp_path):
    cells = [
        finish(tmp_path, "naive", "none", "0", {"s": [2.0]}),
        finish(tmp_path, "naive", "none", "1", {"s": [4.0, 6.0, None]}),
    ]
    one = find(collect(study, study.sizes["tiny"], cells), "naive", "none", "landmark_error_mm")
    assert (one.state, one.done, one.wanted, one.count) == ("done", 2, 2, 3)
    assert one.mean == pytest.approx(4.0)  # of folds it would be 3.5
    assert one.std == pytest.approx(np.std([2.0, 4.0, 6.0]))
    assert one.seed_means == (pytest.approx(4.0),)


def test_no_miss_is_dropped_from_the_full_error_and_false_detections_have_a_figure_of_their_own(tmp_path):
    table = {"rows": ["level"], "columns": ["augment"]}
    table["figures"] = ["landmark_error_mm", "landmark_error_mm_all", "detection_rate", "false_detection_rate"]
    study = read_study(write_study(tmp_path / "figures", {"table": table}))
    cells = [finish(tmp_path, "naive", "none", fold, {"s": [3.0, None]}) for fold in "01"]
    found = collect(study, study.sizes["tiny"], cells)
    means = {one.figure: one.mean for one in found if one.values == {"level": "naive", "augment": "none"}}
    # write_scores: a miss was 99 mm off, and the absent landmark is called present.
    assert means == {
        "landmark_error_mm": 3.0, "landmark_error_mm_all": 51.0, "detection_rate": 0.5, "false_detection_rate": 1.0
    }  # fmt: skip
    assert "Share of absent landmarks called present" in study_markdown(study, "tiny", study.sizes["tiny"], found)


def test_cells_are_done_partial_missing_or_pending(study, tmp_path):
    cells = [finish(tmp_path, "naive", "none", "0", {"s": [2.0]}, dice=0.5)]
    found = collect(study, study.sizes["tiny"], cells)
    states = {tuple(one.values.values()): one.state for one in found}
    assert states["naive", "none"] == "partial"
    assert states["naive", "strong"] == states["heuristic", "none"] == "missing"
    assert states["later", "none"] == "not yet"
    one = find(found, "naive", "none", "dice")
    assert (one.mean, one.seed_means) == (0.5, ())  # not all folds of any seed


def test_spread_over_seeds_is_that_of_their_means(tmp_path):
    sizes = {"tiny": TINY_STUDY["sizes"]["tiny"] | {"seeds": [0, 1], "folds": [0]}}
    study = read_study(write_study(tmp_path / "seeds", {"sizes": sizes}))
    cells = [finish(tmp_path, "naive", "none", "0", {"s": [1.0 + 2 * seed]}, seed=seed) for seed in (0, 1)]
    one = find(collect(study, study.sizes["tiny"], cells), "naive", "none", "landmark_error_mm")
    assert one.seed_means == (1.0, 3.0)
    assert one.seed_std == pytest.approx(math.sqrt(2))


def test_published_numbers_stand_in_rows_and_columns_of_their_own(study, tmp_path):
    cells = [finish(tmp_path, "naive", "none", fold, {"s": [2.0 + int(fold) / 2]}) for fold in "01"]
    size = study.sizes["tiny"]
    found = collect(study, size, cells)
    markdown = study_markdown(study, "tiny", size, found)
    assert "| naive | 2.25 ± 0.25 | – |" in markdown
    assert "| naive (published) | 6.44 ± 7.05 (0.26) |  |" in markdown
    assert "| Error of detected landmarks, mm: FH-l | 2.25 ± 0.25 | 4.25 ± 2.37 |" in markdown
    assert "| later | pending | pending |" in markdown
    assert "not ours: somebody's paper" in markdown
    assert "2 of 8 jobs" in markdown
    rows = list(csv.DictReader(io.StringIO(study_csv(study, found))))
    (row,) = (row for row in rows if row["published_mean"] == "6.44")
    assert (row["level"], row["mean"], row["state"], row["done"]) == ("naive", "2.25", "done", "2")
    assert {row["published_mean"] for row in rows if row["level"] != "naive"} == {""}
    latex = study_latex(study, "tiny", size, found)
    assert r"naive & 2.25 $\pm$ 0.25 & -- \\" in latex
    # Landmarks, and ours beside the published; nobody has measured any Dice, which the layout has too.
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    assert "Dice" not in markdown
    assert "Dice" in study_markdown(study, "tiny", size, collect(study, size, []))


def test_curves_are_drawn_of_what_is_there(tmp_path):
    axes = {"images": {"50": [], "500": [], "infinite": []}}
    table = {"rows": [], "columns": ["images"], "figures": ["dice"], "curves": [{"x": "images", "figure": "dice"}]}
    sizes = {"tiny": {"tests": {"test": []}}}
    study = read_study(write_study(tmp_path / "curve", {"axes": axes, "table": table, "sizes": sizes}))
    size = study.sizes["tiny"]
    assert draw_curves(study, collect(study, size, [])) == {}
    cells = []
    for index, images in enumerate(axes["images"]):
        write_scores(tmp_path / images / "predictions" / "test" / "evaluation", {"s": [1.0]}, 0.5 + 0.1 * index)
        cells.append((Cell({"images": images}, "0", 0), tmp_path / images))
    assert draw_curves(study, collect(study, size, cells[:1])) == {}  # a point is no curve
    files = draw_curves(study, collect(study, size, cells))
    assert list(files) == ["dice_by_images_test.png"]
    assert files["dice_by_images_test.png"].startswith(b"\x89PNG")
    assert files == draw_curves(study, collect(study, size, cells))  # byte for byte


def test_a_finished_job_without_its_tables_is_one_line(study, tmp_path):
    cell = Cell({"level": "naive", "augment": "none"}, "0", 0)
    with pytest.raises(InputError, match="holds no table of an evaluation"):
        collect(study, study.sizes["tiny"], [(cell, tmp_path)])
