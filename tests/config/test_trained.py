"""A run's network, asked as the run was told."""

from dataclasses import replace

import pytest

from synthex.config import trained
from synthex.config.build import build_task
from synthex.config.cases import cases_config
from synthex.config.compose import compose
from synthex.config.finished import after_training
from synthex.core import ConfigError
from synthex.nn import MirrorAveraged, PoseAveraged, SegmentationNetwork
from synthex.runs.model import channels_of


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


def test_a_closer_look_is_at_twice_the_pixels_and_cases_are_simulated_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "load_network_weights", lambda *_, **__: None)
    weights = tmp_path / "weights"
    weights.write_bytes(b"some")
    named = ["experiment=tool/guide_wire", "model.encoder=tu-test_resnet", "~model.channels", "data.size=64"]
    sizes = {}
    for closer in ("[tip]", "[]"):
        cfg = compose("train", [*named, f"closer={closer}"])
        model = trained.load_model(cfg, build_task(cfg), weights)
        asked = compose("predict", ["run=outputs/some"])
        cases = cases_config(asked, cfg)
        sizes[closer] = (model.size, model.input_size, cases.config.data.size, "CoarseToFine" in model.way)
    assert sizes == {"[tip]": (128, 128, 128, True), "[]": (64, 64, 64, False)}


def test_a_closer_look_at_what_a_task_does_not_know_is_refused():
    task = build_task(compose("train", ["experiment=tool/guide_wire"]))
    for wrong in (["middle"], "tip", 5, {"tip": 1}, [["tip"]], ["tip", "tip"], [None]):
        with pytest.raises(ConfigError, match="give a list of landmarks of the task, each once, of base, tip"):
            channels_of(wrong, task)
