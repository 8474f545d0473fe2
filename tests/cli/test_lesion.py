"""The lesion task, which has no landmarks, through the command line on the tiniest data."""

import csv
import json
import re

import pytest

LESION = ("task=lesion_segmentation", "carm=flat_panel", "trainer.max_epochs=1")


@pytest.mark.slow
def test_train_predict_evaluate_and_report(synthex, tmp_path):
    run = tmp_path / "run"
    text = synthex("train", *LESION, f"paths.run_dir={run}")
    assert "2 structures, 0 landmarks" in text
    figures = json.loads((run / "summary.json").read_text())
    assert figures["cases"] == 3
    assert figures["primary_value"] == figures["dice_mean/lesion"]
    for key in ("f2_mean/lesion", "original/f2_mean", "baseline_f2_mean/lesion", "field_baseline_f2_mean/lesion"):
        assert 0 <= figures[key] <= 5
    assert figures["field_baseline_sensitivity_mean/lesion"] > 0.9
    assert figures["field_baseline_dice_mean/lesion"] < 0.9
    with (run / "per_structure.csv").open(newline="") as file:
        assert [row["structure"] for row in csv.DictReader(file)] == ["lesion", "lungs"]
    assert not list(run.glob("*landmark*.csv"))
    assert not (run / "curve.csv").exists()
    page = (run / "report.html").read_text()
    assert "By structure" in page
    assert not re.search("Landmark errors|By landmark|visible landmarks", page)
    text = synthex("predict", str(run), f"output={tmp_path / 'set'}", "device=cpu")
    text = synthex("evaluate", str(tmp_path / "set"), f"output={tmp_path / 'scores'}")
    assert "Landmarks:" not in text
    assert re.search(r"lesion +│ region", text)
    assert json.loads((tmp_path / "scores" / "summary.json").read_text()) == figures
