"""Folders of medical data in kept configs: digests that this machine alone knows how to read."""

import logging
import stat

import pytest

from synthex.core import ConfigError
from synthex.core.places import KeptFormatter, found, hidden, require_known


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "places"


SETTINGS = {
    "data": {"ct": "cts/Doe^Jane", "meshes": None, "phantoms": {"train": 4}, "label_names": "totalsegmentator"},
    "real": {"root": "/archive/Doe", "annotations": "annotations.csv", "split": "test", "fold": 1},
    "test": True,
    "folds": ["data.ct=cts/Doe^Jane", "+real.root='/archive/Doe'", "seed=3", "test=false", "data.cases.val=96"],
}


def test_places_are_hidden_and_found_again(memory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = hidden(SETTINGS, remember=True)
    assert "Doe" not in str(kept)
    assert kept["data"]["label_names"] == "totalsegmentator"
    assert (kept["test"], kept["folds"][2:], kept["real"]["split"]) == (
        True,
        ["seed=3", "test=false", "data.cases.val=96"],
        "test",
    )
    again = found(kept)
    assert again["data"]["ct"] == str(tmp_path / "cts" / "Doe^Jane")
    assert again["real"] == SETTINGS["real"]
    assert again["folds"][0] == f"data.ct={tmp_path / 'cts' / 'Doe^Jane'}"
    assert hidden(again) == kept == hidden(kept)
    require_known(again)
    assert {stat.S_IMODE(path.stat().st_mode) for path in memory.iterdir()} == {0o600}


def test_a_place_that_is_not_known_here_is_one_line():
    kept = hidden(SETTINGS)
    assert found(kept) == kept
    with pytest.raises(ConfigError, match="not known on this machine"):
        require_known(kept)


def test_a_file_of_names_is_hidden_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jane.yaml").write_text("a: 1")
    kept = hidden({"label_names": "jane.yaml"}, remember=True)
    assert "jane" not in str(kept)
    assert found(kept)["label_names"] == str(tmp_path / "jane.yaml")


def test_log_files_name_no_place(tmp_path):
    formatter = KeptFormatter("%(message)s")
    place = tmp_path / "cts" / "Doe^Jane"
    text = f"go on: synthex train data.ct={place} seed=1; {place}/ct.nii.gz: it is damaged"
    assert "Doe" in text
    kept = formatter.format(logging.LogRecord("a", logging.INFO, "", 0, text, (), None))
    assert "Doe" not in kept
    assert kept.startswith("go on: synthex train data.ct=place-")
    assert kept.endswith(": it is damaged")
