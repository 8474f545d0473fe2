"""DICOM in and out from the command line."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from generators import radiograph_files
from PIL import Image

from synthex.cli.main import main
from synthex.dicom import is_dicom

highdicom = pytest.importorskip("highdicom")
SECRETS = (b"Doe^", b"Doe_", b"Jane", b"SECRET-42", b"19700101")


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run a command in an empty folder; returns what it printed, and its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return "".join(capfd.readouterr()), code

    return run


def check(command, tmp_path, numbers):
    """Every file is answered or refused in one line, and nothing of a patient is anywhere but in the DICOM objects."""
    folder, output, answers = tmp_path / "in", tmp_path / "out", tmp_path / "answers.json"
    files = radiograph_files.write(folder, numbers)
    said, code = command("predict", "hip", folder, f"json={answers}", f"output={output}")
    assert code == 2, said
    found = json.loads(answers.read_text())
    for file, number in zip(files, numbers, strict=True):
        frames = [one for one in found if one["file"] == file.name]
        lines = [line for line in said.splitlines() if file.name in line]
        good = number < radiograph_files.COUNT - radiograph_files.BAD
        assert len(frames) == radiograph_files.frames_of(number) if good else frames or lines, (file.name, said)
        assert len(lines) == (0 if good else 1), said
    for path in output.rglob("*"):
        assert not any(secret in path.name.encode() for secret in SECRETS)
        if path.is_file() and not is_dicom(path):
            written = re.sub(rb"base64,[\w+/=]+", b"", path.read_bytes())  # pictures, whose letters are chance
            assert not any(secret in written for secret in SECRETS), path
    assert not any(secret.decode() in said.replace("Doe_", "") for secret in SECRETS)
    return output


def test_some_of_sixty_files_are_answered_or_refused(command, tmp_path):
    output = check(command, tmp_path, [5, 8, 54, 55])
    source = pydicom.dcmread(tmp_path / "in" / "Doe_05.dcm")
    report = highdicom.sr.srread(output / "dicom" / "case-0001.sr.dcm")
    assert report.PatientID == source.PatientID == "SECRET-42"
    shown = pydicom.dcmread(output / "dicom" / "case-0001.pr.dcm")
    referenced = shown.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID


@pytest.mark.slow
def test_sixty_files_are_answered_or_refused(command, tmp_path):
    output = check(command, tmp_path, range(radiograph_files.COUNT))
    if shutil.which("dciodvfy"):
        for path in sorted((output / "dicom").iterdir()):
            done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True)
            errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
            assert not errors, (path.name, errors)


def test_partial_truth_scores_what_is_annotated_and_a_second_call_redoes_nothing(command, tmp_path):
    """Six of fourteen landmarks and no masks, beside the picture."""
    names = ("FH-l", "FH-r", "GSN-l", "GSN-r", "SPS-l", "IPS-l")
    folder = tmp_path / "in"
    folder.mkdir()
    rows, columns = np.mgrid[:60, :90]
    Image.fromarray((columns + 100 * (np.hypot(rows - 30, columns - 45) < 20)).astype(np.uint8)).save(folder / "a.png")
    lines = ["image,landmark,column,row", *(f"a.png,{name},10,20" for name in names[:5]), f"a.png,{names[5]},,"]
    (folder / "annotations.csv").write_text("\n".join(lines) + "\n")
    asked = ("predict", "hip", folder, f"json={tmp_path / 'a.json'}", "output=out", "pixel_mm=0.5")
    said, code = command(*asked)
    assert code == 0, said
    scores = (tmp_path / "out" / "scores.csv").read_text()
    assert {line.split(",")[2] for line in scores.splitlines()[1:]} == set(names)
    assert "dice" not in scores
    assert all(f"{name}:" in said for name in names)
    assert not any(f"{name}:" in said for name in ("ASIS-l", "MOF-r"))
    answer = json.loads((tmp_path / "a.json").read_text())[0]
    error = np.hypot(answer["landmarks"]["FH-l"]["column"] - 10, answer["landmarks"]["FH-l"]["row"] - 20)
    if answer["landmarks"]["FH-l"]["present"]:
        assert f"{error:.4f}"[:6] in scores
    assert len(list((tmp_path / "out" / "dicom").glob("case-0001.*"))) >= 3
    before = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.[dpj]*") if path.parent.name != "out"
    }
    said, code = command(*asked)
    assert code == 0, said
    assert "1 of them had been answered before" in said
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_watched_folder_is_answered_once(command, tmp_path, monkeypatch):
    """One picture, one that is damaged, one still being written; after a crash what is done stays as it is."""
    from synthex.exchange import watch as predict_watch

    monkeypatch.setattr(predict_watch, "POLL_S", 0.05)
    monkeypatch.setattr(predict_watch, "SETTLED_S", 0.1)
    monkeypatch.setattr(predict_watch, "PATIENCE_S", 0.3)
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(folder / "a.tiff")
    (folder / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "c.png.part").write_bytes(b"half")
    (output / ".working").mkdir(parents=True)  # a crash's
    asked = ("predict", "hip", "--watch", folder, output, "watch_idle_s=0.5", "dicom=false")
    said, code = command(*asked)
    assert code == 0, said
    found = sorted(output.glob("answer-*"))
    assert len(found) == 2
    (answered,) = [path for path in found if (path / "answers.json").exists()]
    assert json.loads((answered / "answers.json").read_text())[0]["file"] == "a.tiff"
    (refused,) = [path for path in found if (path / "refused.json").exists()]
    assert json.loads((refused / "refused.json").read_text())["file"] == "b.png"
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    said, code = command(*asked)
    assert code == 0, said
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert sorted(output.glob("*")) == found
    assert not (output / ".working").exists()


@pytest.mark.slow
def test_a_killed_watch_answers_each_file_once(command, tmp_path):
    """SIGKILL at seven moments; in the end every file has one answer, that of a watch which nobody killed."""
    draw = np.random.default_rng(0)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(draw.integers(0, 255, (90, 60 + number)).astype(np.uint8)).save(folder / f"{number}.png")
    alone, killed = tmp_path / "alone", tmp_path / "killed"

    def watch(output):
        asked = (*("predict", "hip", f"watch={folder}", f"output={output}"), "watch_idle_s=3")
        return subprocess.Popen([sys.executable, "-m", "synthex", *asked], stdout=subprocess.DEVNULL)

    assert watch(alone).wait() == 0
    answers = {path.name: (path / "answers.json").read_text() for path in alone.glob("answer-*")}
    assert len(answers) == 4
    for _ in range(7):
        process = watch(killed)
        try:
            process.wait(draw.uniform(4.0, 14.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert watch(killed).wait() == 0
    assert {path.name: (path / "answers.json").read_text() for path in killed.glob("answer-*")} == answers
    assert sorted(path.name for path in killed.iterdir()) == sorted(answers)


def test_inspect_understands_radiographs(command, tmp_path):
    radiograph_files.write(tmp_path / "in", [0, 5, 55])
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(tmp_path / "in" / "a.tiff")
    said, code = command("data", "inspect", tmp_path / "in", "output=in.png")
    assert code == 0, said
    assert "5 in 3 files" in said
    assert "DICOM XA (1)" in said
    assert said.count("BAD: ") == 1
    assert not any(secret.decode() in said.replace("Doe_", "") for secret in SECRETS)
    assert (tmp_path / "in.png").stat().st_size > 10_000
