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

from synthex.cli.compose import compose
from synthex.cli.identity import config_hash
from synthex.cli.main import main
from synthex.cli.processes import first_rank

EXACT = (
    # Batch statistics are those of each process, and PyTorch can synchronise them on GPUs only.
    *("model.encoder=tu-test_efficientnet_gn", "+model.decoder_use_norm=instancenorm"),
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
def sweep(cache_dir, tmp_path_factory):
    """A sweep of two jobs of two processes each, and the first of them in one process."""
    folder = tmp_path_factory.mktemp("sweep")
    before = dict(os.environ)
    others = set(processes())
    common = settings(cache_dir, *EXACT)
    assert main(["train", *common, f"paths.run_dir={folder / 'one'}"]) == 0
    two = settings(cache_dir, *EXACT, *TWO)
    assert main(["train", "--multirun", *two, "seed=0,1", f"hydra.sweep.dir={folder / 'sweep'}"]) == 0
    # The warm-up of hydra's job sets nothing of ours.
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    assert not {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "NODE_RANK"} & changed
    assert set(processes()) <= others
    assert not torch.distributed.is_initialized()
    return folder


def test_every_job_of_a_sweep_trains_and_tests_in_its_own_folder(sweep):
    assert sorted(path.name for path in sweep.iterdir()) == ["one", "sweep"]
    assert sorted(path.name for path in (sweep / "sweep").iterdir()) == ["0", "1", "multirun.yaml"]
    wanted = {path.name for path in (sweep / "one").iterdir()}
    for job in (sweep / "sweep" / "0", sweep / "sweep" / "1"):
        assert {path.name for path in job.iterdir()} == wanted
        assert {"summary.json", "report.html", "config.yaml", "baseline.npz", "metrics.csv"} <= wanted
        assert json.loads((job / "summary.json").read_text())["cases"] == 3
        log = (job / "train.log").read_text()
        assert log.count("2 processes") == log.count("task      hip_landmarks") == 1
    jobs = [rows(sweep / "sweep" / name)[-1]["val/loss"] for name in "01"]
    assert jobs[0] != jobs[1]


def test_the_curve_of_two_processes_is_that_of_one_with_the_doubled_batch(sweep):
    """Bar: 1e-4, on the hip task's own loss."""
    one, two = rows(sweep / "one"), rows(sweep / "sweep" / "0")
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        assert a == pytest.approx(b, rel=0, abs=1e-4)


def test_a_run_of_two_processes_is_the_run_of_one(sweep, cache_dir, capfd):
    """It is left as it is, since it is finished; the settings are not others."""
    folder = sweep / "sweep" / "0"
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


@pytest.mark.parametrize("setting", MISTAKES)
def test_mistakes_are_one_line_and_leave_no_process(setting, synthex, tmp_path):
    before = processes()
    arguments = [s for s in (*TWO, setting) if s.split("=")[0] != setting.split("=")[0] or s == setting]
    error = synthex("train", *arguments, f"paths.run_dir={tmp_path / 'run'}", code=2)
    assert MISTAKES[setting] in error
    assert processes() == before


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "TORCHELASTIC_RUN_ID"])
def test_other_launchers_are_refused(variable, tiny, monkeypatch):
    monkeypatch.setenv(variable, "1")
    cfg = compose("train", [*tiny, "trainer.devices=2", "paths.output_dir=x"])
    with pytest.raises(Exception, match="start one a node"):
        first_rank(cfg)
    assert first_rank(compose("train", [*tiny, "paths.output_dir=x"])) is None


def test_slurm_says_where_the_first_node_is(tiny, monkeypatch):
    cfg = compose("train", [*tiny, "trainer.devices=4", "trainer.num_nodes=2", "paths.output_dir=x"])
    for name, value in {"SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "node[07-08]", "SLURM_JOB_ID": "4012345"}.items():
        monkeypatch.setenv(name, value)
    rank = first_rank(cfg)
    assert (rank.number, rank.world, rank.address, rank.port) == (4, 8, "node07", 17345)


def start(*arguments, **variables):
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
    before, run = processes(), tmp_path / "run"
    long = [*EXACT[:-1], *TWO, "trainer.max_epochs=2000", "callbacks.checkpoint.every_n_steps=2"]
    command = start("train", *settings(cache_dir, *long), f"paths.run_dir={run}")
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(command.stdout))
    reader.start()
    while not list(run.glob("checkpoints/step=*.ckpt")):
        assert command.poll() is None, lines
        time.sleep(0.5)
    other = next(iter(set(processes()) - set(before)))
    os.kill(command.pid if who == "first" else int(other), signal.SIGKILL)
    code = command.wait(120)
    reader.join(30)
    assert gone(before)
    if who == "other":
        assert code == 2
        assert any("was killed by signal 9" in line for line in lines)
    assert not list(run.rglob("summary.json"))
    done = sorted(run.glob("checkpoints/step=*.ckpt"))[-1]
    short = f"trainer.max_steps={int(done.stem[5:]) + 2}"
    # As many steps more, in one process; the schedule's length is another, so only that it goes on is compared.
    again = start("train", *settings(cache_dir, *long), short, f"paths.run_dir={run}")
    assert "other settings (trainer.max_steps)" in again.communicate(timeout=200)[0]


@pytest.mark.slow
def test_two_nodes_train_as_one(sweep, cache_dir, tmp_path):
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
    for a, b in zip(rows(sweep / "one"), rows(tmp_path / "node-0" / "run"), strict=True):
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
