"""A new instrument is a YAML file: it trains with nothing changed in the package."""

import json
from pathlib import Path

import trimesh
from generators.tiny_commands import TINY

from synthex.cli.main import main

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
