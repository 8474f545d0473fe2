"""Landmarks come out in RAS mm from every format and frame."""

from pathlib import Path

import numpy as np
import pytest
from generators.ct_files import write_markups

from synthex.anatomy.io import read_landmarks
from synthex.core import InputError

RAS = {"FH-l": (-80.5, 12.0, 3.25), "FH-r": (81.0, 11.0, -3.0)}
LPS = {name: (-x, -y, z) for name, (x, y, z) in RAS.items()}
FCSV = "# Markups fiducial file version = 4.11\n{frame}# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc\n"


def _assert_ras(path: Path) -> None:
    landmarks = read_landmarks(path)
    assert set(landmarks.positions) == set(RAS)
    for name, point in RAS.items():
        np.testing.assert_allclose(landmarks.positions[name], point, atol=1e-9)


@pytest.mark.parametrize(("frame", "points"), [("RAS", RAS), ("LPS", LPS)])
def test_markups(tmp_path: Path, frame: str, points: dict[str, tuple[float, ...]]) -> None:
    _assert_ras(write_markups(tmp_path / "a.mrk.json", points, frame, undefined="GSN-l"))


@pytest.mark.parametrize(
    ("frame", "points"), [("RAS", RAS), ("0", RAS), ("LPS", LPS), ("1", LPS), (None, RAS)], ids=str
)
def test_fcsv_of_every_age(tmp_path: Path, frame: str | None, points: dict[str, tuple[float, ...]]) -> None:
    text = FCSV.format(frame="" if frame is None else f"# CoordinateSystem = {frame}\n")
    for index, (name, (x, y, z)) in enumerate(points.items()):
        text += f"vtkMRMLMarkupsFiducialNode_{index},{x},{y},{z},0,0,0,1,1,1,0,{name},\n"
    (tmp_path / "a.fcsv").write_text(text)
    _assert_ras(tmp_path / "a.fcsv")


def test_fcsv_points_that_are_not_placed_are_skipped(tmp_path: Path) -> None:
    head = FCSV.format(frame="# CoordinateSystem = RAS\n").replace(
        "desc", "desc,associatedNodeID,measurement,positionStatus"
    )
    rows = "1,1,2,3,0,0,0,1,1,1,0,here,,,,2\n2,0,0,0,0,0,0,1,1,1,0,later,,,,0\n"
    (tmp_path / "a.fcsv").write_text(head + rows)
    assert set(read_landmarks(tmp_path / "a.fcsv").positions) == {"here"}


def test_fcsv_of_slicer_5_does_not_name_its_status_column(tmp_path: Path) -> None:
    head = FCSV.format(frame="# CoordinateSystem = LPS\n").replace("desc", "desc,associatedNodeID")
    rows = "1,1,2,3,0,0,0,1,1,1,0,here,,,2,0\n2,0,0,0,0,0,0,1,1,1,0,later,,,0,0\n"
    (tmp_path / "a.fcsv").write_text(head + rows)
    positions = read_landmarks(tmp_path / "a.fcsv").positions
    assert set(positions) == {"here"}
    np.testing.assert_array_equal(positions["here"], (-1, -2, 3))


@pytest.mark.parametrize("header", ["name,x,y,z", "Label, X_RAS, Y_RAS, Z_RAS", "name,x_ras_mm,y_ras_mm,z_ras_mm"])
def test_csv(tmp_path: Path, header: str) -> None:
    rows = "".join(f"{name},{x},{y},{z}\n" for name, (x, y, z) in RAS.items())
    (tmp_path / "a.csv").write_text(f"{header}\n{rows}", encoding="utf-8-sig")
    _assert_ras(tmp_path / "a.csv")


def test_csv_declares_absent_landmarks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,in_volume,x,y,z\nFH-l,1,1,2,3\nIOF-l,0,,,\n")
    landmarks = read_landmarks(tmp_path / "a.csv")
    assert set(landmarks.positions) == {"FH-l"}
    assert landmarks.absent == {"IOF-l"}


def test_the_index_column_of_pandas_declares_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",name,x,y,z\n0,ASIS-l,1,2,3\n1,ASIS-r,4,5,6\n")
    landmarks = read_landmarks(tmp_path / "a.csv")
    assert set(landmarks.positions) == {"ASIS-l", "ASIS-r"}
    assert not landmarks.absent


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.csv", "name,x,y\nA,1,2\n", "no column 'z'"),
        ("a.csv", "name,x,y,z\nA,1,2,oops\n", "'A' has no position"),
        ("a.csv", "name,x,y,z\nA,1,2,nan\n", "'A' has no position"),
        ("a.csv", "name,x,y,z\nA,1,2,3\nA,1,2,3\n", "repeated"),
        ("a.csv", "name,x,y,z\n", "no landmarks"),
        ("a.csv", "name,in_volume,x,y,z\nA,0,,,\nA,1,1,2,3\n", "both"),
        ("a.fcsv", "# CoordinateSystem = IJK\n1,1,2,3,0,0,0,1,1,1,0,A\n", "'IJK'"),
        ("a.fcsv", "1,2\n", "2 fields"),
        ("a.mrk.json", '{"markups": [{"controlPoints"', "complete JSON"),
        ("a.mrk.json", '{"other": 1}', "not a Slicer"),
        ("a.mrk.json", '{"markups": []}', "no landmarks"),
        ("a.txt", "hello", "not a landmark file"),
        ("a.csv", "", "empty"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, name: str, text: str, word: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=word) as caught:
        read_landmarks(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_both_files_of_the_real_ct_agree(shared_data: Path) -> None:
    table = read_landmarks(shared_data / "pelvis_ct" / "landmarks.csv")
    markups = read_landmarks(shared_data / "pelvis_ct" / "landmarks.mrk.json")
    assert table.absent == {"IOF-l", "IOF-r", "IPS-l", "IPS-r"}
    assert len(table.positions) == 10
    assert set(markups.positions) == set(table.positions)
    for name, point in table.positions.items():
        np.testing.assert_allclose(markups.positions[name], point, atol=0.01)
