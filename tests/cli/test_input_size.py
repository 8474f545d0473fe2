"""Images of one size in a network input of another, from training to the report."""

import json

import pytest

from synthex.evaluation import read_prediction_set


@pytest.mark.slow
def test_a_run_whose_input_is_larger_than_its_images(synthex, tmp_path):
    small = ("data.size=48", "data.input_size=64", "debug=fast")
    synthex("train", *small, f"paths.run_dir={tmp_path / 'run'}")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["cases"] == 3
    found = read_prediction_set(tmp_path / "run" / "predictions" / "test")
    assert found[found.case_ids()[0]].masks.shape[1:] == (48, 48)


def test_a_size_that_the_network_cannot_take_can_be_padded(synthex, tmp_path):
    said = synthex("train", "data.size=72", f"paths.run_dir={tmp_path / 'run'}", code=2)
    assert "data.size=72" in said
    assert "pad with data.input_size=96" in said
