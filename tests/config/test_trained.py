"""A run's network, asked as the run was told."""

from dataclasses import replace

import pytest

from synthex.config import trained
from synthex.config.build import build_task
from synthex.config.compose import compose
from synthex.config.finished import after_training
from synthex.nn import MirrorAveraged, PoseAveraged, SegmentationNetwork


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("pose", [False, True])
def test_answers_are_averaged_over_what_the_settings_say(mirror, pose, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "load_network_weights", lambda *_, **__: None)
    weights = tmp_path / "weights"
    weights.write_bytes(b"some")
    named = [f"mirror_averaged={mirror}", f"pose_averaged={pose}"]
    cfg = compose("train", ["experiment=hip/radiographs", "model.encoder=tu-test_resnet", "~model.channels", *named])
    model = trained.load_model(cfg, build_task(cfg), weights)
    network = model.network
    for kind, wanted in ((PoseAveraged, pose), (MirrorAveraged, mirror)):
        assert isinstance(network, kind) == wanted
        network = network.network if wanted else network
    assert isinstance(network, SegmentationNetwork)
    assert not model.network.training
    # Answers that were given in another way are not taken for these, nor a test that was.
    assert ("MirrorAveraged" in model.way, "PoseAveraged" in model.way) == (mirror, pose)
    other = build_task(compose("train", ["experiment=hip/radiographs", "task.prior=true"]))
    assert replace(model, task=other).way != model.way
    assert {key: after_training(cfg)[key] for key in ("mirror_averaged", "pose_averaged")} == {
        "mirror_averaged": mirror,
        "pose_averaged": pose,
    }
