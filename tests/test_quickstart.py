"""The bars of the quickstart, checked on the summary.json that it leaves."""

import json
import subprocess
import sys

import pytest

RUN = "outputs/quickstart"


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """A folder in which the quickstart has run."""
    folder = tmp_path_factory.mktemp("quickstart")
    synthex(folder, "train", "experiment=hip/quickstart", f"paths.cache_dir={folder / 'cache'}")
    return folder


def synthex(folder, *arguments):
    command = [sys.executable, "-m", "synthex.cli.main", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_quickstart_meets_its_bars_on_unseen_phantoms(quickstart):
    figures = json.loads((quickstart / RUN / "summary.json").read_text())
    assert figures["subjects"] == 12
    # Films and C-arms, whole pelves and single hips: harder than the frontal views of the first quickstart.
    assert figures["landmark_error_mm_mean"] <= 10
    assert figures["detection_rate"] >= 0.65
    assert figures["dice_mean"] >= 0.55
    assert figures["baseline_landmark_error_mm_mean"] >= 3 * figures["landmark_error_mm_mean"]
    # With no miss dropped on either side it must be clearly better too.
    assert figures["baseline_landmark_error_mm_mean_all"] >= 3 * figures["landmark_error_mm_mean_all"]
    assert (quickstart / RUN / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_same_model_is_scored_on_drrs_of_the_real_pelvis_ct(quickstart, shared_data):
    # No bar: phantoms are not patients, and the figures are reported as they are. They must exist.
    synthex(quickstart, "predict", RUN, f"ct='{shared_data / 'pelvis_ct'}'", "cases=100")
    synthex(quickstart, "evaluate", f"{RUN}/predictions/ct")
    figures = json.loads((quickstart / RUN / "predictions" / "ct" / "evaluation" / "summary.json").read_text())
    assert figures["cases"] == 100
    assert figures["subjects"] == 1
    assert figures["visible_landmarks/IOF-l"] == 0
    assert figures["landmark_error_mm_mean_all"] is not None
    assert figures["baseline_dice_mean"] is not None
