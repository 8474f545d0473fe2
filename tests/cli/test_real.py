"""Real radiographs in the study's tool folders: from our simulation and back, predicted, scored, pooled."""

import json
from pathlib import Path

import numpy as np
import pytest
from generators.tiny_commands import TINY
from generators.tool_archive import SIZES, write_tool_archive
from generators.toy_tool import write_config
from omegaconf import OmegaConf

from synthex.cli.main import main
from synthex.config.build import build_readers, build_task
from synthex.config.compose import compose
from synthex.data.real import ToolFolders

ON_DISK = (
    "data=on_disk",
    "trainer=cpu",
    "model=unet_small",
    "model.encoder=tu-test_resnet",
    "data.size=64",
    "data.batch_size=2",
    "data.workers=0",
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return write_tool_archive(tmp_path_factory.mktemp("archive"), folds=2)


@pytest.fixture(scope="module")
def run(cache_dir, archive, tmp_path_factory) -> Path:
    """A run trained for two steps on the training images of a fold: its names are those of the archive."""
    folder = tmp_path_factory.mktemp("toy")
    write_config(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arguments = ("task=toy_tool", *ON_DISK, f"data.train={archive / 'real' / 'Fold1' / 'train'}")
        assert main(["train", *arguments, "baseline_samples=2", "trainer.max_epochs=1", "paths.run_dir=run"]) == 0
    return folder / "run"


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def test_what_simulate_writes_is_read_as_the_studys_folders_are(synthex, cache_dir, tmp_path):
    write_config(tmp_path)
    arguments = ("task=toy_tool", "split=test", "count=3", "workers=0")
    synthex("simulate", *arguments, "format=tool_folders", "output=archive/Fold1/test")
    cfg = compose("train", ["task=toy_tool", *TINY, f"paths.cache_dir={cache_dir}", f"paths.output_dir={tmp_path}"])
    live = build_readers(cfg, build_task(cfg))["test"]
    reader = ToolFolders(tmp_path / "archive", fold=1)
    assert reader.case_ids() == live.case_ids()
    for index in range(3):
        found, wanted = reader[index], live[index]
        assert np.array_equal(found.image, wanted.image)
        assert np.array_equal(found.masks, wanted.masks)
        assert np.allclose(found.landmarks, wanted.landmarks, rtol=0, atol=1e-6, equal_nan=True)
        assert (found.visible | ~found.annotated).any()
        assert found.record["targets"] == wanted.record["targets"]
    assert "already complete" in synthex("simulate", *arguments, "format=tool_folders", "output=archive/Fold1/test")


def test_six_bones_do_not_fit_into_one_mask(synthex):
    error = synthex("simulate", "format=tool_folders", "output=out", code=2)
    assert "the task has 6 structures; choose format=hdf5" in error
    assert not Path("out").exists()


def test_predict_and_evaluate_real_folders(run, archive, synthex, tmp_path):
    text = synthex("predict", str(run), "real=tool_folders", f"real.root={archive}")
    found = run / "predictions" / "real-all-test"
    assert f"{2 * SIZES['test']} predictions: {found}" in text
    synthex("evaluate", str(found), "output=own")
    assert summary(Path("own"))["cases"] == 2 * SIZES["test"]
    assert summary(Path("own"))["subjects"] == 2
    # Per fold one tip nobody annotated, and one base outside.
    assert summary(Path("own"))["visible_landmarks"] == 2 * (6 - 2)
    assert summary(Path("own"))["absent_landmarks"] == 2
    lines = "\n".join(f"{case},somebody-{i}" for i, case in enumerate(ToolFolders(archive).case_ids()))
    Path("list.csv").write_text(f"case,subject\n{lines}\n")
    arguments = ("real=tool_folders", f"real.root={archive}", "real.subjects=list.csv", "output=told")
    synthex("evaluate", str(found), *arguments)
    assert summary(Path("told"))["subjects"] == 6
    assert summary(Path("told"))["dice_mean"] == summary(Path("own"))["dice_mean"]
    error = synthex("evaluate", str(found), *arguments[:2], "real.fold=1", "output=x", code=2)
    assert "has 3 cases that the dataset does not have, the first is fold2-test-00000" in error


def test_cases_name_no_folder(run, archive, synthex, tmp_path):
    synthex("predict", str(run), "real=tool_folders", f"real.root={archive}", "real.fold=2", "output=set")
    described = OmegaConf.load(tmp_path / "set" / "cases.yaml")
    assert described.folder.startswith("place-")  # a digest: the folder may have a patient's name
    text = (tmp_path / "set" / "cases.yaml").read_text()
    assert str(archive) not in text
    assert str(run.parent) not in text
    Path("list.csv").write_text("case,subject\n")
    arguments = ("real=tool_folders", f"real.root={archive}", "real.subjects=list.csv", "output=other")
    assert "give it to `synthex evaluate`" in synthex("predict", str(run), *arguments, code=2)


def test_a_set_of_another_origin_says_its_task_itself(run, archive, synthex, tmp_path):
    real = ("real=tool_folders", f"real.root={archive}")
    synthex("predict", str(run), *real, "output=set")
    (tmp_path / "set" / "cases.yaml").unlink()
    error = synthex("evaluate", "set", *real, code=2)
    assert "set is for the task 'toy_tool', which conf/task does not have; say which: task=..." in error
    write_config(tmp_path)
    synthex("evaluate", "set", *real, "output=told")
    assert summary(Path("told"))["task"] == "toy_tool"
    synthex("evaluate", "compare={one:set,two:set/baseline}", *real, "output=both")
    assert json.loads(Path("both/comparison.json").read_text())["methods"][:2] == ["one", "two"]


@pytest.mark.long
def test_the_folds_sets_are_pooled(run, archive, synthex, tmp_path):
    real = ("real=tool_folders", f"real.root={archive}")
    for fold in (1, 2, "all"):
        synthex("predict", str(run), *real, f"real.fold={fold}", f"output=fold-{fold}")
    synthex("evaluate", "predictions=[fold-1,fold-2]", "output=pooled")
    synthex("evaluate", "fold-all", "output=whole")
    assert summary(Path("pooled")) == summary(Path("whole"))
    assert "dice_ci95_low" in summary(Path("pooled"))
    assert (tmp_path / "pooled" / "report.html").read_text().count("weights_sha256") == 2
    synthex("evaluate", "predictions=[fold-1,fold-2]", *real, "output=shared")
    assert summary(Path("shared")) == summary(Path("whole"))
    (tmp_path / "fold-2" / "baseline").rename(tmp_path / "elsewhere")
    text = synthex("evaluate", "predictions=[fold-1,fold-2]", "output=without")
    assert "no baseline is scored: fold-2/baseline does not exist" in text
    assert "baseline_dice_mean" not in summary(Path("without"))
    (tmp_path / "elsewhere").rename(tmp_path / "fold-2" / "baseline")
    for arguments, message in (
        (("predictions=[fold-1,fold-2]",), "say where to write: output=<folder>"),
        (("predictions=[fold-1,fold-1]", "output=x"), "fold-1 is there twice"),
        (("predictions=[fold-1,fold-all]", "output=x"), "has case fold1-test-00000, which"),
        (("predictions=[]", "output=x"), "no prediction set given"),
        (("predictions=[fold-1]", *real, "on_disk=fold-1"), "on_disk and real are both set"),
    ):
        assert message in synthex("evaluate", *arguments, code=2)


@pytest.mark.long
def test_methods_are_compared_on_the_same_cases(run, archive, synthex, tmp_path):
    real = ("real=tool_folders", f"real.root={archive}")
    for fold in (1, 2, "all"):
        synthex("predict", str(run), *real, f"real.fold={fold}", f"output=fold-{fold}")
    methods = "compare={whole:fold-all,folds:[fold-1,fold-2],trivial:fold-all/baseline}"
    text = synthex("evaluate", methods, "margins={dice:0.1}", "output=compared")
    assert "report: compared/report.html" in text
    found = json.loads(Path("compared/comparison.json").read_text())
    assert found["methods"] == ["whole", "folds", "trivial", "baseline of whole, folds"]  # one run's, so it is the same
    assert found["trivial"] == ["baseline of whole, folds"]
    pairs = {(row["first"], row["second"]) for row in found["differences"]}
    assert ("folds", "baseline of whole, folds") in pairs
    assert "baseline of whole, folds" in text
    assert found["cases"] == 2 * SIZES["test"]
    rows = {(row["quantity"], row["name"], row["method"]): row for row in found["figures"]}
    names = {name for _, name, _ in rows}
    for quantity in ("dice", "landmark_error_mm_all"):
        for name in names:
            if (quantity, name, "whole") in rows:
                for one, two in (("whole", "folds"), ("trivial", "baseline of whole, folds")):
                    assert rows[quantity, name, one]["mean"] == rows[quantity, name, two]["mean"]
    for method in ("whole", "folds", "trivial"):
        assert summary(Path("compared") / method)["cases"] == found["cases"]
    synthex("evaluate", methods, *real, "output=shared")
    again = json.loads(Path("shared/comparison.json").read_text())
    assert again["figures"] == found["figures"]
    for arguments, message in (
        ((methods,), "say where to write: output=<folder>"),
        ((methods, "predictions=fold-all", "output=x"), "predictions and compare are both set"),
        (("compare={a:fold-all}", "output=x"), "needs at least two methods by name"),
        (("compare={a:fold-all,b:fold-1}", "output=x"), "fold-1/predictions.json: lacks 3 of 6 cases"),
        (("compare={a:fold-all,b:[fold-1,fold-1]}", "output=x"), "compare.b: fold-1 is there twice"),
        (("compare={a:fold-all/baseline,b:fold-1/baseline}", "output=x"), "cases.yaml: is missing"),
        ((methods, "margins={dise:0.1}", "output=x"), "there is no quantity dise"),
        (("fold-all", "margins={dice:0.1}", "output=x"), "margins are of a comparison"),
    ):
        assert message in synthex("evaluate", *arguments, code=2)
    cases = OmegaConf.load(tmp_path / "fold-1" / "cases.yaml")
    cases.folder = str(tmp_path)
    OmegaConf.save(cases, tmp_path / "fold-1" / "cases.yaml")
    error = synthex("evaluate", methods, "output=x", code=2)
    assert "fold-1: is on other cases than fold-all; predict one dataset with every method" in error


def test_mistakes_with_real_folders(run, archive, synthex, tmp_path):
    real = ("real=tool_folders", f"real.root={archive}")
    for arguments, message in (
        (
            (str(run), *real, "real.structures=[drill]"),
            "holds drill and the landmarks base, tip; the task toy_tool needs",
        ),
        ((str(run), "real=tool_folders"), "real.root is not set"),
        ((str(run), *real, "real.fold=7"), "fold=7: "),
        ((str(run), *real, "split=train"), "give real.split=train"),
        ((str(run), *real, "ct=."), "ct and real are both set"),
        ((str(run), "real=tool_folders", "real.root=nowhere"), "github.com/arcadelab/SyntheX"),
        ((str(run), "real=tool_folder"), "did you mean tool_folders"),
    ):
        assert message in synthex("predict", *arguments, "output=set", code=2)
