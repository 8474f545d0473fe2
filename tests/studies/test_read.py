"""A study's files, and every mistake in them that has one line."""

import copy
import re
from pathlib import Path

import pytest
from generators.studies import TINY_STUDY, write_study

from synthex.core import InputError
from synthex.studies import plans, read_study


def changed(path: str, value):
    """The content with one entry set, ``del`` for none."""
    content = copy.deepcopy(TINY_STUDY)
    *parents, key = path.split("/")
    node = content
    for parent in parents:
        node = node[parent]
    if value == "del":
        del node[key]
    else:
        node[key] = value
    return content


def test_a_study_is_read_as_it_is_written(tmp_path):
    study = read_study(write_study(tmp_path / "mine"))
    assert (study.name, study.title) == ("mine", "A small question")
    assert list(study.axes["level"]) == ["naive", "heuristic", "later"]
    assert study.axes["level"]["naive"].overrides == ("simulation=naive",)
    assert study.axes["level"]["later"].pending == "not yet"
    size = study.sizes["tiny"]
    assert (size.folds, size.seeds, size.keep, size.budget_minutes) == (("0", "1"), (0,), "weights", None)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("titel", "x", "titel: there is no such key; did you mean title?"),
        ("axes/fold", {"a": []}, "an axis cannot be called 'fold'"),
        ("axes/level", {}, "axes.level has no values"),
        ("axes/level/naive", {"overides": []}, "did you mean overrides?"),
        ("axes/level/naive", {"tinny": []}, "did you mean tiny?"),
        ("axes/level/naive", "augment=none", "axes.level.naive is not a mapping"),
        ("sizes", {}, "has no axes or no sizes"),
        ("sizes/tiny/fold", [1], "sizes.tiny fold: there is no such key; did you mean folds?"),
        ("sizes/tiny/folds", [1, 1], "there is none, or one twice"),
        ("sizes/tiny/folds", ["all"], "all is the fold of what has none"),
        ("sizes/tiny/seeds", ["a"], "are no whole numbers"),
        ("sizes/tiny/keep", "weigts", "did you mean weights?"),
        ("sizes/tiny/budget_minutes", -1, "is no number above 0"),
        ("sizes/tiny/values", {"level": ["naife"]}, "did you mean naive?"),
        ("sizes/tiny/tests", {}, "has no tests"),
        ("sizes/tiny/tests", {"test": {"predikt": []}}, "did you mean predict?"),
        ("sizes/tiny/prepare", {"images": ["count=3"]}, "sizes.tiny.prepare.images has no command"),
        ("table/rows", ["leve"], "did you mean level?"),
        ("table/columns", [], "has no place for the axis augment"),
        ("table/figures", [], "has no figures"),
        ("table/curves", [{"x": "level", "figure": "dise"}], "did you mean dice?"),
        ("table", "del", "has no table"),
        ("exclude", [{"level": "naif"}], "did you mean naive?"),
        ("exclude", {"level": "naive"}, "exclude is not a list"),
        ("overrides", "augment=none", "is no list of texts"),
    ],
)
def test_a_mistake_is_one_line(path, value, words, tmp_path):
    (folder := tmp_path / "mine").mkdir()
    write_study(folder, changed(path, value) | ({path: None} if value == "del" else {}))
    with pytest.raises(InputError) as error:
        read_study(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(folder / "study.yaml") in str(error.value)


def test_a_missing_or_broken_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_study(tmp_path / "none")
    (tmp_path / "study.yaml").write_text("title: [")
    with pytest.raises(InputError, match="is not valid YAML") as error:
        read_study(tmp_path)
    assert "\n" not in str(error.value)


def test_the_example_of_the_documentation_is_a_study(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "studies.md"
    (example,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "study.yaml").write_text(example)
    assert len(plans(read_study(tmp_path), "full")) == 2 * 7  # seeds x (3 folds of naive and of real, 1 of simulated)


def test_published_numbers_name_their_source_and_cell(tmp_path):
    cell = {"cell": {"level": "naive"}, "test": "test", "figures": {"dice": [0.8, 0.1], "landmark_error_mm": 5}}
    study = read_study(write_study(tmp_path / "a", published={"source": "a paper", "cells": [cell]}))
    assert study.source == "a paper"
    assert study.published[0].figures == {"dice": (0.8, 0.1, None), "landmark_error_mm": (5.0, None, None)}
    for content, words in (
        ({"cells": [cell]}, "has no source"),
        ({"source": "x", "cells": [cell | {"cell": {"level": "naiv"}}]}, "did you mean naive?"),
        ({"source": "x", "cells": [cell | {"figures": {"dice": "0.8"}}]}, "is not \\[mean, std, ci\\]"),
    ):
        with pytest.raises(InputError, match=words):
            read_study(write_study(tmp_path / "a", published=content))
