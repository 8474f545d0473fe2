"""Mistakes with files: one line, exit code 2, before anything is trained; no patient's name anywhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from generators import ct_files
from generators.ct_files import write_dicom_series, write_itk
from generators.ct_subjects import phantom, write_ct_folder, write_ct_subject
from omegaconf import OmegaConf


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of a finished run, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_one_bad_ct_in_a_folder_is_named_before_training_starts(synthex, tmp_path):
    folder = write_ct_folder(tmp_path / "cts", 3)
    file = folder / "patient-1" / "ct.nii.gz"
    file.write_bytes(file.read_bytes()[:500])
    for setting in ("data.ct", "test_ct"):
        error = synthex("train", f"{setting}={folder}", f"paths.run_dir={tmp_path / setting}", code=2)
        assert str(file) in error
        assert not (tmp_path / setting / "metrics.csv").exists()


def test_labels_that_lack_a_structure_are_refused_before_training_starts(synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    anatomy = phantom()
    labels = np.where(anatomy.labels.data == anatomy.structures["sacrum"], 0, anatomy.labels.data).astype(np.uint8)
    write_itk(folder / "labels.nii.gz", labels, anatomy.ct.world_from_ijk.matrix)
    (folder / "labels.yaml").write_text("1: hip_left\n2: hip_right\n3: vertebrae\n5: femur_left\n6: femur_right\n")
    error = synthex("train", f"data.ct={folder}", "data.variants=1", "paths.run_dir=run", code=2)
    assert "sacrum" in error
    assert not Path("run/metrics.csv").exists()


def test_an_unknown_numbering_is_refused(synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    error = synthex("train", f"data.ct={folder}", "data.label_names=totalsegmentatr", "paths.run_dir=run", code=2)
    assert "totalsegmentatr" in error
    assert "totalsegmentator" in error.replace("totalsegmentatr,", "")


@pytest.mark.parametrize("place", ["afile", "afile/run", "/proc/run"])
def test_an_output_folder_that_cannot_be_made_is_one_line(place, synthex, tmp_path):
    (tmp_path / "afile").write_text("")
    assert place in synthex("train", f"paths.run_dir={place}", code=2)
    assert place.split("/run")[0] in synthex("simulate", "count=1", "workers=0", f"output={place}", code=2)


def test_an_unwritable_cache_is_one_line(synthex, tmp_path):
    (tmp_path / "afile").write_text("")
    assert "afile" in synthex("train", "paths.cache_dir=afile/cache", code=2)


def test_a_missing_gpu_is_one_line(synthex, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert "gpu" in synthex("train", "trainer=gpu", "paths.run_dir=run", code=2)


def test_a_run_of_another_task_is_refused(run, synthex):
    config = OmegaConf.load(run / "config.yaml")
    import torch

    for path in (run / "checkpoints").iterdir():
        checkpoint = torch.load(path, weights_only=True)
        checkpoint["synthex"]["task"] = "teeth"
        torch.save(checkpoint, path)
    error = synthex("predict", str(run), code=2)
    assert "teeth" in error
    assert "hip_landmarks" in error
    assert config.task_name == "hip_landmarks"


def test_a_truncated_checkpoint_falls_back_to_the_one_before(run, synthex):
    newest = run / "checkpoints" / "step=00000004.ckpt"
    newest.write_bytes(newest.read_bytes()[:1000])
    text = synthex("train", "trainer.max_epochs=2", f"paths.run_dir={run}", "test=false")
    assert "going on from" in text
    assert "step=00000002.ckpt" in text
    assert newest.stat().st_size > 100_000


@pytest.mark.parametrize("content", ["", "a: [", "seed: 1\n", "- 1\n"])
def test_a_damaged_config_of_a_run_is_one_line(content, run, synthex):
    (run / "config.yaml").write_text(content)
    error = synthex("predict", str(run), code=2)
    assert "config.yaml" in error
    assert str(run) in synthex("train", "trainer.max_epochs=2", f"paths.run_dir={run}", code=2)


@pytest.mark.parametrize("content", [None, "", "kind: split\n"])
def test_a_prediction_set_without_its_cases_is_one_line(content, run, synthex):
    folder = run / "predictions" / "test"
    (folder / "cases.yaml").unlink()
    if content is not None:
        (folder / "cases.yaml").write_text(content)
    assert "cases.yaml" in synthex("evaluate", str(folder), code=2)


def test_predictions_of_another_task_are_refused(run, synthex):
    file = run / "predictions" / "test" / "predictions.json"
    file.write_text(file.read_text().replace('"hip_landmarks"', '"teeth"'))
    error = synthex("evaluate", str(file.parent), code=2)
    assert "teeth" in error


def test_no_patient_tag_is_written_anywhere(trained, synthex, tmp_path, monkeypatch):
    # Long enough not to occur by chance in compressed files.
    monkeypatch.setattr(ct_files, "PATIENT", "Featherstonehaugh^Wilhelmina")
    anatomy = phantom()
    affine = anatomy.ct.world_from_ijk.matrix
    folder = tmp_path / "cts" / "a"
    # Stored as scanners do, rows to the left and columns to the back.
    values = np.asarray(anatomy.ct.data)[::-1, ::-1]
    flipped = affine @ np.array(
        [[-1, 0, 0, values.shape[0] - 1], [0, -1, 0, values.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]]
    )
    write_dicom_series(folder / "dicom", np.clip(values, -1024, 3000), flipped)
    write_itk(folder / "labels.nii.gz", np.asarray(anatomy.labels.data), affine)
    outputs = tmp_path / "out"
    text = synthex("train", f"data.ct={folder}", "data.variants=1", "debug=fast", f"paths.run_dir={outputs / 'run'}")
    text += synthex("predict", str(trained), f"ct={folder}", "cases=1", f"output={outputs / 'set'}")
    text += synthex("evaluate", str(outputs / "set"))
    text += synthex("data inspect", str(folder), f"output={outputs / 'look.png'}")
    written = [path for path in outputs.rglob("*") if path.is_file()]
    assert len(written) > 20
    for secret in ("Featherstonehaugh", "Wilhelmina", "SECRET-42"):
        assert secret not in text
        assert not [path for path in written if secret.encode() in path.read_bytes() or secret in str(path)]


def test_a_training_that_goes_wrong_ends_with_code_3_and_what_is_left(synthex):
    settings = ("optimizer.lr=1e30", "trainer.gradient_clip_val=null", "trainer.max_epochs=3", "paths.run_dir=run")
    error = synthex("train", *settings, "callbacks.checkpoint.every_n_steps=1", code=3)
    assert "went wrong at step 2: the loss is not finite" in error
    assert "learning rate" in error
    kept = sorted(Path("run/checkpoints").glob("step=*.ckpt"))[-1]
    assert kept.name in error
    weights = torch.load(kept, weights_only=True)["state_dict"]
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())
    assert not Path("run/summary.json").exists()
