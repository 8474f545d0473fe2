"""The help of commands, and the reading of comments behind it."""

import subprocess
import sys

import pytest

from synthex.cli.help import explain
from synthex.cli.main import COMMANDS, main
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


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "completion"])
def test_every_command_is_explained(command):
    text = explain(command, COMMANDS[command], [CONF], width=100)
    assert text.startswith(f"synthex {command}: ")
    assert all(len(line) <= 100 for line in text.splitlines() if not line.lstrip().startswith("synthex "))


def test_the_help_of_training_names_options_defaults_and_comments(capsys):
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert "  * strong " in text
    assert "Every sample, weight and shuffle of the run follows from this" in text
    assert "synthex train experiment=hip/quickstart" in text
    assert main(["preview", "augment=none", "--help"]) == 0
    preview = capsys.readouterr().out
    assert "  * strong " in preview, "its config builds on that of training"


def test_help_needs_no_pytorch():
    code = (
        "import sys; from synthex.cli.main import main; main(['train', '--help']); "
        "assert not {'torch', 'numba', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
