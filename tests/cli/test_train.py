"""Training, predicting and evaluating through the command line, on the tiniest data."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from generators.ct_subjects import write_ct_folder, write_ct_subject
from generators.meshes import write_toy_pelvis
from PIL import Image

from synthex.anatomy.variants import base_subject
from synthex.config.build import build_readers, build_task
from synthex.config.compose import compose
from synthex.config.sources import build_sources

ON_DISK = (
    "data=on_disk",
    "trainer=cpu",
    "model=unet_small",
    "model.encoder=tu-test_resnet",
    "data.size=64",
    "data.batch_size=4",
    "data.workers=0",
)


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def weights(run: Path, name: str = "best.ckpt") -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / name, weights_only=True)["state_dict"]


def same_weights(one: Path, other: Path, name: str = "best.ckpt") -> bool:
    a, b = weights(one, name), weights(other, name)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_predict_and_evaluate_give_the_figures_of_training(trained, synthex, tmp_path):
    text = synthex("predict", str(trained), f"output={tmp_path / 'set'}", "device=cpu")
    assert f"3 predictions: {tmp_path / 'set'}" in text
    synthex("evaluate", str(tmp_path / "set"), f"output={tmp_path / 'scores'}")
    assert summary(tmp_path / "scores") == summary(trained)
    assert (tmp_path / "scores" / "report.html").exists()


def test_a_run_stands_for_the_predictions_of_its_test_set(trained, synthex, tmp_path):
    for given in (trained, trained / "predictions"):
        synthex("evaluate", str(given), f"output={tmp_path / 'scores'}")
        assert summary(tmp_path / "scores") == summary(trained)


def test_predict_takes_other_splits_a_checkpoint_and_a_number_of_cases(trained, synthex, tmp_path):
    checkpoint = trained / "checkpoints" / "step=00000002.ckpt"
    synthex("predict", str(checkpoint), "split=val", "cases=5", f"output={tmp_path / 'set'}")
    found = json.loads((tmp_path / "set" / "predictions.json").read_text())
    assert [case["case_id"] for case in found["cases"]] == [f"val-{index:06d}" for index in range(5)]


def test_predict_on_a_ct_and_evaluate(trained, synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    synthex("predict", str(trained), f"ct={folder}", "cases=2", f"output={tmp_path / 'set'}")
    synthex("evaluate", str(tmp_path / "set"))
    found = summary(tmp_path / "set" / "evaluation")
    assert found["cases"] == 2
    assert found["visible_landmarks"] > 0
    assert "somebody" not in (tmp_path / "set" / "predictions.json").read_text()


def test_predict_on_meshes_and_evaluate(trained, synthex, tmp_path):
    folder = write_toy_pelvis(tmp_path / "bones")
    synthex("predict", str(trained), f"meshes={folder}", "cases=1", f"output={tmp_path / 'set'}")
    synthex("evaluate", str(tmp_path / "set"))
    assert summary(tmp_path / "set" / "evaluation")["cases"] == 1


@pytest.mark.long
def test_one_ct_trains_and_phantoms_that_no_training_sees_validate_and_test(synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    picture = tmp_path / "pictures" / "anybody.png"
    picture.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 50), dtype=np.uint8)).save(picture)
    arguments = (f"data.ct={folder}", "data.variants=2", "debug=fast", f"test_ct={folder}")
    arguments += (f"test_radiographs={picture.parent}", f"names={tmp_path / 'names.csv'}")
    text = synthex("train", *arguments, f"paths.run_dir={tmp_path / 'run'}")
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Radiographs without ground truth" in report
    assert "radiograph 1: " in report
    assert "anybody" not in report
    names = tmp_path / "names.csv"
    assert "ct-01" in names.read_text()
    assert "somebody" in names.read_text()
    assert names.stat().st_mode & 0o077 == 0
    assert "train     2 subjects" in text
    lines = (tmp_path / "run" / "landmarks.csv").read_text()
    assert "phantom-200000" in lines
    assert "ct-01" not in lines
    assert summary(tmp_path / "run" / "ct")["subjects"] == 1


def test_three_cts_are_split_by_subject_and_no_variant_leaks(tiny, tmp_path):
    folder = write_ct_folder(tmp_path / "cts", 3)
    cfg = compose("train", [*tiny, f"data.ct={folder}", "data.variants=3", f"paths.output_dir={tmp_path}"])
    sides = {split: source.subject_ids() for split, source in build_sources(cfg).items()}
    people = {split: {base_subject(subject) for subject in ids} for split, ids in sides.items()}
    assert sorted(person for side in people.values() for person in side) == ["ct-01", "ct-02", "ct-03"]
    assert len(sides["train"]) == 3
    assert {len(sides["val"]), len(sides["test"])} == {1}


def test_what_simulate_wrote_trains_like_what_is_simulated_on_the_fly(synthex, tiny, tmp_path):
    for split, count in (("train", 8), ("val", 2), ("test", 3)):
        for form in ("hdf5", "folder"):
            folder = tmp_path / form / split
            synthex("simulate", f"split={split}", f"count={count}", f"format={form}", "workers=0", f"output={folder}")
    live = compose("train", [*tiny, f"paths.output_dir={tmp_path}"])
    task = build_task(live)
    flying = build_readers(live, task)
    for form in ("hdf5", "folder"):
        places = [f"data.{split}={tmp_path / form / split}" for split in ("train", "val", "test")]
        stored = build_readers(compose("train", [*ON_DISK, *places, f"paths.output_dir={tmp_path}"]), task)
        for split, reader in stored.items():
            for index in range(len(reader)):
                one, other = reader[index], flying[split][index]
                assert one.case_id == other.case_id
                assert np.array_equal(one.image, other.image)
                assert np.array_equal(one.masks, other.masks)
                assert np.allclose(one.landmarks, other.landmarks, equal_nan=True)


def test_data_on_disk_trains_predicts_and_evaluates(synthex, tmp_path, monkeypatch):
    for split, count in (("train", 8), ("test", 3)):
        synthex("simulate", f"split={split}", f"count={count}", "workers=0", f"output={split}")
    from synthex.cli.main import main

    arguments = (*ON_DISK, "data.train=train", "data.test=test", "baseline_samples=4", "paths.run_dir=run")
    assert main(["train", *arguments, "trainer.max_epochs=1"]) == 0
    assert summary(Path("run"))["cases"] == 3
    Path("train").rename("elsewhere")  # predictions do without the training data
    synthex("predict", "run", "output=set")
    synthex("evaluate", "set", "on_disk=test", "output=scores")
    assert summary(Path("scores")) == summary(Path("run"))
    assert "baseline_dice_mean" in summary(Path("scores"))
    assert "no val split" in synthex("predict", "run", "split=val", code=2)


@pytest.mark.long
def test_a_finished_run_is_left_as_it_is_and_tested_again(trained, synthex, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    arguments = ("trainer.max_epochs=2", f"paths.run_dir={tmp_path / 'run'}")
    before, figures = weights(tmp_path / "run"), summary(tmp_path / "run")
    text = synthex("train", *arguments, "data.workers=1", "logger=none")
    assert "going on from" in text
    assert not re.search(r"epoch \d", text)
    assert all(torch.equal(value, before[key]) for key, value in weights(tmp_path / "run").items())
    assert summary(tmp_path / "run") == figures
    error = synthex("train", *arguments, "seed=1", "optimizer.lr=0.5", code=2)
    assert "other settings" in error
    assert "optimizer.lr, seed" in error
    text = synthex("train", *arguments, "seed=1", "resume=never", "test=false")
    assert "going on" not in text
    assert not (tmp_path / "run" / "summary.json").exists()
    assert not all(torch.equal(value, before[key]) for key, value in weights(tmp_path / "run").items())


@pytest.mark.long
def test_a_sweep_trains_and_tests_each_job_in_its_own_folder(synthex, tmp_path):
    sweep = ("--multirun", "seed=0,1", "debug=fast", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    synthex("train", *sweep)
    jobs = [tmp_path / "sweep" / str(number) for number in (0, 1)]
    assert all((job / name).exists() for job in jobs for name in ("summary.json", "report.html", "train.log"))
    assert not same_weights(*jobs)
    for job in jobs:
        noted = json.loads((job / "finished.json").read_text())
        assert noted["value"] == summary(job)["primary_value"]
    (jobs[1] / "finished.json").unlink()  # as if it had been killed while it was tested
    text = synthex("train", *sweep)
    assert text.count("done before: ") == 1
    assert text.count("going on from ") == 1
    assert (jobs[1] / "finished.json").exists()


@pytest.mark.long
def test_workers_do_not_change_the_weights(synthex, tmp_path):
    arguments = ("trainer.deterministic=true", "test=false", "augment=strong", "trainer.max_epochs=1")
    for workers in (0, 2):
        synthex("train", *arguments, f"data.workers={workers}", f"paths.run_dir={tmp_path / str(workers)}")
    assert same_weights(tmp_path / "0", tmp_path / "2", "step=00000002.ckpt")


def test_a_moved_run_can_be_resumed_and_its_hash_stays(trained, synthex, tmp_path):
    shutil.copytree(trained, tmp_path / "there")
    assert "going on from" in synthex("train", "trainer.max_epochs=2", "test=false", "paths.run_dir=there")


def test_training_says_what_it_does_in_short_lines_and_nothing_else(synthex, tmp_path):
    text = synthex("train", "debug=fast", f"paths.run_dir={tmp_path / 'run'}")
    for words in (
        "task      hip_landmarks",
        "train     1 subjects",
        "million parameters",
        "device    cpu",
        "output    ",
    ):
        assert words in text
    assert "to go on after a crash: synthex train trainer=cpu" in text
    assert f" debug=fast paths.run_dir={tmp_path / 'run'}\n" in text
    assert "epoch 1/1" in text
    assert f"report: {tmp_path / 'run' / 'report.html'}\n" in text
    assert f"figures: {tmp_path / 'run' / 'summary.json'}\n" in text
    for noise in ("GPU available", "litlogger", "Loading `train_dataloader`", "Trainer.fit", "INFO", "weights_only"):
        assert noise not in text
    log = (tmp_path / "run" / "train.log").read_text()
    assert "epoch 1/1" in log
    assert all(line[2] == ":" and line[5] == ":" for line in log.splitlines())


@pytest.mark.parametrize("kind", ["step=00000004.ckpt", "step=00000002.ckpt"])
def test_checkpoints_say_what_they_are(trained, kind):
    stored = torch.load(trained / "checkpoints" / kind, weights_only=True)["synthex"]
    assert stored["task"] == "hip_landmarks"
    assert len(stored["config"]) == 16
