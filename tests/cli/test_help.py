"""The help of commands."""

import subprocess
import sys

import pytest

from synthex.cli.help import explain
from synthex.cli.main import COMMANDS, main
from synthex.config.compose import conf_folders

CONF = conf_folders()[-1]


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
