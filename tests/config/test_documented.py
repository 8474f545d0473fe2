"""Comments of ``conf/`` as what is said of its settings."""

import pytest

from synthex.config.compose import conf_folders, groups, options
from synthex.config.documented import read_config, read_group

CONF = conf_folders()[-1]


TEXT = """# @package _global_
# What it is. More of it.
defaults:
  - _self_
  - carm: cios_spin  # before the task
  - experiment: null

_target_: somewhere.Thing
# Above a key,
# on two lines.
size: 192  # pixels
name: "a # b"
place:
  depth_mm: [-12, 12]  # beyond

bare: 1
"""


@pytest.fixture
def read(tmp_path):
    (tmp_path / "thing.yaml").write_text(TEXT)
    return read_config(tmp_path / "thing.yaml")


def test_comments_above_and_behind_belong_to_their_key(read):
    assert [(one.name, one.value, one.comment) for one in read.settings] == [
        ("size", "192", "Above a key, on two lines. pixels"),
        ("name", '"a # b"', ""),
        ("place", "", ""),
        ("place.depth_mm", "[-12, 12]", "beyond"),
        ("bare", "1", ""),
    ]
    assert read.summary == "What it is"


def test_defaults_are_groups_with_options(read):
    assert [(one.name, one.value) for one in read.defaults] == [
        ("_self_", ""),
        ("carm", "cios_spin"),
        ("experiment", "null"),
    ]


@pytest.mark.parametrize("group", groups())
def test_every_option_of_every_group_is_read(group):
    assert [option.name for option in read_group([CONF], group)] == options(group)
