import json
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

FOLDER = Path(__file__).parents[2] / "notebooks"


FIRST = "01_phantom_to_radiograph"
"""The one that is so quick that every run of the tests has it."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == FIRST else pytest.mark.slow)
        for path in sorted(FOLDER.glob("*.ipynb"))
    ],
)
def test_notebook_runs_and_is_committed_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in code), "clear the outputs before committing"
    names = {"__name__": "__main__"}
    for number, cell in enumerate(code):
        exec(compile("".join(cell["source"]), f"{path.name}[{number}]", "exec"), names)
    assert plt.get_fignums(), "a notebook that draws nothing teaches nothing"
    plt.close("all")


def test_there_are_notebooks():
    assert list(FOLDER.glob("*.ipynb"))
