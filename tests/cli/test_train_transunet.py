"""The study's network trains every task: small here, by its own settings."""

import json
import os
import subprocess
import sys

import pytest
import torch
from generators.tiny_commands import TINY

from synthex.config.build import build_task
from synthex.config.trained import load_config, load_model
from synthex.learning import find_weights, read_checkpoint

SMALL = (
    *("model=transunet_small", "model.embed_dim=48", "model.depth=1", "model.resnet_layers=[1,1,1]"),
    *("model.bottleneck_channels=32", "debug=fast"),
)
TASKS = {
    "hip_landmarks": (),
    "tool_detection": ("task=tool_detection", "carm=cios_spin_cropped"),
    "lesion_segmentation": ("task=lesion_segmentation", "carm=flat_panel", "augment=chest"),
}
FIRST = "hip_landmarks"


@pytest.mark.parametrize("task", [pytest.param(task, marks=[pytest.mark.slow] * (task != FIRST)) for task in TASKS])
def test_two_steps_of_every_task(task, synthex, tmp_path):
    run = tmp_path / "run"
    synthex("train", *TASKS[task], *SMALL, f"paths.run_dir={run}")
    assert json.loads((run / "summary.json").read_text())["cases"] == 3
    cfg = load_config(run)
    weights = find_weights(run)
    network = load_model(cfg, build_task(cfg), weights).network.eval()
    stored = read_checkpoint(weights)["state_dict"]
    assert stored.keys() == {f"network.{name}" for name in network.state_dict()}
    for name, value in network.state_dict().items():
        assert torch.equal(value, stored[f"network.{name}"]), name
    with torch.no_grad():
        outputs = network(torch.zeros(1, 1, 80, 48))  # of another size than trained on
    assert all(value.shape[-2:] == (80, 48) and value.isfinite().all() for value in outputs.values())


def test_a_size_that_it_does_not_take_is_one_line(synthex):
    text = synthex("train", *SMALL, "data.size=72", code=2)
    assert "data.size=72: this network takes multiples of 16" in text
    assert "data.input_size=80" in text


def test_a_compiler_that_is_missing_is_one_line(synthex, monkeypatch):
    def broken(function):
        def fail(*values):
            raise RuntimeError("no working C++ compiler\nat a place with a long name")

        return fail

    monkeypatch.setattr("torch.compile", broken)
    text = synthex("train", *SMALL, "compile=true", code=2)
    assert "torch.compile does not work" in text
    assert "compile=false" in text


@pytest.mark.slow
def test_a_machine_without_a_compiler_says_so(cache_dir, tmp_path):
    """Inductor itself, told of a compiler that is not there."""
    environment = {**os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    code = "import sys; from synthex.cli.main import main; sys.exit(main(sys.argv[1:]))"
    settings = [
        f"paths.cache_dir={cache_dir}",
        "compile=true",
        *(s for s in TINY if not s.startswith(("model=", "model."))),
    ]
    found = subprocess.run(
        [sys.executable, "-c", code, "train", *SMALL, *settings],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2, found.stderr
    assert len(found.stderr.strip().splitlines()) == 1, found.stderr
    assert "install a C++ compiler" in found.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)  # Inductor writes C++ for every step of both passes, and a busy core compiles it for minutes
def test_it_trains_compiled(synthex, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    synthex("train", *SMALL, "compile=true", f"paths.run_dir={tmp_path / 'run'}")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["cases"] == 3
