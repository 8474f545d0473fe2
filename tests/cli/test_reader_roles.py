"""Readers by role in a training: all of X, tested on Y; simulated and a few real images."""

import json

import pytest
from generators.real_archives import write_covid_cxr

CHEST = ("task=lesion_segmentation", "augment=none", "debug=fast", "baseline_samples=4")
REAL = ("data=real", *CHEST, "trainer=cpu", "model=unet_small", "model.encoder=tu-test_resnet", "data.size=64")


@pytest.fixture
def archives(tmp_path):
    return write_covid_cxr(tmp_path / "x"), write_covid_cxr(tmp_path / "y", patients=(7, 8))


def test_all_of_one_folder_trains_and_another_tests(archives, synthex_as_given, tmp_path):
    train, test = archives
    run = tmp_path / "run"
    roles = ("reader@data.train=covid_cxr", f"data.train.root={train}", "reader@data.test=covid_cxr")
    text = synthex_as_given(
        *("train", *REAL, "data.batch_size=2", "data.workers=0", *roles, f"data.test.root={test}"),
        f"paths.run_dir={run}",
    )
    assert "train     4 cases" in text
    assert json.loads((run / "summary.json").read_text())["cases"] == 2
    assert not {str(train), str(test)} & set((run / "config.yaml").read_text().split())  # no folder of data is kept
    synthex_as_given("predict", run, f"output={tmp_path / 'again'}", "device=cpu")
    assert len(json.loads((tmp_path / "again" / "predictions.json").read_text())["cases"]) == 2
    synthex_as_given("predict", run, "split=train", f"output={tmp_path / 'seen'}", "device=cpu")
    assert len(json.loads((tmp_path / "seen" / "predictions.json").read_text())["cases"]) == 4
    same = synthex_as_given(
        *("train", *REAL, "data.batch_size=2", *roles, f"data.test.root={train}", "paths.run_dir=other"), code=2
    )
    assert "the same images" in same


def test_simulated_and_two_real_images_mixed(archives, synthex, tmp_path):
    run = tmp_path / "run"
    roles = (
        "reader@data.train=mix",
        "reader@data.train.readers.real.reader=covid_cxr",
        "data.train.readers.real.count=2",
    )
    text = synthex(
        *("train", "task=lesion_segmentation", "carm=flat_panel", "test=false", "trainer.max_epochs=1", *roles),
        *(f"data.train.readers.real.reader.root={archives[0]}", "data.train.weights={simulated: 1, real: 1}"),
        f"paths.run_dir={run}",
    )
    assert "endless cases, mixed" in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("reader@data.train=covid_cxr",), "data.train.root"),
        (("reader@data.train=nope",), "nope"),
        (("reader@data.train=mix", "data=on_disk"), "data.train"),
        (("reader@data.train=hip_study", "data.train.root=nowhere"), "nowhere"),
    ],
)
def test_roles_that_cannot_be_filled_are_named(synthex_as_given, settings, said):
    assert said in synthex_as_given("train", "task=lesion_segmentation", *settings, "paths.run_dir=run", code=2)
