"""Folders of CTs are understood by their written rules, checked before use, and never name a patient."""

import os
from pathlib import Path

import numpy as np
import pytest
from generators.ct_files import (
    SHAPE,
    ct_values,
    ras_affine,
    reoriented,
    write_dicom_series,
    write_itk,
    write_markups,
)

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.io.discovery import SubjectFiles
from synthex.core import AnatomySource, ConfigError, InputError

INSIDE = {"FH-l": (-2.0, 30.0, 40.0)}


def _labels() -> np.ndarray:
    values = np.zeros(SHAPE, np.uint8)
    for number in range(1, 7):
        values[number, 2:5, 2:5] = number
    return values


def _ct(path: Path, seed: int = 7) -> Path:
    return write_itk(path, *reoriented(ct_values(seed=seed), ras_affine(), "LPS"))


def _label_file(path: Path) -> Path:
    return write_itk(path, _labels(), ras_affine())


def _subject(folder: Path, seed: int = 7) -> Path:
    _ct(folder / "ct.nii.gz", seed)
    _label_file(folder / "labels.nii.gz")
    write_markups(folder / "points.mrk.json", INSIDE, "RAS")
    return folder


def test_one_subject_folder(tmp_path: Path) -> None:
    source = CtFolder(_subject(tmp_path / "doe_jane"))
    assert isinstance(source, AnatomySource)
    assert source.subject_ids() == ("ct-01",)
    source.check()
    anatomy = source.load("ct-01")
    np.testing.assert_array_equal(anatomy.ct.data, ct_values())
    np.testing.assert_array_equal(anatomy.labels.data, _labels())
    assert anatomy.structures["femur_right"] == 6
    np.testing.assert_allclose(anatomy.landmarks["FH-l"], INSIDE["FH-l"])


def test_folder_of_subjects_in_sorted_order(tmp_path: Path) -> None:
    for seed, name in enumerate(("b", "a", "c")):
        _subject(tmp_path / name, seed)
    (tmp_path / ".hidden").mkdir()
    source = CtFolder(tmp_path)
    assert source.subject_ids() == ("ct-01", "ct-02", "ct-03")
    np.testing.assert_array_equal(source.load("ct-02").ct.data, ct_values(seed=0))
    assert CtFolder(tmp_path, keep_names=True).subject_ids() == ("a", "b", "c")


def test_folder_of_files_with_siblings(tmp_path: Path) -> None:
    for seed, name in enumerate(("p1", "p10", "p2")):
        _ct(tmp_path / f"{name}.nii.gz", seed)
        _label_file(tmp_path / f"{name}_labels.nii.gz")
    write_markups(tmp_path / "p10_landmarks.mrk.json", INSIDE, "RAS")
    (tmp_path / "p2.csv").write_text("name,x,y,z\nFH-r,2,30,40\n")
    source = CtFolder(tmp_path, keep_names=True, find_landmarks=False)
    assert source.subject_ids() == ("p1", "p10", "p2")
    assert [set(source.load(name).landmarks) for name in source.subject_ids()] == [set(), {"FH-l"}, {"FH-r"}]
    assert source.files("p1").labels == tmp_path / "p1_labels.nii.gz"


def test_totalsegmentator_folders(tmp_path: Path) -> None:
    names = ("hip_left", "hip_right", "vertebrae_L4", "sacrum", "femur_left", "femur_right")
    for subject in ("s0001", "s0002"):
        _ct(tmp_path / subject / "ct.nii.gz")
        for number, name in enumerate(names, start=1):
            mask = (_labels() == number).astype(np.uint8)
            write_itk(tmp_path / subject / "segmentations" / f"{name}.nii.gz", mask, ras_affine())
    source = CtFolder(tmp_path, find_landmarks=False)
    source.check()
    np.testing.assert_array_equal(source.load("ct-02").labels.data, _labels())


@pytest.mark.parametrize("below", ["", "DICOM", "study/series"])
def test_dicom_subjects_and_no_labels(tmp_path: Path, below: str) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    for patient in ("DOE_JANE", "ROE_RICHARD"):
        write_dicom_series(tmp_path / patient / below, stored, affine)
    source = CtFolder(tmp_path)
    assert source.subject_ids() == ("ct-01", "ct-02")
    source.check()
    anatomy = source.load("ct-01")
    np.testing.assert_array_equal(anatomy.ct.data, ct_values())
    assert not anatomy.structures
    assert not anatomy.labels.data.any()


