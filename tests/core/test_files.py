import json
import os

import pytest

from synthex.core import InputError, atomic_path, check_name, inside, write_json, write_text


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "new" / "folder" / "a.nii.gz"
    with atomic_path(target) as path:
        assert path.name.endswith(".nii.gz")
        path.write_text("x")
        assert not target.exists()
    assert target.read_text() == "x"
    assert os.listdir(target.parent) == ["a.nii.gz"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("folder", ["file", "file/deeper/still"])
def test_an_unwritable_folder_is_one_line_about_the_target(tmp_path, folder):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_text(tmp_path / folder / "a.txt", "x")
    assert "\n" not in str(caught.value)
    assert "a.txt" in str(caught.value)


def test_an_error_about_another_file_is_not_blamed_on_the_target(tmp_path):
    def read_missing() -> None:
        with atomic_path(tmp_path / "a.txt"):
            (tmp_path / "missing").read_text()

    with pytest.raises(FileNotFoundError, match="missing"):
        read_missing()


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1, 2.5]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, 2.5]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", " ", "../x", "a/b", "a\\b", "/etc/x", "C:x", "a\0b", "a\nb", "x" * 201, "\ud800", "?", 3, None],
)
def test_a_name_that_cannot_be_one_in_its_folder_is_refused_without_being_quoted(name):
    with pytest.raises(InputError, match="case id") as error:
        check_name("set/predictions.json", name)
    assert "\n" not in str(error.value)
    assert not name or not str(name).strip(". /") or str(name) not in str(error.value)


@pytest.mark.parametrize("name", ["train-000001", "01-0003", "Größe 3", "a.b", "..a", "x" * 200])
def test_plain_names_are_let_through(name):
    assert check_name("a.json", name) == name


@pytest.mark.parametrize(
    "name", ["", "../x", "a/../../x", "/etc/passwd", "..", "C:/x", "a\0", 3, "..\\x", "a" * 300, "\ud800", "a/" * 3000]
)
def test_a_file_outside_its_folder_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=r"a\.json"):
        inside(tmp_path, name, tmp_path / "a.json")


def test_a_file_in_its_folder_is_found(tmp_path):
    assert inside(tmp_path, "images/a.tiff", "a.json") == tmp_path / "images" / "a.tiff"
