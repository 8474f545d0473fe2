"""Array jobs of a real Slurm of one node: pre-empted, requeued, gone on with, and found again by a killed sweep."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from generators.pretend_training import starts
from generators.studies import fake_job, ran
from generators.tiny_commands import TINY

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "pretend_slurm.sh"
LAUNCHER = (
    *("hydra/launcher=slurm", "hydra.launcher.gpus_per_node=null", "hydra.launcher.cpus_per_task=1"),
    *("hydra.launcher.mem_gb=1", "hydra.launcher.poll_s=1", "hydra.sweep.dir=s"),
)
SECONDS = 900
"""Longest wait; a busy machine needs most of it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment of commands that talk to a Slurm which lives as long as these tests."""
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "srun")
    missing = [name for name in programs if shutil.which(name, path=environment["PATH"]) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("Slurm is started by root")
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([SCRIPT, "start", folder], env=environment, capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"Slurm does not start here: {started.stderr.strip().splitlines()[-1]}")
    yield environment | {"SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
    subprocess.run([SCRIPT, "stop", folder], env=environment, check=False)


@pytest.fixture
def begin(slurm):
    """Starts a sweep in the background; what is left of it at the end is killed."""
    running = []

    def start(log: Path, *arguments: str, **variables: str) -> subprocess.Popen:
        with log.open("ab") as file:
            command = [sys.executable, "-m", "synthex.cli.main", "train", "--multirun", *arguments, *LAUNCHER]
            running.append(
                subprocess.Popen(command, cwd=log.parent, env=slurm | variables, stdout=file, stderr=subprocess.STDOUT)
            )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def wait_for(condition, log):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)


def step(run: Path) -> int:
    """Of the newest checkpoint."""
    return max((int(path.stem[5:]) for path in (run / "checkpoints").glob("step=*.ckpt")), default=0)


def in_slurm(sweep: Path) -> list[str]:
    """Names of the jobs in Slurm, in the order in which they were submitted."""
    return sorted(json.loads((sweep / ".submitit" / "jobs.json").read_text()).values())


def told(environment, *command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def queue(environment) -> list[str]:
    """Jobs that Slurm has not done with."""
    return told(environment, "squeue", "--noheader", "--array", "--format=%i").split()


def restarts(environment, name: str) -> int:
    """How often a job was requeued."""
    return int(re.search(r"Restarts=(\d+)", told(environment, "scontrol", "show", "job", name))[1])


def test_an_array_of_two_jobs_is_preempted_requeued_and_finishes(slurm, begin, tmp_path):
    log, sweep = tmp_path / "log.txt", tmp_path / "s"
    settings = (*TINY, f"paths.cache_dir={tmp_path / 'cache'}", "trainer.max_epochs=15", "trainer.deterministic=true")
    parent = begin(log, *settings, "seed=0,1")
    wait_for(lambda: all(step(sweep / str(number)) >= 4 for number in (0, 1)), log)
    first, second = in_slurm(sweep)
    assert (first.partition("_")[0], {first[-2:], second[-2:]}) == (second.partition("_")[0], {"_0", "_1"})
    subprocess.run(["scontrol", "requeue", first], env=slurm, check=True)  # as pre-emption does: SIGTERM, then SIGKILL
    subprocess.run(["scancel", "--signal=USR2", second], env=slurm, check=True)  # as at the end of the time limit
    wait_for(lambda: parent.poll() is not None, log)
    assert parent.returncode == 0, log.read_text()[-3000:]
    assert [restarts(slurm, name) for name in (first, second)] == [1, 1]
    for number in (0, 1):
        assert (sweep / str(number) / "summary.json").is_file()
        text = (sweep / str(number) / "train.log").read_text()
        assert len(re.findall(r"going on from .*step=", text)) == 1
        assert step(sweep / str(number)) == 30
    assert "SIGUSR2: stopping, with a checkpoint of step" in (sweep / "1" / "train.log").read_text()
    # In a process of its own, with as many threads as the jobs had: what is learned depends on that in the last digits.
    alone = [
        sys.executable,
        "-m",
        "synthex.cli.main",
        "train",
        *settings,
        "seed=1",
        "test=false",
        "paths.run_dir=whole",
    ]
    subprocess.run([sys.executable, "-m", "synthex.cli.main", *alone], cwd=tmp_path, env=slurm, check=True)
    name = "checkpoints/step=00000030.ckpt"
    whole, cut = (torch.load(run / name, weights_only=True)["state_dict"] for run in (tmp_path / "whole", sweep / "1"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_a_killed_sweep_finds_its_jobs_in_the_queue_again(slurm, begin, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("from generators.pretend_training import pretend\n\npretend()\n")
    log, sweep = tmp_path / "log.txt", tmp_path / "s"
    variables = {"PRETEND": str(tmp_path), "PYTHONPATH": f"{site}:{ROOT / 'tests'}"}
    (tmp_path / "wait-0").touch()
    (tmp_path / "kill-1").write_text("1")
    parent = begin(log, "seed=0,1", **variables)
    wait_for(lambda: len(list(sweep.glob("*/starts.txt"))) == 2, log)
    wait_for(lambda: len(queue(slurm)) == 1, log)  # one waits, the other has died
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent = begin(log, "seed=0,1", **variables)
    wait_for(lambda: "#0 seed=0: still in Slurm as" in log.read_text(), log)
    (tmp_path / "wait-0").unlink()
    wait_for(lambda: parent.poll() is not None, log)
    assert parent.returncode == 0, log.read_text()[-3000:]
    assert [starts(sweep / str(number)) for number in (0, 1)] == [1, 2]
    (tmp_path / "kill-2").write_text("1")
    assert begin(log, "seed=0,1,2", **variables).wait(SECONDS) == 1
    failed = re.search(r"#2 seed=2: failed, it is gone from Slurm without a result \(log: (.*)\)", log.read_text())
    assert "Starting with JobEnvironment" in Path(failed[1]).with_suffix(".out").read_text()
    assert [starts(sweep / str(number)) for number in (0, 1, 2)] == [1, 2, 1]


STUDY = """
import sys
from pathlib import Path
from generators.studies import MAIN, fake_job
from synthex.jobs import run_jobs
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    images = fake_job(folder, "images", steps=("simulate",), counted=False)
    jobs = [fake_job(folder, str(index), seconds=20, code=3 * (index == 2), needs=(images,)) for index in range(4)]
    options = "--default-resources slurm_partition=main runtime=20 mem_mb=300 --slurm-no-account --latency-wait 60 "
    options += "--slurm-status-command squeue --slurm-init-seconds-before-status-checks 2 "
    options += "--seconds-between-status-checks 2"
    outcome = run_jobs(
        jobs, folder, main=MAIN, executor="slurm", at_once=4, options=options.split(),
        report=lambda line: print(line, flush=True),
    )
    print("done:", *(job.label for job in outcome.done), "failed:", *(job.label for job, _ in outcome.failed))
