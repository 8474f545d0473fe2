"""Every task's facets fit together, and a new one needs nothing but its own module and a YAML file."""

import sys
from pathlib import Path

import pytest
import torch
from generators.tiny_commands import TINY
from hydra.utils import instantiate

from synthex.cli.main import main
from synthex.config.build import build_reader, build_task
from synthex.config.compose import compose
from synthex.core import Task
from synthex.data import LearningDataset, collate

CONF = Path(__file__).parents[2] / "conf"
TASKS = sorted(path.stem for path in (CONF / "task").glob("*.yaml"))

TOY = '''
from synthex.core import EvalProtocol, Task, Vocabulary
from synthex.tasks import hip_landmarks
from synthex.tasks.hip_landmarks.vocabulary import VOCABULARY


def build():
    """The hip task under another name."""
    hip = hip_landmarks.build()
    protocol = EvalProtocol("toy", VOCABULARY, hip.protocol.confidence_cuts, "dice_mean")
    return Task("toy", hip.vocabulary, hip.scene, hip.targets, hip.loss, hip.decode, protocol)
'''


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return f"paths.cache_dir={tmp_path_factory.mktemp('cache')}"


@pytest.mark.parametrize("name", TASKS)
def test_the_facets_of_every_task_fit_together(name, tmp_path, cache):
    cfg = compose("train", [*TINY, f"task={name}", cache, f"paths.output_dir={tmp_path}"])
    task = build_task(cfg)
    assert isinstance(task, Task)
    assert task.protocol.vocabulary == task.vocabulary
    reader = build_reader(cfg, task, instantiate(cfg.region.phantoms)(1, spacing_mm=6.0), "train", 2, 0)
    batch = collate([LearningDataset(reader, 64)[index] for index in range(2)])
    counts = {"structures": len(task.vocabulary.structures), "landmarks": len(task.vocabulary.landmarks)}
    network = instantiate(cfg.model, **counts)
    outputs = network(batch["image"])
    loss = task.loss(float(batch["pixel_mm"][0]))(outputs, batch)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    predictions = task.decode({key: value.detach() for key, value in outputs.items()}, batch)
    assert [prediction.case_id for prediction in predictions] == batch["case_id"]
    assert predictions[0].landmarks.shape == (len(task.vocabulary.landmarks), 2)


def test_a_new_task_is_a_module_and_a_yaml_file(tmp_path, cache, monkeypatch, capfd):
    (tmp_path / "toy_task.py").write_text(TOY)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - /views: hip_carm\n\ntask_name: toy\ntask:\n  _target_: toy_task.build\n"
    (tmp_path / "conf" / "task" / "toy.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["train", *TINY, cache, "task=toy", "debug=fast", "paths.run_dir=run"]) == 0, capfd.readouterr()
    assert '"task": "toy"' in Path("run/summary.json").read_text()
