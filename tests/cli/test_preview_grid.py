"""The grid of levels, voltages, doses and draws."""

import pytest
from omegaconf import OmegaConf
from PIL import Image

from synthex.cli.preview import cells
from synthex.config.compose import compose

SMALL = ("layout=grid", "grid.kvp=[60,100]", "grid.mas=[0.05,5]", "grid.draws=2")


def test_a_picture_and_a_row_an_image(synthex, tmp_path):
    text = synthex("preview", *SMALL, f"output={tmp_path / 'grid.png'}")
    rows = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    names = [tuple(cell.strip() for cell in row[:4]) for row in rows]
    assert names == [
        ("naive", "-", "-", "1"),
        ("heuristic", "-", "-", "1"),
        *[("realistic", kvp, mas, draw) for mas in ("0.05", "5") for kvp in ("60", "100") for draw in ("1", "2")],
    ]
    for row in rows:
        low, median, high, snr = (float(cell) for cell in row[4:])
        assert low < median < high
        assert snr > 0
    # A hundred times the dose is ten times the signal-to-noise ratio, less what structure is taken for noise.
    ratio = {name[1:]: float(row[-1]) for name, row in zip(names, rows, strict=True)}
    assert all(ratio[kvp, "5", "1"] > 2.5 * ratio[kvp, "0.05", "1"] for kvp in ("60", "100"))
    width, height = Image.open(tmp_path / "grid.png").size
    assert width > 4 * 64
    assert height > 3 * 64


def test_rows_are_levels_and_doses():
    cfg = compose(
        "preview", ["grid.levels=[naive,realistic]", "grid.mas=[1,2,4]", "grid.draws=3", "simulation=realistic"]
    )
    rows = cells(cfg)
    assert [len(row) for row in rows] == [1, 9, 9, 9]
    assert [cell.caption for cell in rows[2][:4]] == [
        "realistic, 60 kV, 2 mAs",
        "realistic, 60 kV, 2 mAs, draw 2",
        "realistic, 60 kV, 2 mAs, draw 3",
        "realistic, 80 kV, 2 mAs",
    ]
    assert rows[2][3].simulation["tube"]["kvp"] == 80
    assert rows[2][3].simulation["tube"]["mas"] == 2
    assert rows[2][3].simulation["tissue"] == cfg.simulation.tissue


def test_overrides_of_the_simulation_reach_its_level():
    cfg = compose("preview", ["simulation=realistic", "simulation.detector.bits=10", "grid.levels=realistic"])
    (row, *_) = cells(cfg)
    assert row[0].simulation["detector"]["bits"] == 10
    assert OmegaConf.select(cfg, "simulation.tube.kvp") != row[0].simulation["tube"]["kvp"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("grid.levels=[realistc]", ["realistc", "did you mean realistic"]),
        ("grid.kvp=[high]", ["grid.kvp", "high"]),
        ("grid.kvp=[]", ["grid.kvp"]),
        ("grid.mas=[true]", ["grid.mas"]),
        ("grid.draws=0", ["grid.draws=0"]),
        ("grid.draws=100", ["images"]),
        ("layout=sheets", ["layout=sheets", "did you mean sheet"]),
    ],
)
def test_a_bad_setting_is_one_line(setting, words, synthex):
    error = synthex("preview", "layout=grid", setting, code=2)
    assert all(word in error for word in words), error