"""


def test_a_study_on_slurm_is_killed_and_loses_nothing_and_does_nothing_twice(slurm, tmp_path):
    script, folder, log = tmp_path / "study.py", tmp_path / "s", tmp_path / "log.txt"
    script.write_text(STUDY)
    # Snakemake's executor takes SLURM_CONF from its steps: on other clusters the file lies where Slurm looks by itself.
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    real = shutil.which("srun", path=slurm["PATH"])
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={slurm["SLURM_CONF"]} exec {real} "$@"\n')
    srun.chmod(0o755)
    environment = slurm | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "PATH": f"{srun.parent}:{slurm['PATH']}"}

    def start():
        with log.open("ab") as file:
            command = [sys.executable, str(script), str(folder)]
            return subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)

    jobs = [fake_job(folder, str(index)) for index in range(4)]
    first = start()
    wait_for(lambda: sum(bool(ran(job)) for job in jobs) == 2 or first.poll() is not None, log)  # there are two cores
    first.kill()
    first.wait()
    assert len(queue(slurm)) >= 2  # they go on
    second = start()
    wait_for(lambda: second.poll() is not None, log)
    text = log.read_text()
    assert second.returncode == 0, text[-3000:]
    assert "failed: 2" in text.splitlines()[-1]
    assert [ran(job) for job in jobs] == [["train", "tests"]] * 2 + [["train"]] + [["train", "tests"]]
    assert ran(fake_job(folder, "images", counted=False)) == ["simulate"]
    wait_for(lambda: not queue(slurm), log)
    assert [job.state().value for job in jobs] == ["done", "done", "failed", "done"]
