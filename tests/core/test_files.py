import json
import os

import pytest

from synthex.core import InputError, atomic_path, write_json, write_text


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
