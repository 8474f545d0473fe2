"""``synthex export`` and ``synthex models``."""

import hashlib
import json

import pytest
from generators.tiny_models import write_tiny_package

import synthex
from synthex.cli.app import gathered, named
from synthex.runs import find_model, zoo_models


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return write_tiny_package(tmp_path_factory.mktemp("package") / "tiny", licence="MIT")


def test_a_package_of_a_package_is_the_same_but_for_what_is_said_of_it(synthex_as_given, package, tmp_path):
    (tmp_path / "card.md").write_text("# other: what it is\n")
    said = synthex_as_given("export", package, tmp_path / "same")
    content = (tmp_path / "same" / "model.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() in said
    assert json.loads(content) == json.loads((package / "model.json").read_text()) | {"name": "same"}
    synthex_as_given("export", package, tmp_path / "other", f"card={tmp_path / 'card.md'}", "licence=CC-BY-4.0")
    files = find_model(tmp_path / "other")
    assert (files.licence, files.card, files.version) == (
        "CC-BY-4.0",
        "# other: what it is\n",
        find_model(package).version,
    )
    assert "CC-BY-4.0" in files.terms


def test_a_run_without_a_card_gets_one(synthex_as_given, package, tmp_path):
    synthex_as_given("export", package.parent / "run", tmp_path / "packed")
    files = find_model(tmp_path / "packed")
    assert "14 landmarks" in files.card
    assert files.licence == "not stated"
    assert synthex.load(tmp_path / "packed").version == find_model(package).version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("format=onx",), "onnx"),
        (("format=onnx", "output=folder"), "ends in .onnx"),
        (("format=package", "prior=false"), "keeps what the model was told"),
    ],
)
def test_what_cannot_be_exported_is_one_line(synthex_as_given, package, arguments, message):
    assert message in synthex_as_given("export", package, *arguments, code=2)


def test_bare_arguments_are_the_model_and_the_output():
    words = [named("export", word) for word in ("hip", "hip.onnx", "format=onnx")]
    assert gathered("export", words) == ["run='hip'", "format=onnx", "output='hip.onnx'"]
    assert named("predict", "https://host/model.json#sha256=00") == "run='https://host/model.json#sha256=00'"


def test_the_zoo_is_listed(synthex_as_given, tmp_path):
    synthex_as_given("models", f"json={tmp_path / 'rows.json'}")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["name"] for row in rows] == list(zoo_models())
    for row in rows:
        assert row["what"]
        assert row["licence"] != "not stated"
        assert float(row["mb"]) <= 8
