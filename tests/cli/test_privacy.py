"""Nothing that a command writes holds a patient's tag, or the name of a folder or file of medical data."""

import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from generators import ct_files, planted, real_archives
from generators.ct_files import write_dicom_series, write_itk
from generators.ct_subjects import phantom
from generators.plain_files import SECRETS, write_plain_folder
from generators.tool_archive import write_tool_part

from synthex.data.real import CovidCxr, HipFolders, QataCov19, ToolFolders

# Long enough not to occur by chance in compressed files.
TAG, FOLDER, SUBJECT, FILE = "Featherstonehaugh^Wilhelmina", "Cholmondeley-Ward", "Marjoribanks-Orla", "Dalziel-slices"
TAGS = ("Featherstonehaugh", "Wilhelmina", "SECRET-42", *planted.WORDS)
DEMANDED = {
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "DeidentificationMethod"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
    *("SeriesInstanceUID", "ReferencedSOPInstanceUID"),
}
"""What DICOM objects repeat of the image that they refer to (PS3.3 C.7.1, C.7.2)."""
WORDS = (*TAGS, "Cholmondeley", "Marjoribanks", "Dalziel")


@pytest.fixture
def cts(tmp_path, monkeypatch) -> Path:
    """A folder of one CT in DICOM, everything named after patients."""
    monkeypatch.setattr(ct_files, "PATIENT", TAG)
    anatomy = phantom()
    affine = anatomy.ct.world_from_ijk.matrix
    # Stored as scanners do, rows to the left and columns to the back.
    values = np.asarray(anatomy.ct.data)[::-1, ::-1]
    flipped = affine @ np.array(
        [[-1, 0, 0, values.shape[0] - 1], [0, -1, 0, values.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]]
    )
    folder = tmp_path / FOLDER / SUBJECT
    for path in write_dicom_series(folder / FILE, np.clip(values, -1024, 3000), flipped).iterdir():
        planted.plant(path)
    write_itk(folder / "labels.nii.gz", np.asarray(anatomy.labels.data), affine)
    return folder


def leaks(folder: Path, words=WORDS) -> list[str]:
    """Files below a folder that hold or are named by one of the words."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [
            f"{path}: {word}" for word in words if word in str(path.relative_to(folder)) or word.encode() in content
        ]
    return found


def test_simulating_from_cts_names_nobody_unless_asked(cts, synthex, tmp_path):
    out, names = tmp_path / "out", tmp_path / "names.csv"
    synthex("simulate", f"data.ct={cts}", "data.variants=1", "count=1", "workers=0", f"output={out}", f"names={names}")
    assert not leaks(out)
    assert SUBJECT in names.read_text()
    assert stat.S_IMODE(names.stat().st_mode) == 0o600


def test_predictions_of_a_folder_of_radiographs_name_nobody(trained, synthex, tmp_path):
    from synthex.data.real import PlainFolder

    root = write_plain_folder(tmp_path / FOLDER)
    reader = PlainFolder(root, "annotations.csv")
    assert set(reader.named_files()) == set(reader.case_ids())
    assert {path.parent.parts[: len(root.parts)] for path in reader.named_files().values()} == {root.parts}
    assert not any(secret in " ".join(reader.case_ids()) for secret in SECRETS)


@pytest.mark.slow
def test_a_training_and_all_that_follows_names_nobody(cts, synthex, tmp_path):
    out, run = tmp_path / "out", tmp_path / "out" / "run"
    settings = (f"data.ct={cts}", "data.variants=1", "logger=many", f"paths.run_dir={run}", f"test_ct={cts}")
    text = synthex("train", *settings, "debug=fast")
    text += synthex("predict", str(run), "cases=1", f"output={out / 'own'}")  # finds the CTs without their folder
    text += synthex("predict", str(run), f"ct={cts}", "cases=1", f"output={out / 'set'}")
    text += synthex("evaluate", str(out / "set"))
    text += synthex("preview", f"data.ct={cts}", "data.variants=1", f"output={out / 'preview.png'}")
    text += synthex("data inspect", str(cts), f"output={out / 'look.png'}")
    text += synthex("simulate", f"data.ct={cts}", "count=2", "workers=0", f"output={out / 'sim'}", "shard=1/2")
    text += synthex("simulate", f"data.ct={cts}", "count=2", "workers=0", f"output={out / 'sim'}", "shard=2/2")
    text += synthex("data merge", str(out / "sim"))
    assert len([path for path in out.rglob("*") if path.is_file()]) > 30
    assert not leaks(out)
    assert not any(word in text for word in TAGS)


def renamed(folder: Path, old: str, new: str) -> Path:
    """Every file below a folder with another stem."""
    for path in sorted(folder.rglob(f"{old}*")):
        path.rename(path.with_name(path.name.replace(old, new)))
    return folder


ARCHIVES = {
    "hip": (real_archives.write_hip_folders, HipFolders, "00001"),
    "qata": (real_archives.write_qata, QataCov19, "00001"),
    "tool": (lambda root: write_tool_part(root, 3), ToolFolders, "00001"),
    "chest": (real_archives.write_covid_cxr, CovidCxr, "d001"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_with_files_named_after_patients_name_nobody(kind, tmp_path):
    write, reader, name = ARCHIVES[kind]
    root = renamed(write(tmp_path / FOLDER / kind), name, "Marjoribanks-77")
    if kind == "chest":
        index = root / "index.csv"
        lines = index.read_text().replace("d001,1,", "Marjoribanks-77,Dalziel,").replace("d000,1,", "d000,Dalziel,")
        index.write_text(lines)
    read = reader(root)
    assert list(read.named_files()) == list(read.case_ids())
    assert any("Marjoribanks" in str(path) for path in read.named_files().values())
    for index, case in enumerate(read.case_ids()):
        sample = read[index]
        assert not any(word in f"{case} {sample.subject_id} {dict(sample.record)}" for word in WORDS)
        assert read.named_files()[case].is_file()


def test_subjects_that_a_list_names_are_numbered(tmp_path):
    root = renamed(write_tool_part(tmp_path / "set", 3), "00001", "Marjoribanks-77")
    (root / "subjects.csv").write_text("case,subject\n00000,Zoe Dalziel\nMarjoribanks-77,Ann\n00002,Zoe Dalziel\n")
    read = ToolFolders(root)
    found = {path.stem: read[n].subject_id for n, path in enumerate(read.named_files().values())}
    assert found == {"00000": "subject-0002", "00002": "subject-0002", "Marjoribanks-77": "subject-0001"}


def test_answers_to_radiographs_name_nobody_unless_asked(trained, synthex, tmp_path):
    films, out = write_plain_folder(tmp_path / FOLDER), tmp_path / "out"
    for path in films.rglob("*.dcm"):
        planted.plant(path)
    names = tmp_path / "names.csv"
    text = synthex("predict", str(trained), str(films), f"output={out}", "overlays=true", f"names={names}")
    assert len(list((out / "overlays").iterdir())) == 4
    secrets = (*WORDS, "smith", "film")
    for path in list(out.glob("dicom/*")):
        texts = [element for element in pydicom.dcmread(path).iterall() if element.VR != "SQ"]
        told = {element.keyword for element in texts if any(word in str(element.value) for word in secrets)}
        assert told <= DEMANDED, told - DEMANDED
        path.unlink()
    assert not leaks(out, secrets)
    assert not any(word in text for word in secrets)
    assert "smith-1" in names.read_text()
    assert stat.S_IMODE(names.stat().st_mode) == 0o600
