"""What makes finished work stale."""

from synthex.jobs import code_version, content_hash, folder_hash


def test_any_edit_of_the_code_is_another_version(tmp_path):
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "__pycache__").mkdir()
    before = folder_hash(tmp_path)
    assert folder_hash(tmp_path) == before
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "b.yaml").write_text("x")
    assert folder_hash(tmp_path, ("conf",)) == before
    assert folder_hash(tmp_path) != before
    (tmp_path / "a.py").write_text("two")
    edited = folder_hash(tmp_path, ("conf",))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, edited, folder_hash(tmp_path, ("conf",))}) == 3


def test_the_version_names_the_package(monkeypatch):
    monkeypatch.setattr("synthex.__version__", "9.9")
    assert code_version().startswith("9.9+")


def test_the_order_of_keys_does_not_matter():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1}) != content_hash({"a": 1, "b": [3]})
