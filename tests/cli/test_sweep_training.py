"""Sweeps whose jobs really train: each tests too, a killed search goes on, and W&B gets a run a job."""

import json
import os
import signal
import subprocess
import sys
import time

import optuna
import pytest
from PIL import Image

from synthex.learning import find_resume_checkpoint

SWEEP = ("debug=fast", "hydra.sweep.dir=s")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "processes"])
def test_every_job_of_a_launcher_trains_and_tests(synthex, tmp_path, launcher):
    synthex("train", "--multirun", "seed=0,1,2", f"hydra/launcher={launcher}", "task.present_above=0.0", *SWEEP)
    for number in range(3):
        job = tmp_path / "s" / str(number)
        assert all((job / name).is_file() for name in ("summary.json", "report.html", "finished.json", "train.log"))
        assert json.loads((job / "finished.json").read_text())["value"] is not None
    assert sorted(path.name for path in (tmp_path / "s").iterdir() if path.is_dir()) == ["0", "1", "2"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_search_killed_in_the_midst_of_a_training_goes_on_with_its_checkpoint(tiny, tmp_path):
    search = ("sweep=lr_augment", "hydra.sweeper.trials=4", "hydra.sweep.dir=s", "trainer.max_epochs=6")
    search += ("hydra.sweeper.pruner=none",)
    command = [sys.executable, "-m", "synthex.cli.main", "train", "--multirun", *tiny, *search]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    while find_resume_checkpoint(tmp_path / "s" / "trial-001") is None:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    storage = f"sqlite:///{tmp_path / 's' / 'optuna.db'}"
    cut = optuna.load_study(study_name="sweep", storage=storage).get_trials()
    assert [trial.state.name for trial in cut] == ["COMPLETE", "RUNNING"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    trials = optuna.load_study(study_name="sweep", storage=storage).get_trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert trials[1].params == cut[1].params
    logs = [(tmp_path / "s" / f"trial-{number:03d}" / "train.log").read_text() for number in range(4)]
    assert [text.count("going on from ") for text in logs] == [0, 1, 0, 0]
    for number, trial in enumerate(trials):
        summary = json.loads((tmp_path / "s" / f"trial-{number:03d}" / "summary.json").read_text())
        assert trial.value == pytest.approx(summary["landmark_error_mm_mean_all"])


@pytest.mark.long
def test_jobs_of_a_sweep_are_runs_of_wandb_that_name_no_place(synthex, tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_RUN_GROUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    place = tmp_path / "DOE_JANE"
    arguments = ("--multirun", "seed=0,1", "logger=wandb", "name=a-study", "debug=fast", f"hydra.sweep.dir={place}")
    synthex("train", *arguments)
    runs = sorted(place.glob("*/wandb/offline-run-*"))
    assert [run.parts[-3] for run in runs] == ["0", "1"]
    assert len({run.name.rpartition("-")[2] for run in runs}) == 2
    for run in runs:
        content = next(run.glob("*.wandb")).read_bytes()
        files = [path for path in run.rglob("*") if path.is_file()]
        assert b"a-study" in content
        assert b"cosine" in content  # the resolved settings
        assert b"test/detection_rate" in content
        for text in (content, *(path.read_bytes() for path in files if path.suffix in (".json", ".yaml", ".txt"))):
            assert b"DOE_JANE" not in text
        tables = [json.loads(path.read_text()) for path in run.rglob("*.table.json")]
        assert sorted(table["columns"][0] for table in tables) == ["landmark", "structure"]
        assert {len(table["data"]) for table in tables} == {14, 6}
        pictures = list(run.rglob("*.png"))
        assert 0 < len(pictures) <= 4
        assert min(Image.open(pictures[0]).size) > 100
