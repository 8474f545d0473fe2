"""Jobs that are skipped, go on, fail and are shared."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generators.studies import fake_job, last_json, ran

from synthex.studies import CodeChangedError, Job, State, run_jobs
from synthex.studies.lock import Lock, alive

GENERATORS = Path(__file__).parents[1]


def run(jobs, **settings):
    lines = []
    outcome = run_jobs(jobs, report=lines.append, poll_s=0.01, **settings)
    return outcome, lines


@pytest.fixture
def jobs(tmp_path):
    return [fake_job(tmp_path / name) for name in "abc"]


def test_each_job_runs_once_its_steps_in_order(jobs):
    outcome, lines = run(jobs)
    assert outcome.done == jobs
    assert [ran(job) for job in jobs] == [["train", "tests"]] * 3
    assert [job.state() for job in jobs] == [State.DONE] * 3
    assert lines[0] == "[1/3] a"
    assert "2 left" in lines[1]
    outcome, lines = run(jobs)
    assert (outcome.before, outcome.done, lines) == (jobs, [], [])
    assert ran(jobs[0]) == ["train", "tests"]


def test_a_failing_job_keeps_its_log_and_the_others_go_on(tmp_path):
    jobs = [fake_job(tmp_path / "a"), fake_job(tmp_path / "b", code=3), fake_job(tmp_path / "c")]
    outcome, lines = run(jobs)
    assert [job.label for job in outcome.done] == ["a", "c"]
    assert outcome.failed == [(jobs[1], "train: exit code 3: it went wrong here")]
    assert "it went wrong here" in (tmp_path / "b" / "log.txt").read_text()
    assert any(line.startswith("failed: b: train: exit code 3") and "log.txt" in line for line in lines)
    assert jobs[1].state() is State.FAILED
    outcome, _ = run(jobs)  # told again, not tried again
    assert (ran(jobs[1]), len(outcome.failed)) == (["train"], 1)
    mended = fake_job(tmp_path / "b")
    outcome, _ = run([jobs[0], mended], retry=True)
    assert outcome.done == [mended]
    assert not (tmp_path / "b" / "failed.json").exists()


def test_the_limit_counts_started_jobs_and_leaves_what_only_others_need(tmp_path):
    needs = [fake_job(tmp_path / f"need{index}", steps=("simulate",), counted=False) for index in range(2)]
    jobs = [fake_job(tmp_path / name, needs=(needs[index],)) for index, name in enumerate("ab")]
    outcome, lines = run(jobs, limit=1)
    assert (outcome.done, outcome.left) == ([jobs[0]], [jobs[1]])
    assert lines[0] == "[prepare] need0"
    assert not ran(needs[1])
    outcome, _ = run(jobs, limit=0)
    assert (outcome.before, outcome.left) == ([jobs[0]], [jobs[1]])


def test_what_needs_a_failed_one_fails_with_its_reason(tmp_path):
    need = fake_job(tmp_path / "need", steps=("simulate",), counted=False, code=1)
    outcome, _ = run([fake_job(tmp_path / "a", needs=(need,)), fake_job(tmp_path / "b")])
    assert [job.label for job in outcome.done] == ["b"]
    assert outcome.failed[1][1] == "what it needs failed: simulate: exit code 1: it went wrong here"


def test_what_only_finished_jobs_need_is_not_made_again(tmp_path):
    need = fake_job(tmp_path / "need", steps=("simulate",), counted=False)
    jobs = [fake_job(tmp_path / "a", needs=(need,))]
    run(jobs)
    shutil.rmtree(need.folder)
    outcome, lines = run(jobs)
    assert (outcome.before, lines, need.folder.exists()) == (jobs, [], False)


def test_what_is_needed_may_need_more_which_is_made_first_and_only_if_it_is_missing(tmp_path):
    images = fake_job(tmp_path / "images", steps=("simulate",), counted=False)
    weights = fake_job(tmp_path / "weights", steps=("learn",), counted=False, needs=(images,))
    jobs = [fake_job(tmp_path / "a", needs=(weights,))]
    outcome, lines = run(jobs)
    assert outcome.done == jobs
    assert [line for line in lines if line.startswith("[")] == ["[prepare] images", "[prepare] weights", "[1/1] a"]
    shutil.rmtree(images.folder)
    shutil.rmtree(jobs[0].folder)
    outcome, lines = run(jobs)
    assert [line for line in lines if line.startswith("[")] == ["[1/1] a"]
    assert not images.folder.exists()


def test_a_job_without_its_data_is_told_apart_from_a_failed_one(tmp_path):
    need = fake_job(tmp_path / "need", steps=("simulate",), counted=False)
    outcome, _ = run([fake_job(tmp_path / "a", missing=("archive",), needs=(need,))])
    assert [job.label for job in outcome.without_data] == ["a"]
    assert not ran(outcome.without_data[0])
    assert not ran(need)


def test_finished_steps_of_a_cut_job_are_not_done_again(tmp_path):
    job = fake_job(tmp_path / "a")
    (tmp_path / "a").mkdir()
    job.begin()
    job.step_done("train")
    assert job.state() is State.CUT
    run([job])
    assert ran(job) == ["tests"]


def test_a_job_over_its_budget_is_stopped_with_all_it_started(tmp_path):
    job = fake_job(tmp_path / "a", seconds=60, budget_s=0.5)
    outcome, _ = run([job])
    assert "over its budget of 0 s" in outcome.failed[0][1]
    pid = int((tmp_path / "a" / "ran.txt").read_text().split()[1])
    assert not alive(pid)
    assert not Lock(job.folder).held()


def test_changed_code_stops_before_the_next_job(jobs):
    looks = iter([True, False])
    with pytest.raises(CodeChangedError, match="has changed"):
        run(jobs, unchanged=lambda: next(looks))
    assert [job.state() for job in jobs] == [State.DONE, State.WAITING, State.WAITING]


MEET = """
import sys, time
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
(folder / f"{name}.here").touch()
until = time.monotonic() + 60
while len(list(folder.glob("*.here"))) < 4:
    time.sleep(0.01)
    if time.monotonic() > until:
        sys.exit("the others have not come")
