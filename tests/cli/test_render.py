"""``data.render=device``: the same training, or one line about what is missing."""

import numpy as np
import pytest
import torch

from synthex.core import Volume
from synthex.projection import project


def on_cpu(device):
    """Stands in for the renderer on a CUDA device."""

    def render(requests):
        answers = []
        for request in requests:
            ct, labels = (Volume(file.open(), request.world_from_ijk) for file in (request.ct, request.labels))
            done = project(ct, labels, request.label_ids, request.camera, table=request.table, threads=1)
            answers.append(np.concatenate((done.water_path_mm[None], done.label_path_mm, done.quantity_mm)))
            rendered.append(request)
        return answers

    rendered.clear()
    return render


rendered: list = []


@pytest.mark.slow
def test_projecting_on_the_device_does_not_change_the_weights(synthex, tmp_path, monkeypatch):
    monkeypatch.setattr("synthex.runs.training.DeviceRenderer", on_cpu)
    monkeypatch.setattr("synthex.cli.train.cuda_device", lambda: torch.device("cpu"))
    arguments = ("trainer.deterministic=true", "test=false", "augment=strong", "trainer.max_epochs=1", "data.workers=2")
    for render in ("worker", "device"):
        synthex("train", *arguments, f"data.render={render}", f"paths.run_dir={tmp_path / render}")
    assert len(rendered) >= 8
    weights = [
        torch.load(tmp_path / render / "checkpoints" / "step=00000002.ckpt", weights_only=True)["state_dict"]
        for render in ("worker", "device")
    ]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_machine_without_a_gpu_is_told_what_to_do(synthex, tmp_path):
    error = synthex("train", "data.render=device", f"paths.run_dir={tmp_path / 'run'}", code=2)
    assert "data.render=worker" in error
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_no_workers_and_other_places_are_refused(synthex, monkeypatch):
    monkeypatch.setattr("synthex.runs.training.DeviceRenderer", on_cpu)
    monkeypatch.setattr("synthex.cli.train.cuda_device", lambda: torch.device("cpu"))
    assert "data.workers" in synthex("train", "data.render=device", "data.workers=0", "paths.run_dir=a", code=2)
    assert "worker, device" in synthex("train", "data.render=gpu", "paths.run_dir=b", code=2)
