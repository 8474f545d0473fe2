"""Trainings over several processes and simulations in shards, through the command line."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from generators.tiny_commands import TINY

from synthex.cli.main import main
from synthex.cli.train import with_devices
from synthex.config.compose import compose
from synthex.config.identity import config_hash
from synthex.core import ConfigError
from synthex.runs.company import first_rank

EXACT = (
    # Batch statistics are those of each process, and PyTorch can synchronise them on GPUs only.
    *("model.encoder=tu-test_efficientnet_gn", "+model.decoder_use_norm=false"),
    # Adam's first steps have the size of the rate whatever the gradient, so that rounding alone decides where there is
    # hardly any: within four steps its curves are 5e-4 apart.
    "optimizer=sgd",
    *("data.cases.val=5", "trainer.log_every_n_steps=1", "logger=csv", "trainer.max_epochs=2"),
)
TWO = ("trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=2")
"""Two processes with half the batch of :data:`TINY` each."""
TIMING = ("train/samples_per_s", "train/data_wait_share")


def settings(cache_dir, *arguments):
    """The tiny settings without those that are given otherwise."""
    given = {argument.split("=")[0].lstrip("+") for argument in arguments}
    kept = [s for s in (*TINY, f"paths.cache_dir={cache_dir}") if s.split("=")[0] not in given]
    return [*kept, *arguments]


def rows(run: Path) -> list[dict[str, float]]:
    with (run / "metrics.csv").open(newline="") as file:
        found = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [{name: value for name, value in row.items() if name not in TIMING} for row in found]


def processes() -> list[str]:
    """Command lines of all processes of trainings but the first ones."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # gone meanwhile
            continue
        if b"synthex.cli.rank" in words:
            found.append(path.parent.name)
    return found


@pytest.fixture(scope="module")
def alone(cache_dir, tmp_path_factory):
    """A run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    assert main(["train", *settings(cache_dir, *EXACT), f"paths.run_dir={run}"]) == 0
    return run


@pytest.fixture(scope="module")
def sweep(alone, cache_dir, tmp_path_factory):
    """A sweep of two jobs of two processes each, the first of which is the run of one process."""
    folder = tmp_path_factory.mktemp("sweep") / "jobs"
    variables, others = dict(os.environ), set(processes())
    two = settings(cache_dir, *EXACT, *TWO)
    assert main(["train", "--multirun", *two, "seed=0,1", f"hydra.sweep.dir={folder}"]) == 0
    changed = {name for name in {*variables, *os.environ} if variables.get(name) != os.environ.get(name)}
    assert not {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "NODE_RANK"} & changed
    assert set(processes()) <= others
    assert not torch.distributed.is_initialized()
    return folder


@pytest.mark.long
def test_every_job_of_a_sweep_trains_and_tests_in_its_own_folder(alone, sweep):
    assert sorted(path.name for path in sweep.iterdir()) == ["0", "1", "multirun.yaml"]
    wanted = {path.name for path in alone.iterdir()}
    for job in (sweep / "0", sweep / "1"):
        assert {path.name for path in job.iterdir()} == wanted
        assert {"summary.json", "report.html", "config.yaml", "baseline.npz", "metrics.csv"} <= wanted
        assert json.loads((job / "summary.json").read_text())["cases"] == 3
        log = (job / "train.log").read_text()
        assert log.count("2 processes") == log.count("task      hip_landmarks") == 1
    jobs = [rows(sweep / name)[-1]["val/loss"] for name in "01"]
    assert jobs[0] != jobs[1]


@pytest.mark.long
def test_the_curve_of_two_processes_is_that_of_one_with_the_doubled_batch(alone, sweep):
    """Bar: 1e-4, on the hip task's own loss. Dice is of masks cut at one half, where a pixel may tip over."""
    one, two = rows(alone), rows(sweep / "0")
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for name, value in a.items():
            assert value == pytest.approx(b[name], rel=0, abs=2e-3 if name == "val/dice" else 1e-4), name


