"""A new instrument is a YAML file: it trains with nothing changed in the package."""

import json
from pathlib import Path

import pytest
import trimesh
from generators.tiny_commands import TINY

from synthex.anatomy.phantom import PelvisPhantoms
from synthex.cli.main import main
from synthex.config.cases import request
from synthex.config.compose import compose

AWL = """
name: awl
parts:
  grip: {mesh: grip.stl, material: pmma}
  needle: {shape: capsule, at: [0, 0, -40], radius: 1.5, length: 68.5, material: steel_316l, parent: grip,
           joint: {type: revolute, axis: [1, 0, 0], origin: [0, 0, -40], limits: [-10, 10]}}
landmarks:
  entry: {part: needle, position: [0, 0, 0]}
  point: {part: needle, position: [0, 0, 30]}
"""


@pytest.mark.long
def test_a_new_instrument_trains_two_steps(tmp_path, monkeypatch, capfd):
    trimesh.creation.cylinder(10.0, segment=((0, 0, -120), (0, 0, -40))).export(tmp_path / "grip.stl")
    (tmp_path / "awl.yaml").write_text(AWL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    chosen = ["task=tool_detection", "instrument@task.instrument=file", "task.instrument.path=awl.yaml"]
    folders = [f"paths.cache_dir={tmp_path / 'cache'}", "paths.run_dir=run"]
    assert main(["train", *TINY, *chosen, *folders, "debug=fast"]) == 0, capfd.readouterr()
    summary = json.loads(Path("run/summary.json").read_text(encoding="utf-8"))
    assert summary["task"] == "tool_detection"
    assert any("point" in key for key in summary)
    assert any("awl" in key for key in summary)
    # The run remembers where its instrument is, wherever it is used from.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["predict", "../run", "output=again", "cases=1", "device=cpu"]) == 0, capfd.readouterr()
    assert main(["evaluate", "again"]) == 0, capfd.readouterr()
    assert Path("again/evaluation/summary.json").exists()


def test_an_export_knows_what_the_instruments_file_holds_not_where_it_lies(tmp_path):
    trimesh.creation.cylinder(10.0, segment=((0, 0, -120), (0, 0, -40))).export(tmp_path / "grip.stl")
    path = tmp_path / "awl.yaml"
    chosen = ["task=tool_detection", "instrument@task.instrument=file", f"task.instrument.path={path}"]
    found = []
    for text in (AWL, AWL, AWL.replace("[-10, 10]", "[-5, 5]")):
        path.write_text(text, encoding="utf-8")
        found.append(json.dumps(request(compose("simulate", chosen), PelvisPhantoms(count=1), 0, 100)))
    assert "awl.yaml" not in found[0]
    assert found[0] == found[1] != found[2]
