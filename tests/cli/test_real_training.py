"""Baselines on real radiographs: train on folds, fine-tune a simulated model on a few images."""

import json

import pytest
import yaml
from generators.real_archives import write_covid_cxr, write_deepfluoro, write_hip_pair
from generators.tool_archive import write_tool_archive

from synthex.config.compose import compose
from synthex.runs import write_package

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


def test_a_fold_is_held_out_and_a_few_images_fine_tune(archive, synthex_as_given, tmp_path):
    run = tmp_path / "real"
    source = f"data.source.root={archive}"
    synthex_as_given("train", "experiment=covid/real2real", *TINY, source, f"paths.run_dir={run}")
    summary = json.loads((run / "summary.json").read_text())
    held_out = summary["cases"]
    assert held_out >= 1
    index = (archive / "index.csv").read_text().splitlines()
    assert held_out < len(index) - 1
    synthex_as_given("predict", run, f"output={tmp_path / 'again'}", "device=cpu")
    found = json.loads((tmp_path / "again" / "predictions.json").read_text())
    assert len(found["cases"]) == held_out

    chosen = synthex_as_given("predict", run, f"output={tmp_path / 'chosen'}", "device=cpu", "lesion_above=validation")
    assert "images of the run's own split train" in chosen  # the fold itself is what is predicted
    assert len(json.loads((tmp_path / "chosen" / "predictions.json").read_text())["cases"]) == held_out

    tuned = tmp_path / "tuned"
    text = synthex_as_given(
        *("train", "experiment=covid/finetune", *TINY, source, "data.images=2", f"paths.run_dir={tuned}"),
        f"initial_weights={run}",
    )
    assert "starting from" in text
    assert yaml.safe_load((tuned / "config.yaml").read_text())["data"]["images"] == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [(("data.images=999",), "data.images=999"), (("initial_weights=nowhere",), "nowhere"), (("fold=77",), "77")],
)
def test_impossible_baselines_are_named(archive, synthex_as_given, tmp_path, settings, said):
    source = f"data.source.root={archive}"
    run = f"paths.run_dir={tmp_path / 'run'}"
    text = synthex_as_given("train", "experiment=covid/real2real", *TINY, source, run, *settings, code=2)
    assert said in text


@pytest.mark.parametrize(
    ("task", "write", "settings", "held_out"),
    [
        ("hip", write_hip_pair, ("fold=3",), ["03-0000", "03-0001"]),
        (
            "hip",
            lambda folder: write_deepfluoro(folder / "all.h5"),
            ("fold=3", "real@data.source=deepfluoro"),
            ["03-000", "03-001"],
        ),
        ("tool", write_tool_archive, ("fold=4",), [f"fold4-test-{number:05d}" for number in range(3)]),
    ],
    ids=("hip", "deepfluoro", "tool"),
)
def test_hip_and_tool_are_held_out_and_fine_tuned(task, write, settings, held_out, synthex_as_given, tmp_path):
    shared = (*TINY, *settings, f"data.source.root={write(tmp_path / 'archive')}")
    run, tuned = tmp_path / "real", tmp_path / "tuned"
    synthex_as_given("train", f"experiment={task}/real2real", *shared, f"paths.run_dir={run}")
    found = json.loads((run / "predictions" / "test" / "predictions.json").read_text())
    assert [case["case_id"] for case in found["cases"]] == held_out
    assert json.loads((run / "summary.json").read_text())["cases"] == len(held_out)
    trained = yaml.safe_load((run / "config.yaml").read_text())["data"]["source"]
    assert trained["split"] == "train"  # of the same fold: tests/data/real see to it that no case is on both sides
    start = write_package(run, tmp_path / "package", "# Tiny\n") if task == "tool" else run
    text = synthex_as_given(
        *("train", f"experiment={task}/finetune", *shared, "data.images=2", "test=false", f"paths.run_dir={tuned}"),
        f"initial_weights={start}",
    )
    assert "starting from" in text


@pytest.mark.parametrize("task", ["hip", "tool"])
def test_simulated_and_real_training_differ_in_their_images_only(task, tmp_path):
    shared = ("task", "model", "optimizer", "scheduler", "augment", "callbacks")
    configs = [
        compose("train", [f"experiment={task}/{name}", f"paths.output_dir={tmp_path}", *extra])
        for name, extra in (("sim2real", ()), ("real2real", ("data.source.root=somewhere",)))
    ]
    simulated, real = ({key: config[key] for key in shared} for config in configs)
    assert simulated == real
    loading = ("size", "input_size", "normalization", "batch_size")
    simulated, real = ({key: config.data[key] for key in loading} for config in configs)
    assert simulated == real
    data, trainer = configs[0].data, configs[0].trainer
    assert trainer.max_epochs * (data.samples_per_epoch // data.batch_size) == configs[1].trainer.max_steps
    assert configs[1].trainer.max_epochs == -1


def test_a_sweep_over_folds_has_the_folders_of_single_runs(synthex_as_given, tmp_path):
    shared = (*TINY, f"data.source.root={write_hip_pair(tmp_path / 'archive')}", "test=false")
    synthex_as_given("train", "--multirun", "experiment=hip/real2real", "fold=2", *shared)
    assert (tmp_path / "outputs/hip_real2real/fold2/config.yaml").exists()
    assert not (tmp_path / "multirun").exists()
    settings = compose("train", ["experiment=hip/finetune", *shared, f"paths.output_dir={tmp_path}"])
    assert settings.paths.run_dir == "outputs/hip_finetune/fold1_10"