def test_a_run_of_two_processes_is_the_run_of_one(sweep, cache_dir, capfd):
    """It is left as it is, since it is finished; the settings are not others."""
    folder = sweep / "0"
    before = (folder / "metrics.csv").read_bytes()
    assert main(["train", *settings(cache_dir, *EXACT), f"paths.run_dir={folder}", "test=false"]) == 0
    assert "going on from" in capfd.readouterr().out
    assert (folder / "metrics.csv").read_bytes() == before


def test_the_identity_of_a_run_is_that_of_its_whole_batch(tiny):
    def hash_of(*arguments):
        given = {argument.split("=")[0] for argument in arguments}
        kept = [s for s in tiny if s.split("=")[0] not in given]
        return config_hash(compose("train", [*kept, "paths.output_dir=x", *arguments]))

    assert hash_of(*TWO) == hash_of()
    assert hash_of("trainer.devices=[0,1]", "data.batch_size=2") == hash_of()
    assert hash_of("trainer.devices=2", "trainer.num_nodes=2", "data.batch_size=1") == hash_of()
    assert hash_of("trainer.devices=2") != hash_of()
    assert hash_of("trainer.sync_batchnorm=true") != hash_of()


MISTAKES = {
    "trainer.devices=none": "give a number of devices",
    "trainer.devices=0": "give a number of devices",
    "trainer.strategy=ddp_spawn": "use ddp",
    "trainer.sync_batchnorm=true": "on GPUs only",
    "trainer.num_nodes=2": "MASTER_ADDR",
    "data.batch_size=8": "does not fit 8 training samples",
}


@pytest.mark.parametrize(
    "setting", [pytest.param(s, marks=pytest.mark.slow) if "batch_size" in s else s for s in MISTAKES]
)
def test_mistakes_are_one_line_and_leave_no_process(setting, synthex, tmp_path):
    before = set(processes())
    arguments = [s for s in (*TWO, setting) if s.split("=")[0] != setting.split("=")[0] or s == setting]
    error = synthex("train", *arguments, f"paths.run_dir={tmp_path / 'run'}", code=2)
    assert MISTAKES[setting] in error
    assert set(processes()) <= before


def test_adaptation_trains_alone(tiny):
    cfg = compose("train", [*tiny, "adaptation=adda", "trainer.devices=2", "paths.output_dir=x"])
    with pytest.raises(ConfigError, match="adaptation trains in one process"):
        first_rank(cfg)