"""


def test_several_at_once_run_together(tmp_path):
    jobs = [Job(tmp_path / one, one, (("train", (sys.executable, "-c", MEET, str(tmp_path), one)),)) for one in "abcd"]
    outcome, _ = run(jobs, at_once=4)
    assert {job.label for job in outcome.done} == {*"abcd"}  # each has seen all others begin


def test_only_tables_and_settings_are_left_where_only_figures_are_kept(tmp_path):
    folder = tmp_path / "a"
    for name in ("checkpoints/best.ckpt", "checkpoints/step=00000004.ckpt", "predictions/test/masks.h5", "config.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    for name in ("baseline/x", "evaluation/dice.csv", "evaluation/overlays/x.png"):
        (folder / "predictions/test" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "predictions/test" / name).write_text("x")
    run([fake_job(folder, keep="weights")])
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["best.ckpt"]
    fake_job(folder, keep="figures").finish(1.0)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in left if "/" in name} == {"predictions/test/evaluation/dice.csv"}
    assert "config.yaml" in left


SCRIPT = """
import json, sys
sys.path.insert(0, {path!r})
from pathlib import Path
from generators.studies import fake_job
from synthex.studies import run_jobs
jobs = [fake_job(Path({folder!r}) / str(index), seconds={seconds}) for index in range({count})]
outcome = run_jobs(jobs, report=lambda line: print(line, flush=True), poll_s=0.02)
print(json.dumps([job.label for job in outcome.done]))
"""


def start(folder, count, seconds):
    code = SCRIPT.format(path=str(GENERATORS), folder=str(folder), count=count, seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_two_processes_share_the_jobs_and_no_job_runs_twice(tmp_path):
    both = [start(tmp_path, 6, 0.2) for _ in range(2)]
    done = [json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in both]
    assert sorted(done[0] + done[1]) == [str(index) for index in range(6)]
    for index in range(6):
        assert ran(fake_job(tmp_path / str(index))) == ["train", "tests"]


def test_a_killed_study_takes_its_jobs_along_and_the_next_one_goes_on(tmp_path):
    process = start(tmp_path, 3, 2.0)
    other = fake_job(tmp_path / "1")
    while "train" not in ran(other):
        assert process.poll() is None
        time.sleep(0.02)
    child = int((other.folder / "ran.txt").read_text().split()[1])
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    for _ in range(200):
        if not alive(child):
            break
        time.sleep(0.02)
    assert not alive(child)
    assert other.state() is State.CUT
    jobs = [fake_job(tmp_path / str(index)) for index in range(3)]
    outcome, _ = run(jobs)
    assert (outcome.before, outcome.done) == ([jobs[0]], jobs[1:])
    assert ran(jobs[0]) == ["train", "tests"]
    assert ran(other) == ["train", "train", "tests"]
    assert last_json(other.folder / "job.json")["label"] == "1"
