"""Seeded mutants of the files of every reader end in a value or in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def faults(seed: int, count: int) -> str:
    """What ``python -m generators.mutants`` finds, in a process that nothing else has been loaded into."""
    places = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "generators.mutants", str(seed), str(count)]
    found = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout


def test_five_hundred_mutants_end_in_a_value_or_in_one_line():
    assert faults(seed=0, count=500) == ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_ten_thousand_mutants_end_in_a_value_or_in_one_line(seed):
    assert faults(seed, count=1000) == ""