def test_other_launchers_are_refused(tiny, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    cfg = compose("train", [*tiny, "trainer.devices=2", "paths.output_dir=x"])
    with pytest.raises(Exception, match="start one a node"):
        first_rank(cfg)
    assert first_rank(compose("train", [*tiny, "paths.output_dir=x"])) is None


def test_torchrun_says_who_is_who(tiny, monkeypatch):
    said = {"TORCHELASTIC_RUN_ID": "none", "RANK": "5", "LOCAL_RANK": "1", "GROUP_RANK": "1", "WORLD_SIZE": "8"}
    for name, value in (said | {"LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node07", "MASTER_PORT": "29500"}).items():
        monkeypatch.setenv(name, value)
    cfg = compose("train", [*tiny, "paths.output_dir=x"])
    rank = first_rank(cfg)
    assert (rank.number, rank.world, rank.nodes, rank.address) == (5, 8, 2, "node07")
    assert (with_devices(cfg).trainer.devices, with_devices(cfg).trainer.num_nodes) == (4, 2)
    with pytest.raises(ConfigError, match="torchrun has started 8"):
        first_rank(compose("train", [*tiny, "trainer.devices=3", "paths.output_dir=x"]))


@pytest.mark.slow
def test_torchrun_trains_the_same_curve(alone, cache_dir, tmp_path):
    before, two = processes(), [*EXACT, "data.batch_size=2", f"paths.run_dir={tmp_path / 'run'}"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    command = [*torchrun, "-m", "synthex", "train", *settings(cache_dir, *two)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert gone(before)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    for a, b in zip(rows(alone), rows(tmp_path / "run"), strict=True):
        assert a == pytest.approx(b, rel=0, abs=1e-4)


def test_slurm_says_where_the_first_node_is(tiny, monkeypatch):
    cfg = compose("train", [*tiny, "trainer.devices=4", "trainer.num_nodes=2", "paths.output_dir=x"])
    for name, value in {"SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "node[07-08]", "SLURM_JOB_ID": "4012345"}.items():
        monkeypatch.setenv(name, value)
    rank = first_rank(cfg)
    assert (rank.number, rank.world, rank.address, rank.port) == (4, 8, "node07", 17345)


def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "synthex.cli.main", *arguments],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def gone(before, seconds=60):
    """Whether no process of a training is left after so many seconds at most."""
    until = time.monotonic() + seconds
    while set(processes()) - set(before) and time.monotonic() < until:
        time.sleep(0.5)
    return not set(processes()) - set(before)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["first", "other"])
def test_a_killed_process_takes_the_others_with_it_and_the_run_goes_on(who, cache_dir, tmp_path):
    before, run = set(processes()), tmp_path / "run"
    long = [*EXACT[:-1], *TWO, "trainer.max_epochs=2000", "callbacks.checkpoint.every_n_steps=2"]
    arguments = ("train", *settings(cache_dir, *long), f"paths.run_dir={run}")

    def steps() -> int:
        return max((int(path.stem[5:]) for path in run.glob("checkpoints/step=*.ckpt")), default=0)

    command = start(*arguments)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(command.stdout))
    reader.start()
    while steps() < 2:
        assert command.poll() is None, lines
        time.sleep(0.5)
    (other,) = set(processes()) - before
    os.kill(command.pid if who == "first" else int(other), signal.SIGKILL)
    code = command.wait(120)
    assert gone(before)
    reader.join(30)
    if who == "other":
        assert code == 2
        assert any("was killed by signal 9" in line for line in lines), lines
    reached = steps()

    command = start(*arguments)
    while steps() < reached + 2:
        assert command.poll() is None, command.communicate()
        time.sleep(0.5)
    command.terminate()
    text = command.communicate(timeout=120)[0]
    assert command.returncode == 128 + signal.SIGTERM
    assert "going on from" in text
    assert "stopped; to go on: synthex train" in text
    assert gone(before)


@pytest.mark.slow
def test_two_nodes_train_as_one(alone, cache_dir, tmp_path):
    """Two commands on this machine, as they would be called on two."""
    before = processes()
    nodes = [*EXACT, "trainer.num_nodes=2", "data.batch_size=2"]
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    commands = []
    for node in (1, 0):
        folder = tmp_path / f"node-{node}"
        folder.mkdir()
        commands.append(
            start(
                *("train", *settings(cache_dir, *nodes), f"paths.run_dir={folder / 'run'}"),
                NODE_RANK=str(node),
                **variables,
            )
        )
    texts = [command.communicate(timeout=280)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], texts
    assert gone(before)
    assert not list((tmp_path / "node-1").iterdir())
    for a, b in zip(rows(alone), rows(tmp_path / "node-0" / "run"), strict=True):
        assert a == pytest.approx(b, rel=0, abs=1e-4)


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_shards_make_the_export_that_one_machine_makes(synthex, tmp_path):
    arguments = ("split=test", "count=5", "format=both", "workers=0")
    synthex("simulate", *arguments, f"output={tmp_path / 'whole'}")
    parts = tmp_path / "parts"
    assert "shard 2/2" in synthex("simulate", *arguments, "shard=2/2", f"output={parts}")
    assert "lacks 1 of 2 shards (1/2)" in synthex("data merge", str(parts), code=2)
    assert "synthex data merge" in synthex("simulate", *arguments, f"output={parts}", code=2)
    synthex("simulate", *arguments, "shard=1/2", f"output={parts}")
    assert "going on after 2 of 2" in synthex("simulate", *arguments, "shard=1/2", f"output={parts}")
    assert "5 radiographs" in synthex("data merge", str(parts))
    whole = {path.relative_to(tmp_path / "whole"): path.read_bytes() for path in files(tmp_path / "whole")}
    assert {path.relative_to(parts): path.read_bytes() for path in files(parts)} == whole
    assert len(whole) == 5 * 3 + 5
    assert "already complete" in synthex("data merge", str(parts))
    assert "already complete" in synthex("simulate", *arguments, "shard=2/2", f"output={parts}")
    assert "holds another export" in synthex("simulate", *arguments, "seed=9", "split=train", f"output={parts}", code=2)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
