"""Overrides as people type them: paths with anything in them, and groups without a choice."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from synthex.config.compose import compose, groups, readable
from synthex.core import ConfigError
from synthex.core.overrides import quoted


@settings(deadline=None)
@given(st.text(alphabet="ab\\'\"/ ,=%#()[]{}~ü:", max_size=12))
def test_every_text_survives_quoting(text):
    assert OverridesParser.create().parse_override(f"data.ct={quoted(text)}").value() == text


PATHS = (
    *("/tmp/Müller, J (CT)/#2", "/tmp/50%/a=b", "/tmp/O'Brien", "C:\\Users\\me\\ct", "/tmp/[x]{y}", "~/x", "/tmp/(x"),
    *("/tmp/a b", "/tmp/x!@$&*;", '/tmp/a "b"', "/tmp/a'", "../a,=b"),
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_it_is(path):
    (override,) = readable("train", [f"data.ct={path}"])
    assert compose("train", [override]).data.ct == path


def test_a_comma_in_the_name_of_a_folder_is_no_choice_of_two(tmp_path):
    (tmp_path / "a,b").mkdir()
    (override,) = readable("train", [f"data.ct={tmp_path / 'a,b'}"])
    assert compose("train", [override]).data.ct == str(tmp_path / "a,b")
    assert readable("train", ["data.size=64,128", "data.ct=/none/a,/none/b"])[0] == "data.size=64,128"
    with pytest.raises(ConfigError, match="in quotes"):
        compose("train", ["data.ct=/none/a,/none/b"])


def test_a_group_whose_default_is_nothing_can_be_given_nothing():
    for group in ("debug", "experiment", "sweep"):
        assert readable("train", [f"{group}=null", "seed=1"]) == ["seed=1"]


@pytest.mark.parametrize("override", ["augment=null", "model=null", "augment=1", "experiment=1", "data=true"])
def test_a_group_that_is_given_no_name_names_its_options(override):
    with pytest.raises(ConfigError, match="choose one of the options") as error:
        readable("train", [override])
    assert override in str(error.value)


def test_what_is_right_stays():
    arguments = ["--multirun", "augment=none", "experiment=hip/quickstart", "~debug", "data.ct=null", "+a.b=[1,2]"]
    arguments += ["data.ct='a/b'", "paths.run_dir=outputs/x", "hydra/launcher=processes", "seed=1,2"]
    assert readable("train", arguments) == arguments
    assert "debug" in groups()
