"""Feature alignment from the command line, for every task, on tiny archives of real radiographs."""

import csv
import json

import pytest
import torch
from generators.real_archives import write_covid_cxr, write_hip_pair
from generators.tool_archive import write_tool_archive

from synthex.config.adaptation import target_policy
from synthex.config.compose import compose

TINY = (
    *("trainer=cpu", "model=unet_small", "model.encoder=tu-test_resnet", "data.size=64", "data.batch_size=2"),
    *("data.workers=0", "trainer.max_epochs=-1", "trainer.max_steps=2", "trainer.log_every_n_steps=1"),
    *("baseline_samples=0", "adaptation.method.fresh_batches=false"),
)
ARCHIVES = {
    "hip": ("hip_landmarks", "hip_study", write_hip_pair, ("fold=3", "split=train")),
    "tool": ("tool_detection", "tool_folders", write_tool_archive, ("fold=4", "split=train")),
    "covid": ("lesion_segmentation", "covid_cxr", write_covid_cxr, ()),
}


def source(name, folder):
    """Overrides of a training on an archive, whose labelled images stand for simulated ones."""
    task, reader, write, _ = ARCHIVES[name]
    if not folder.exists():
        write(folder)
    extra = ["data.source.structures=[lesion,lungs]"] if name == "covid" else []
    where = [f"task={task}", *extra, "data=real", f"real@data.source={reader}", f"data.source.root={folder}"]
    return [*where, f"data.source.fold={2 if name == 'hip' else 1}", "data.source.split=train"]


def target(name, folder):
    _, reader, write, part = ARCHIVES[name]
    if not folder.exists():
        write(folder)
    where = [f"real@adaptation.target.source={reader}", f"adaptation.target.source.root={folder}"]
    return [*where, *(f"adaptation.target.source.{one}" for one in part)]


# The target of each is an archive of another task, of other structures, sizes and landmarks.
@pytest.mark.long
@pytest.mark.parametrize(("name", "other"), [("hip", "tool"), ("tool", "covid"), ("covid", "hip")])
def test_both_forms_train_test_and_resume_for_every_task(name, other, synthex_as_given, tmp_path):
    shared = (*TINY, *source(name, tmp_path / "archive"), *target(other, tmp_path / "target"))
    run, classic = tmp_path / "run", tmp_path / "classic"
    synthex_as_given("train", "adaptation=adda", *shared, f"paths.run_dir={run}")
    assert json.loads((run / "summary.json").read_text())["cases"] >= 1
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(0 <= float(row["align/decoder_accuracy_target"]) <= 1 for row in rows)
    names = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert names[-1] == "step=00000002.ckpt"  # the last weights, not those of the best validation
    assert "best.ckpt" not in names
    synthex_as_given(
        *("train", "adaptation=adda_classic", *shared, f"initial_weights={run}", "test=false"),
        f"paths.run_dir={classic}",
    )
    text = synthex_as_given(
        *("train", "adaptation=adda_classic", *shared, f"initial_weights={run}", "test=false"),
        f"paths.run_dir={classic}",
    )
    assert "going on from" in text
    first, second = (
        torch.load(folder / "checkpoints" / "step=00000002.ckpt", weights_only=True)["state_dict"]
        for folder in (run, classic)
    )
    moved = [key for key in first if key.startswith("network") and not torch.equal(first[key], second[key])]
    assert {key.split(".")[1] for key in moved} == {"encoder"}
    assert all(torch.equal(first[f"network{key[6:]}"], second[key]) for key in second if key.startswith("source"))
    synthex_as_given("predict", classic, f"output={tmp_path / 'again'}", "device=cpu")
    assert json.loads((tmp_path / "again" / "predictions.json").read_text())["cases"]


def test_the_policy_of_the_target_is_that_of_training_unless_another_is_chosen(tmp_path):
    made = [
        compose("train", ["adaptation=adda", "augment=regular", f"paths.output_dir={tmp_path}", *extra])
        for extra in ((), ("augment@adaptation.target.augment=none",))
    ]
    assert [target_policy(cfg)._target_.rpartition(".")[2] for cfg in made] == ["regular", "none"]
    assert compose("train", [f"paths.output_dir={tmp_path}"]).adaptation is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("adaptation=adda",), "neither is set; give images"),
        (("adaptation=adda", "adaptation.target.on_disk=nowhere"), "nowhere"),
        (("adaptation=adda", "adaptation.target.on_disk=a", "real@adaptation.target.source=covid_cxr"), "both are set"),
        (("adaptation=adda", "real@adaptation.target.source=covid_cxr"), "adaptation.target.source.root is not set"),
        (("adaptation=adda_classic", "adaptation.target.on_disk=a"), "give the run: initial_weights=<folder>"),
        (("adaptation=adda", "adaptation.method.levels.decodr=1", "adaptation.target.on_disk=a"), "decodr"),
        (("adaptation=addda",), "addda"),
        (
            ("adaptation=adda", "real@adaptation.target.source=tool_folders", "adaptation.target.source.root=a"),
            "test images are not for adapting to",
        ),
    ],
)
def test_impossible_adaptations_are_named_in_one_line(settings, said, synthex_as_given, tmp_path):
    (tmp_path / "somewhere").mkdir()
    base = ["trainer=cpu", "data=on_disk", "data.train=somewhere", "data.size=64", f"paths.run_dir={tmp_path / 'run'}"]
    assert said in synthex_as_given("train", *base, *settings, code=2)
    assert not (tmp_path / "run" / "config.yaml").exists()
