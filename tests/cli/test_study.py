"""Studies from the command line."""

import csv
import os
import subprocess
import sys
import time

import pytest
import yaml
from generators.studies import write_study
from generators.tiny_commands import TINY

from synthex.cli.main import main
from synthex.cli.studies import chosen_jobs
from synthex.config.compose import compose
from synthex.studies import read_study, study_folders
from synthex.sweeps.commands import shared_cores

PACKAGED = {"adaptation", "backbone", "covid", "hip_controlled", "hip_scaling", "randomization_ablation", "tool"}

SMALL = {
    "axes": {"augment": {"none": ["augment=none"], "strong": ["augment=strong"]}},
    "table": {"rows": ["augment"], "figures": ["landmark_error_mm", "dice"]},
    "unequal": [{"axis": "augment", "terms": ["optimizer"], "why": "tests change it"}],
    "sizes": {
        "tiny": {
            "overrides": [*TINY, "model.encoder=tu-test_resnet", "trainer.max_epochs=1", "baseline_samples=0"],
            "keep": "figures",
            "tests": {"simulated": []},
        }
    },
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder with a study of two jobs, ``small``."""
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments" / "small", SMALL)
    return tmp_path


def change(here, edit):
    path = here / "experiments" / "small" / "study.yaml"
    content = yaml.safe_load(path.read_text())
    edit(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def folders(*overrides):
    chosen = chosen_jobs(compose("study_status", ["study=small", "size=tiny", *overrides]))
    return [job.folder.name for job in chosen.of_jobs()]


def test_studies_of_the_folder_come_before_those_of_the_package(here):
    assert PACKAGED | {"small"} == set(study_folders())
    write_study(here / "experiments" / "tool", SMALL)
    assert study_folders()["tool"] == here / "experiments" / "tool"


def test_a_job_is_named_by_its_resolved_settings_and_the_code(here, monkeypatch):
    first = folders()
    assert len(set(first)) == 2
    assert folders() == first
    change(here, lambda study: study["sizes"]["tiny"]["overrides"].append("trainer.max_epochs=1"))  # the same
    change(here, lambda study: study["axes"].update(augment={"none": ["augment=none", "data.workers=1"], "strong": []}))
    assert folders() == first  # loading is no content, and strong is the default
    change(here, lambda study: study["axes"]["augment"]["none"].append("optimizer.lr=0.5"))
    second = folders()
    assert second[0] != first[0]
    assert second[1] == first[1]
    change(here, lambda study: study["sizes"]["tiny"]["tests"].update(simulated=["cases=2"]))
    third = folders()
    assert not {*third} & {*first, *second}
    (here / "conf" / "augment").mkdir(parents=True)
    (here / "conf" / "augment" / "strong.yaml").write_text("_target_: synthex.augment.policies.none\n")
    assert folders()[0] == third[0]
    assert folders()[1] != third[1]
    fourth = folders()
    monkeypatch.setattr("synthex.jobs.version.code_version", lambda: "1.0+edited")
    assert not {*folders()} & {*fourth}


def test_jobs_of_other_code_stand_for_these_only_where_that_is_asked_for(here, monkeypatch):
    prepare = {"images": {"command": "simulate", "overrides": ["count=1"]}}
    change(here, lambda study: study["sizes"]["tiny"].update(prepare=prepare))
    change(here, lambda study: study["sizes"]["tiny"]["tests"].update(simulated=["on_disk=<prepared:images>"]))
    monkeypatch.setattr("synthex.cli.study_run.MAIN", "generators.pretend_commands")
    assert main(["study", "run", "small", "size=tiny"]) == 0
    done = folders()
    monkeypatch.setattr("synthex.jobs.version.code_version", lambda: "1.0+edited")
    assert not {*folders()} & {*done}
    assert folders("any_code=true") == done


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("study run", "no study given; say which: synthex study run NAME"),
        ("study run smal size=tiny", "there is no such study; did you mean small?"),
        ("study status small size=tin", "did you mean tiny?"),
        ("study run small size=tiny only=augment:non", "did you mean none"),
        ("study run small size=tiny jobs=0", "jobs=0: give a whole number of at least 1"),
        ("study run small size=tiny warm=hot", "warm=hot"),
        ("study run small size=tiny limit=x", "limit=x: give a whole number"),
        ("study run small size=tiny roots=3", "roots=3: name each folder"),
        ("study run small size=tiny roots={tool:x}", "roots.tool: no job needs such a folder"),
        ("study", "synthex study"),
    ],
)
def test_a_mistake_is_one_line(command, words, here, capfd):
    assert main(command.split()) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert words in line


def test_an_override_that_train_does_not_have_is_found_before_anything_runs(here, capfd):
    change(here, lambda study: study["axes"]["augment"]["none"].append("optimizer.learning_rate=1"))
    assert main(["study", "run", "small", "size=tiny"]) == 2
    assert "optimizer.learning_rate: there is no such setting" in capfd.readouterr().err
    assert not list(here.glob("outputs/studies/small/jobs/*"))


def test_jobs_without_their_data_wait_and_are_told(here, capfd):
    change(here, lambda study: study["sizes"]["tiny"]["tests"].update(simulated=["ct=<root:cts>"]))
    before = folders()
    assert main(["study", "run", "small", "size=tiny"]) == 0
    assert "2 jobs wait for data; give their folders: 'roots={cts: <folder>}'" in capfd.readouterr().out
    assert main(["study", "run", "small", "size=tiny", "roots={cts: nowhere}"]) == 2
    assert "roots.cts=nowhere: does not exist" in capfd.readouterr().err
    assert folders() == before


def test_folders_of_any_name_get_into_the_commands(here):
    change(here, lambda study: study["sizes"]["tiny"]["tests"].update(simulated=["ct=<root:cts>/fold_<fold>"]))
    odd = here / "a folder, it's = odd"
    (odd / "fold_0").mkdir(parents=True)
    cfg = compose("study_run", ["study=small", "size=tiny"])
    job = chosen_jobs(cfg, {"cts": str(odd)}).of_jobs()[0]
    (predict,) = (command[2:] for command in job.facts["commands"] if command[1] == "predict")
    assert compose("predict", predict).ct == str(odd / "fold_0")
    assert job.folder.name == chosen_jobs(cfg).of_jobs()[0].folder.name


def test_failed_jobs_are_listed_and_end_with_an_error(here, capfd, monkeypatch):
    monkeypatch.setattr("synthex.cli.study_run.MAIN", "generators.pretend_commands")
    monkeypatch.setenv("PRETEND_CODE", "4")
    assert main(["study", "run", "small", "size=tiny"]) == 1
    found = capfd.readouterr()
    assert found.out.count("train: exit code 4: no luck") == 4  # when it happens and at the end
    assert "2 jobs of small failed" in found.err
    assert main(["study", "status", "small", "size=tiny"]) == 0
    assert "2 jobs: 2 failed" in capfd.readouterr().out


def test_jobs_at_the_same_time_share_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(16))
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    found = {}
    for at_once in (1, 2, 5, 16, 40):
        with shared_cores(at_once):
            found[at_once] = os.environ.get("NUMBA_NUM_THREADS"), os.environ.get("OMP_NUM_THREADS")
    assert found == {1: (None, None), 2: ("8", "8"), 5: ("3", "3"), 16: ("1", "1"), 40: ("1", "1")}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with shared_cores(16):
        assert os.environ["OMP_NUM_THREADS"] == "2"  # who says it is asked
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_the_list_shows_every_study_with_its_jobs(here, capfd):
    write_study(here / "experiments" / "broken", {"titel": "x"})
    assert main(["study", "list"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert all(name in text for name in (*PACKAGED, "small", "tiny: 2"))
    assert "did you mean" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_every_job_of_every_size_of_the_packaged_studies_composes(name, tmp_path):
    for size in read_study(study_folders()[name]).sizes:
        jobs = chosen_jobs(compose("study_status", [f"study={name}", f"size={size}", f"output={tmp_path}"])).of_jobs()
        assert len({job.folder for job in jobs}) == len(jobs) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_the_tiny_size_of_a_packaged_study_runs_and_has_its_table(name, tmp_path, cache_dir, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHEX_CACHE", str(cache_dir))
    assert main(["study", "run", name, "size=tiny", "limit=2"]) == 0, capfd.readouterr().out
    assert main(["study", "table", name, "size=tiny", "table=tables"]) == 0
    with (tmp_path / "tables" / "table.csv").open() as file:
        states = [row["state"] for row in csv.DictReader(file)]
    assert {"done", "partial"} & {*states}


_EXPORT = ("format=hdf5", "workers=0", "count=8")

PREPARED = {
    "folds": [1, 2],
    "overrides": [
        *("trainer=cpu", "model=unet_small", "model.encoder=tu-test_resnet", "data=on_disk"),
        *("data.train=<prepared:images>", "data.size=64", "data.batch_size=4", "data.workers=0"),
        *("trainer.max_epochs=3", "baseline_samples=0"),
    ],
    "prepare": {
        name: {"command": "simulate", "overrides": [*TINY[3:], f"data.phantoms.seed=<fold>{seed}", *_EXPORT]}
        for name, seed in (("images", ""), ("test", "1"))
    },
    "tests": {"seen": ["on_disk=<prepared:images>"], "other": ["on_disk=<prepared:test>"]},
}
"""A tiny size like that of the packaged studies: prepared images, two folds, two test sets."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_killed_twice_ends_with_the_table_of_an_undisturbed_one(here, cache_dir):
    change(here, lambda study: study["sizes"]["tiny"].update(PREPARED))
    environment = os.environ | {"SYNTHEX_CACHE": str(cache_dir), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

    def command(*words, output):
        return [sys.executable, "-m", "synthex.cli.main", "study", *words, "small", "size=tiny", f"output={output}"]

    def start(output):
        return subprocess.Popen([*command("run", output=output), "jobs=2"], env=environment, stdout=subprocess.PIPE)

    def finish(output):
        process = start(output)
        text = process.communicate()[0].decode()
        assert process.returncode == 0, text
        return text

    def done(output):
        """Every finished job and preparation, and when it was finished."""
        found = (here / output / "small").glob("*/*/done.json")
        return {path.parent.name: path.stat().st_mtime_ns for path in found}

    def figures(output):
        """Everything that was measured, to the last digit."""
        files = (here / output / "small" / "jobs").glob("*/predictions/*/evaluation/*.csv")
        return {"/".join(path.parts[-5:]): path.read_bytes() for path in files}

    def table(output):
        subprocess.run(command("table", output=output), env=environment, check=True, capture_output=True)
        return (here / output / "small" / "tables" / "tiny" / "table.csv").read_text()

    assert "4 done in" in finish("plain")
    jobs = here / "killed" / "small" / "jobs"
    finished = {}
    for seen in (
        lambda: list(jobs.glob("*/checkpoints/step=*.ckpt")),  # in the middle of a training
        lambda: list(jobs.glob("*/done.json")),  # one job done, another in the middle of something
    ):
        process = start("killed")
        while not seen():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.kill()
        process.communicate()
        assert finished.items() <= done("killed").items()
        finished = done("killed")
    counted = len(list(jobs.glob("*/done.json")))
    assert 1 <= counted < 4
    assert f"{4 - counted} done in" in finish("killed")
    assert finished.items() <= done("killed").items()  # none of them ran again
    assert "0 done in" in finish("killed")
    assert done("killed").keys() == done("plain").keys()  # none is lost
    assert figures("killed") == figures("plain")
    undisturbed = table("plain")
    assert [row["state"] for row in csv.DictReader(undisturbed.splitlines())] == ["done"] * 8
    assert table("killed") == undisturbed