def test_dicom_with_labels_beside_it(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    write_dicom_series(tmp_path / "p" / "dicom", stored, affine)
    _label_file(tmp_path / "p" / "seg.nrrd")
    np.testing.assert_array_equal(CtFolder(tmp_path / "p", find_landmarks=False).load("ct-01").labels.data, _labels())


def test_label_names_beside_the_ct_win_over_the_assumption(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    (folder / "labels.yaml").write_text("".join(f"s{number}: {number}\n" for number in range(1, 7)))
    assert set(CtFolder(folder, structures="all").load("ct-01").structures) == {f"s{i}" for i in range(1, 7)}
    assert CtFolder(folder, label_names="synthex_hip").load("ct-01").structures["hip_left"] == 1


def test_fingerprint_follows_files_and_options(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    first = CtFolder(folder).fingerprint("ct-01")
    assert CtFolder(folder).fingerprint("ct-01") == first
    assert CtFolder(folder, structures="all").fingerprint("ct-01") != first
    (folder / "points.mrk.json").write_text((folder / "points.mrk.json").read_text() + " ")
    assert CtFolder(folder).fingerprint("ct-01") != first


@pytest.mark.parametrize("name", ["ct.mhd", "ct.nhdr"])
def test_fingerprint_follows_detached_voxels_of_any_name(tmp_path: Path, name: str) -> None:
    write_itk(tmp_path / name, ct_values(), ras_affine())
    voxels = next(file for file in tmp_path.iterdir() if file.name != name)
    voxels = voxels.rename(tmp_path / f"other name{''.join(voxels.suffixes)}")
    lines = (tmp_path / name).read_text().splitlines()
    keys = ("ElementDataFile = ", "data file: ")
    lines = [next((key + voxels.name for key in keys if line.startswith(key)), line) for line in lines]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    source = CtFolder(tmp_path)
    source.load("ct-01")
    first = source.fingerprint("ct-01")
    voxels.touch()
    os.utime(voxels, ns=(0, 0))
    assert source.fingerprint("ct-01") != first


@pytest.mark.parametrize(
    ("value", "followed"),
    [("slice%03d.raw 1 2 1", ["slice001.raw", "slice002.raw"]), ("LIST", ["notes", "slice001.raw", "slice002.raw"])],
)
def test_voxels_in_several_files_are_followed(tmp_path: Path, value: str, followed: list[str]) -> None:
    for name in ("slice001.raw", "slice002.raw", "notes"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "ct.mhd").write_text(f"NDims = 3\nElementDataFile = {value}\n")
    assert [file.name for file in SubjectFiles("a", tmp_path / "ct.mhd").all_files()[1:]] == followed


def _check(path: Path) -> None:
    CtFolder(path).check()


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        _check(path)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_one_bad_file_is_named_before_training(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        _subject(tmp_path / name)
    bad = tmp_path / "b" / "ct.nii.gz"
    content = bad.read_bytes()
    bad.write_bytes(content[:-100])
    _refused(tmp_path, str(bad), "truncated")
    bad.write_bytes(content)
    (tmp_path / "c" / "labels.nii.gz").write_bytes(b"")
    _refused(tmp_path, str(tmp_path / "c" / "labels.nii.gz"), "empty")
    (tmp_path / "a" / "points.mrk.json").write_text("{")
    _refused(tmp_path, str(tmp_path / "a" / "points.mrk.json"), "and 1 more bad subject")


def test_labels_on_another_grid_show_in_the_check(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    write_itk(folder / "labels.nii.gz", _labels(), ras_affine(origin=(0.0, 0.0, 0.0)))
    _refused(folder, "labels.nii.gz", "another grid")


def test_landmarks_outside_the_volume_are_named(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    write_markups(folder / "points.mrk.json", INSIDE, "LPS")  # the other frame: a mirrored point
    _refused(folder, "'FH-l' lies outside", "points.mrk.json")
    with pytest.raises(InputError, match="outside"):
        CtFolder(folder).load("ct-01")


@pytest.mark.parametrize(
    "name", ["FH_l", "FHl", "fh-l", "FH left", "left FH", "FHleft", "FH-L", "GSNN-l", "femoral_head_left", "apex"]
)
def test_unknown_landmark_names_are_refused(tmp_path: Path, name: str) -> None:
    folder = _subject(tmp_path / "a")
    write_markups(folder / "points.mrk.json", {name: INSIDE["FH-l"]}, "RAS")
    _refused(folder, "points.mrk.json", f"unknown landmark {name!r}", "rename it")
    with pytest.raises(InputError, match="unknown landmark"):
        CtFolder(folder).load("ct-01")


@pytest.mark.parametrize(("name", "meant"), [("ASIS_left", "ASIS-l"), ("r-IOF", "IOF-r"), ("ASSIS-r", "ASIS-r")])
def test_a_misspelt_landmark_beside_good_ones_is_refused(tmp_path: Path, name: str, meant: str) -> None:
    folder = _subject(tmp_path / "a")
    (folder / "landmarks.csv").write_text(f"name,x,y,z,in_volume\nFH-l,-2,30,40,1\n{name},,,,0\n")
    _refused(folder, "landmarks.csv", f"{name!r} (did you mean {meant}?)")


def test_other_landmarks_are_kept(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    points = dict.fromkeys(("FH-l", "PSIS-l", "AIIS-r", "knee_left"), INSIDE["FH-l"])
    write_markups(folder / "points.mrk.json", points, "RAS")
    CtFolder(folder).check()
    assert set(CtFolder(folder).load("ct-01").landmarks) == set(points)
    # Without the hip's grouping the CT may be of another part of the body.
    write_markups(folder / "points.mrk.json", {"apex": INSIDE["FH-l"]}, "RAS")
    assert set(CtFolder(folder, structures="all").load("ct-01").landmarks) == {"apex"}


def test_what_the_landmark_finder_refuses_names_the_label_file(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    (folder / "points.mrk.json").unlink()
    # The sacrum alone: the grouping has all six bones, and no voxel of a hip or femur.
    write_itk(folder / "labels.nii.gz", np.where(_labels() == 4, 4, 0).astype(np.uint8), ras_affine())
    with pytest.raises(InputError, match="no hip bone or femur") as caught:
        CtFolder(folder).load("ct-01")
    assert caught.value.path == folder / "labels.nii.gz"


def test_unclear_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _refused(tmp_path / "empty", "no CT found")
    _refused(tmp_path / "nowhere", "no such file")
    folder = _subject(tmp_path / "many" / "a")
    (tmp_path / "many" / "notes").mkdir()
    _refused(tmp_path / "many", "notes", "no CT found")
    _ct(folder / "image.nii.gz")
    _refused(folder, "several CTs")
    (folder / "image.nii.gz").unlink()
    write_markups(folder / "more.mrk.json", INSIDE, "RAS")
    _refused(folder, "several landmark files")
    (folder / "more.mrk.json").unlink()
    (folder / "labels.nii.gz").rename(folder / "x_seg.nii.gz")
    _label_file(folder / "y_seg.nii.gz")
    _refused(folder, "several label maps")


def test_unknown_options_and_subjects(tmp_path: Path) -> None:
    folder = _subject(tmp_path / "a")
    with pytest.raises(ConfigError, match="did you mean hip"):
        CtFolder(folder, structures="hipp")
    with pytest.raises(ConfigError, match="no subject 'ct-1'"):
        CtFolder(folder).load("ct-1")


def test_real_pelvis(shared_data: Path) -> None:
    source = CtFolder(shared_data / "pelvis_ct")
    source.check()
    reading = source.read("ct-01")
    anatomy = reading.anatomy
    assert reading.landmark_source == "landmarks.csv"
    assert anatomy.ct.shape == (122, 101, 112)
    assert anatomy.absent == {"IOF-l", "IOF-r", "IPS-l", "IPS-r"}
    assert len(anatomy.landmarks) == 10
    cm3 = np.bincount(anatomy.labels.data.ravel())[1:] * 0.027
    np.testing.assert_allclose(cm3, (348, 347, 330, 211, 122, 116), atol=0.6)  # the data's README
    inside = {"FH-l": "femur_left", "FH-r": "femur_right", "ASIS-l": "hip_left", "ASIS-r": "hip_right"}
    for name, structure in inside.items():
        i, j, k = np.rint(anatomy.ct.world_from_ijk.inverse().apply(anatomy.landmarks[name][None])[0]).astype(int)
        near = anatomy.labels.data[i - 2 : i + 3, j - 2 : j + 3, k - 2 : k + 3]
        assert anatomy.structures[structure] in near


def test_landmarks_are_found_where_no_file_gives_them(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("synthex.anatomy.hip_landmarks.finder")
    for name in ("ct.nii.gz", "labels.nii.gz"):
        (tmp_path / name).symlink_to(shared_data / "pelvis_ct" / name)
    reading = CtFolder(tmp_path).read("ct-01")
    truth = CtFolder(shared_data / "pelvis_ct").load("ct-01").landmarks
    assert reading.landmark_source == "found automatically"
    assert set(reading.confidence) >= {"FH-l", "FH-r"}
    for name in ("FH-l", "FH-r"):
        assert np.linalg.norm(reading.anatomy.landmarks[name] - truth[name]) < 5
