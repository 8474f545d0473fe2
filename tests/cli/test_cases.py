"""What predictions and exports say about their cases: enough to make them again, and no more."""

import json
import shutil
from pathlib import Path

import pytest
from generators.ct_subjects import write_ct_folder, write_ct_subject
from omegaconf import OmegaConf


def cases(folder: Path) -> int:
    return json.loads((folder / "evaluation" / "summary.json").read_text())["cases"]


@pytest.mark.long
def test_a_changed_folder_of_cts_cannot_move_a_subject_from_train_to_test(synthex, tmp_path):
    folder = write_ct_folder(tmp_path / "cts", 3)
    arguments = (f"data.ct={folder}", "data.variants=1", "debug=fast", "test=false", "paths.run_dir=run")
    synthex("train", *arguments)
    sides = json.loads(Path("run/subjects.json").read_text())
    assert sorted(subject for side in sides.values() for subject in side) == ["ct-01", "ct-02", "ct-03"]
    synthex("predict", "run", "cases=1", "output=set")
    synthex("evaluate", "set")
    assert cases(Path("set")) == 1
    shutil.copytree(folder / "patient-0", folder / "a-new-first-patient")
    for command in (("train", *arguments), ("predict", "run", "cases=1", "output=other"), ("evaluate", "set")):
        error = synthex(*command, code=2)
        assert "have changed" in error
        assert "ct-0" in error
    synthex("predict", "run", f"ct={folder}", "cases=1", "output=all")
    shutil.rmtree(folder / "a-new-first-patient")
    assert "going on from" in synthex("train", *arguments)


def test_a_set_of_another_origin_is_scored_against_a_folder(trained, synthex, tmp_path):
    shutil.copytree(trained / "predictions" / "test", tmp_path / "set")
    Path("set/cases.yaml").unlink()
    shutil.rmtree("set/baseline")
    for count in (3, 4):
        synthex("simulate", "split=test", f"count={count}", "workers=0", f"output=truth{count}")
    synthex("evaluate", "set", "on_disk=truth3")
    assert cases(Path("set")) == 3
    assert "lacks 1 of 4 cases" in synthex("evaluate", "set", "on_disk=truth4", code=2)
    synthex("evaluate", "set", "on_disk=truth4", "allow_partial=true")
    assert cases(Path("set")) == 3


def test_cases_name_no_folder(trained, cache_dir, synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    synthex("predict", str(trained), f"ct={folder}", "cases=1", f"output={tmp_path / 'set'}")
    described = OmegaConf.load(tmp_path / "set" / "cases.yaml")
    assert described.folder.startswith("place-")  # a digest: the folder may have a patient's name
    for place in (tmp_path / "set", trained / "predictions" / "test"):
        text = (place / "cases.yaml").read_text()
        assert not [private for private in (trained, cache_dir, folder, tmp_path) if str(private) in text]


def test_an_export_names_no_folder_and_goes_on_with_other_workers(synthex, tmp_path):
    folder = write_ct_subject(tmp_path / "somebody")
    arguments = (f"data.ct={folder}", "data.variants=1", "count=1", "workers=0", "format=hdf5")
    synthex("simulate", *arguments, "output=export")
    assert not [path for path in Path("export").iterdir() if str(tmp_path).encode() in path.read_bytes()]
    assert "already complete" in synthex("simulate", *arguments, "data.workers=1", "data.batch_size=2", "output=export")
    shutil.copy(folder / "landmarks.csv", folder / "copy.csv")
    (folder / "landmarks.csv").write_text((folder / "copy.csv").read_text() + "\n")
    (folder / "copy.csv").unlink()
    assert "another export" in synthex("simulate", *arguments, "output=export", code=2)
