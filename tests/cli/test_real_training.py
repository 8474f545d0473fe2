"""Baselines on real radiographs: train on folds, fine-tune a simulated model on a few images."""

import json

import pytest
import yaml
from generators.real_archives import write_covid_cxr

from synthex.cli.main import main

TINY = (
    *(
        "trainer=cpu",
        "model=unet_small",
        "model.encoder=tu-test_resnet",
        "data.size=64",
        "data.batch_size=2",
        "data.workers=0",
        "debug=fast",
    ),
    *("baseline_samples=4", "augment=none"),
)


@pytest.fixture
def archive(tmp_path):
    return write_covid_cxr(tmp_path / "archive")


@pytest.fixture
def synthex(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        found = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert found == code, out + err
        assert not code or len(err.strip().splitlines()) == 1, err
        return out + err

    return run


def test_a_fold_is_held_out_and_a_few_images_fine_tune(archive, synthex, tmp_path):
    run = tmp_path / "real"
    source = f"data.source.root={archive}"
    synthex("train", "experiment=covid/real2real", *TINY, source, f"paths.run_dir={run}")
    summary = json.loads((run / "summary.json").read_text())
    held_out = summary["cases"]
    assert held_out >= 1
    index = (archive / "index.csv").read_text().splitlines()
    assert held_out < len(index) - 1
    synthex("predict", run, f"output={tmp_path / 'again'}", "device=cpu")
    found = json.loads((tmp_path / "again" / "predictions.json").read_text())
    assert len(found["cases"]) == held_out

    tuned = tmp_path / "tuned"
    text = synthex(
        *("train", "experiment=covid/finetune", *TINY, source, "data.images=2", f"paths.run_dir={tuned}"),
        f"initial_weights={run}",
    )
    assert "starting from" in text
    assert yaml.safe_load((tuned / "config.yaml").read_text())["data"]["images"] == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [(("data.images=999",), "data.images=999"), (("initial_weights=nowhere",), "nowhere"), (("fold=77",), "77")],
)
def test_impossible_baselines_are_named(archive, synthex, tmp_path, settings, said):
    source = f"data.source.root={archive}"
    run = f"paths.run_dir={tmp_path / 'run'}"
    text = synthex("train", "experiment=covid/real2real", *TINY, source, run, *settings, code=2)
    assert said in text
