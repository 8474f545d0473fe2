import os
import subprocess
import sys
import time

import pytest

from synthex.cli.completion import candidates
from synthex.cli.main import COMMANDS, main


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from synthex.cli.main import main; main(['--help']); "
        "heavy = {'torch', 'numpy', 'hydra', 'albumentations', 'matplotlib'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    started = time.monotonic()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # The bar is one second; the process start itself is most of what is measured here.
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], ["synthex trian", "did you mean `synthex train`"]),
        (["xyz"], ["there is no such command", "simulate"]),
        (["data"], ["synthex data inspect PATH"]),
        (["benchmark"], ["synthex benchmark projection", "synthex benchmark datamodule"]),
        (["benchmark", "projction"], ["projction", "synthex benchmark projection"]),
        (["train", "trianer.max_epochs=3"], ["trianer.max_epochs", "did you mean trainer.max_epochs"]),
        (["train", "augmnt=strong"], ["augmnt", "did you mean augment"]),
        (
            ["train", "augment=strnog"],
            ["augment=strnog", "did you mean strong", "none, radiograph"],
        ),
        (["train", "experiment=hip/quikstart"], ["quikstart", "did you mean quickstart"]),
        (["train", "model.encodr=resnet34", "augment=none"], ["model.encodr", "model.encoder"]),
        (["train", "max_epochs=3"], ["max_epochs", "trainer.max_epochs"]),
        (["train", "+seed=3"], ["exists already"]),
        (["train", "seed=1,2"], ["--multirun"]),
        (["train", "name=a b=c"], ["quote values"]),
        (["simulate", "split=trian"], ["split=trian", "did you mean train"]),
        (["simulate", "format=hdf"], ["format=hdf", "did you mean hdf5"]),
        (["simulate", "count=0"], ["count=0"]),
        (["predict"], ["no run given"]),
        (["predict", "run=nowhere"], ["nowhere", "does not exist"]),
        (["evaluate", "nowhere"], ["nowhere", "does not exist"]),
        (["data", "inspect"], ["nothing to inspect"]),
        (["data", "inspect", "nowhere"], ["nowhere"]),
        (["train", "data.kind=disk"], ["data.kind=disk", "did you mean on_disk"]),
        (["train", "data.normalization=min_max"], ["data.normalization=min_max", "did you mean minmax"]),
        (["train", "data.size=big"], ["data.size=big", "whole number of at least 1"]),
        (["train", "data.size=0"], ["data.size=0", "at least 1"]),
        (["train", "data.size=64.5"], ["data.size=64.5"]),
        (["train", "data.size=64", "data.input_size=48"], ["data.input_size=48", "smaller than data.size=64"]),
        (["train", "data.input_size=0"], ["data.input_size=0", "at least 1"]),
        (["train", "data.batch_size=null"], ["data.batch_size=None"]),
        (["train", "seed=x"], ["seed=x", "whole number"]),
        (["evaluate", "set", "seed=x"], ["seed=x", "whole number"]),
        (["train", "data.spacing_mm=thin"], ["data.spacing_mm=thin"]),
        (["train", "data.fractions=0.5"], ["data.fractions=0.5", "three"]),
        (["train", "views.source_isocenter_mm=[1000,1100]"], ["1100", "carm.sdd_mm=1020.0"]),
        (["preview", "carm.rows=1000", "data.size=100"], ["data.size=100", "1000 x 1536", "square"]),
        (["train", "resume=maybe"], ["resume=maybe", "auto, never"]),
        (["train", "data=on_disk", "data.train=nowhere"], ["nowhere"]),
        (["train", "data.ct=nowhere"], ["nowhere"]),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, words, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "train":
        arguments = [*arguments, "hydra.output_subdir=null"]
    assert main(arguments) == 2
    error = capfd.readouterr().err.strip()
    assert len(error.splitlines()) == 1, error
    assert error.startswith("synthex")
    for word in words:
        assert word in error


def test_a_bad_value_deep_in_the_config_is_one_line(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["preview", "carm.pixel_mm=-1", "count=1", f"paths.cache_dir={tmp_path}"]) == 2
    error = capfd.readouterr().err.strip()
    assert len(error.splitlines()) == 1, error
    assert "-1" in error


def test_cfg_job_prints_the_composed_config(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--cfg", "job", "augment=none"]) == 0
    text = capfd.readouterr().out
    assert "synthex.augment.policies.none" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("synthex tr", "train "),
        ("synthex data ", "inspect "),
        ("synthex bench", "benchmark "),
        ("synthex benchmark d", "datamodule "),
        ("synthex benchmark projection pee", "peers="),
        ("synthex train augment=", "augment=strong"),
        ("synthex train augm", "augment="),
        ("synthex train trainer.max_ep", "trainer.max_epochs="),
        ("synthex train experiment=hip/q", "experiment=hip/quickstart"),
        ("synthex simulate form", "format="),
    ],
)
def test_completion(line, expected):
    assert expected in candidates(line)


def test_a_local_conf_adds_to_the_installed_one(capfd, tmp_path, monkeypatch):
    (tmp_path / "conf" / "augment").mkdir(parents=True)
    (tmp_path / "conf" / "augment" / "mine.yaml").write_text("_target_: synthex.augment.policies.none\n")
    (tmp_path / "conf" / "augment" / "strong.yaml").write_text("_target_: mine.strong\n")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--cfg", "job", "augment=mine"]) == 0
    assert "policies.none" in capfd.readouterr().out
    assert main(["train", "--cfg", "job"]) == 0
    assert "mine.strong" in capfd.readouterr().out
    assert main(["train", "augment=mien"]) == 2
    assert "mine" in capfd.readouterr().err


def test_runs_from_an_installed_wheel_in_an_empty_folder(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    assert (site / "synthex" / "conf" / "train.yaml").exists()
    assert (site / "synthex" / "experiments" / "hip_controlled" / "study.yaml").exists()
    code = (
        "import sys, synthex; from synthex.cli.main import main; print(synthex.__file__); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["train", "--cfg", "job", "experiment=hip/quickstart"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert str(site) in result.stdout
    assert "name: quickstart" in result.stdout


@pytest.mark.slow
def test_a_sweep_over_processes_fails_where_a_job_does(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--multirun", "hydra/launcher=joblib", "predictions=nowhere,neither"]) == 2
    assert capfd.readouterr().err.count("does not exist") == 2
