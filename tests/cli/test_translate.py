"""Translators from the command line: trained, resumed, applied offline and while training runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from generators.tiny_commands import TINY
from omegaconf import OmegaConf

from synthex.adaptation.translation import load_translator
from synthex.cli.main import main
from synthex.data import open_export

SMALL = (
    *("trainer=cpu", "data.size=64", "data.workers=0", "cyclegan.generator.width=4", "cyclegan.generator.blocks=1"),
    *("cyclegan.discriminator.width=4", "cyclegan.discriminator.layers=2", "cyclegan.pool=2", "shown=2"),
    "trainer.log_every_n_steps=1",
)


@pytest.fixture(scope="module")
def sets(cache_dir, tmp_path_factory) -> Path:
    """Four simulated images (``source``), and four of the same phantom with another look (``target``)."""
    folder = tmp_path_factory.mktemp("sets")
    for name, level in (("source", "naive"), ("target", "processed")):
        arguments = [f"simulation={level}", "count=4", "workers=0", "format=hdf5", f"output={folder / name}"]
        assert main(["simulate", *TINY, f"paths.cache_dir={cache_dir}", *arguments]) == 0
    return folder


def train(sets, run, *overrides):
    given = [f"data.train={sets / 'source'}", f"real_on_disk={sets / 'target'}", f"paths.run_dir={run}"]
    return ["translate", "train", "data=on_disk", *SMALL, *given, "trainer.max_epochs=2", *overrides]


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory) -> Path:
    """A translator of eight steps; to be read, not written."""
    folder = tmp_path_factory.mktemp("translator") / "run"
    assert main(train(sets, folder)) == 0
    return folder


def failing(arguments, capfd):
    capfd.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    return line


def test_a_run_has_its_translator_its_config_its_figures_and_a_picture(run):
    assert load_translator(run).size == 64
    assert OmegaConf.load(run / "config.yaml").cyclegan.pool == 2
    assert "train/accuracy_real" in (run / "metrics.csv").read_text()
    assert (run / "translations.png").stat().st_size > 1000
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == [
        "step=00000004.ckpt",
        "step=00000008.ckpt",
    ]


def test_a_cut_run_goes_on_to_the_same_translator(run, sets, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    (copy / "checkpoints" / "step=00000008.ckpt").unlink()
    (copy / "translator.pt").unlink()
    assert main(train(sets, copy)) == 0
    assert load_translator(copy).digest == load_translator(run).digest


def test_a_translated_set_has_the_labels_of_its_source_and_can_be_finished(run, sets, tmp_path, capfd):
    output = tmp_path / "translated"
    command = ["translate", "apply", str(run), f"on_disk={sets / 'source'}", f"output={output}", "device=cpu"]
    assert main(command) == 0
    text = capfd.readouterr().out
    assert "structure: edges along the labels' borders" in text
    source, found = open_export(sets / "source"), open_export(output)
    assert found.case_ids() == source.case_ids()
    for index in range(4):
        one, other = source[index], found[index]
        assert np.array_equal(one.masks, other.masks)
        assert np.array_equal(one.landmarks, other.landmarks, equal_nan=True)
        assert not np.array_equal(one.image, other.image)
        assert other.record["translation"]["translator"] == load_translator(run).digest
    structure = json.loads((output / "structure.json").read_text())
    assert set(structure["cases"]) == set(source.case_ids())
    assert structure["mean"]["retained"] > 0
    images = (output / "images.h5").read_bytes()
    assert main(command) == 0
    assert "is already complete" in capfd.readouterr().out
    assert (output / "images.h5").read_bytes() == images
    assert "holds another export" in failing([*command, "format=folder"], capfd)


def test_a_translator_that_leaves_no_edges_is_warned_about(run, sets, tmp_path, capfd):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    content = torch.load(copy / "translator.pt", weights_only=True)
    content["state_dict"] = {name: torch.zeros_like(value) for name, value in content["state_dict"].items()}
    torch.save(content, copy / "translator.pt")
    capfd.readouterr()
    assert main(["translate", "apply", str(copy), f"on_disk={sets / 'source'}", f"output={tmp_path / 'x'}"]) == 0
    warnings = [line for line in capfd.readouterr().out.splitlines() if line.startswith("warning: only")]
    assert len(warnings) == 1


def test_training_sees_what_is_on_disk_translated_before(run, sets, tmp_path, cache_dir):
    """On the fly and offline are one: the same weights come out of both."""
    offline = tmp_path / "translated"
    assert main(["translate", "apply", str(run), f"on_disk={sets / 'source'}", f"output={offline}", "device=cpu"]) == 0
    common = [*TINY[:3], "data.size=64", "data.batch_size=2", "data.workers=0", "data=on_disk", "test=false"]
    common += ["trainer.max_epochs=1", "baseline_samples=0", "augment=regular"]
    for name, given in (
        ("fly", [f"data.train={sets / 'source'}", f"translator={run}"]),
        ("disk", [f"data.train={offline}"]),
        ("plain", [f"data.train={sets / 'source'}"]),
    ):
        assert main(["train", *common, *given, f"paths.run_dir={tmp_path / name}"]) == 0
    weights = {
        name: torch.load(tmp_path / name / "checkpoints" / "step=00000002.ckpt", weights_only=True)["state_dict"]
        for name in ("fly", "disk", "plain")
    }
    for key, value in weights["fly"].items():
        torch.testing.assert_close(value, weights["disk"][key], rtol=1e-4, atol=1e-5)
    assert any(not torch.allclose(value, weights["plain"][key], atol=1e-4) for key, value in weights["fly"].items())
    config = OmegaConf.load(tmp_path / "fly" / "config.yaml")
    assert config.translator == str(run)
    assert config.translator_digest == load_translator(run).digest


@pytest.mark.long
def test_mistakes_are_one_line(run, sets, tmp_path, capfd):
    source, target = f"data.train={sets / 'source'}", f"real_on_disk={sets / 'target'}"
    begin = ["translate", "train", "data=on_disk", *SMALL, f"paths.run_dir={tmp_path / 'x'}"]
    on_disk = ["train", "data=on_disk", source, *SMALL[:3], f"translator={run}", f"paths.run_dir={tmp_path / 'y'}"]
    hip = ["real=hip_study", "real.root=nowhere"]
    for arguments, words in (
        ([*begin, source], "no real images given; say where they are"),
        ([*begin, source, target, *hip], "both set"),
        ([*begin, source, *hip, "real.fold=1", "real.split=test"], "must not see the images of a test"),
        ([*begin, source, *hip], "nowhere"),
        ([*begin, source, "real_on_disk=nowhere"], "nowhere"),
        ([*begin, source, target, "data.size=62"], "data.size=62: give a multiple of 4"),
        ([*begin, source, target, "data.size=8"], "too small for cyclegan.discriminator.layers=2"),
        ([*begin, source, target, "cyclegan.generator.channels=3"], "radiographs have one channel"),
        ([*begin, source, target, "cyclegan.pool=-1"], "cyclegan.pool=-1"),
        ([*begin, source, target, "trainer.devices=2"], "a translator is trained by one process"),
        ([*begin, source, target, f"translator={run}"], "setting of `synthex train`"),
        (["translate", "apply", f"on_disk={sets / 'source'}"], "no translator given"),
        (["translate", "apply", run], "no on_disk given"),
        (["translate", "apply", "nowhere", f"on_disk={sets / 'source'}"], "nowhere: does not exist"),
        (["translate", "apply", sets, f"on_disk={sets / 'source'}"], "holds no translator.pt"),
        (["translate", "apply", run, f"on_disk={sets / 'source'}", f"output={sets / 'source'}"], "choose another"),
        (["translate"], "`synthex translate train` and `synthex translate apply`"),
        ([*on_disk, "data.normalization=minmax"], "data.normalization=minmax, but translator="),
        ([*on_disk, "data.size=32"], "data.size=32, but translator="),
        (["simulate", f"translator={run}"], "simulate first"),
    ):
        assert words in failing(arguments, capfd), arguments
