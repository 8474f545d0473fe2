"""Jobs that are skipped, go on, fail, and survive whatever ends the process that runs them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generators.studies import MAIN, fake_job, ran

from synthex.jobs import CodeChangedError, Job, State, run_jobs
from synthex.jobs.engine import EngineError
from synthex.jobs.job import prune

GENERATORS = Path(__file__).parents[1]


def run(jobs, folder, **settings):
    lines = []
    outcome = run_jobs(jobs, folder, main=MAIN, warm=True, report=lines.append, **settings)
    return outcome, lines


def begun(lines):
    return [line for line in lines if line.startswith("[")]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_each_job_runs_once_and_a_failing_one_takes_no_other_along(tmp_path):
    jobs = [fake_job(tmp_path, "a"), fake_job(tmp_path, "b", code=3), fake_job(tmp_path, "c")]
    outcome, lines = run(jobs, tmp_path)
    assert [job.label for job in outcome.done] == ["a", "c"]
    assert outcome.failed == [(jobs[1], "train: exit code 3: it went wrong here")]
    assert [ran(job) for job in jobs] == [["train", "tests"], ["train"], ["train", "tests"]]
    assert [job.state() for job in jobs] == [State.DONE, State.FAILED, State.DONE]
    assert begun(lines) == ["[1/3] a", "[2/3] b", "[3/3] c"]  # in their order
    assert any(line.startswith("failed: b: train: exit code 3") and "log.txt" in line for line in lines)
    outcome, lines = run(jobs, tmp_path)  # told again, not tried again
    assert (outcome.before, len(outcome.failed), lines) == ([jobs[0], jobs[2]], 1, [])
    mended = fake_job(tmp_path, "b")
    outcome, _ = run([jobs[0], mended], tmp_path, retry=True)
    assert (outcome.done, ran(mended)) == ([mended], ["train", "train", "tests"])
    assert [ran(job) for job in jobs[::2]] == [["train", "tests"]] * 2


def test_what_is_needed_is_made_first_once_and_only_for_jobs_that_can_use_it(tmp_path):
    images = fake_job(tmp_path, "images", steps=("simulate",), counted=False)
    weights = fake_job(tmp_path, "weights", steps=("learn",), counted=False, needs=(images,))
    broken = fake_job(tmp_path, "broken", steps=("simulate",), counted=False, code=1)
    other = fake_job(tmp_path, "other", steps=("simulate",), counted=False)
    jobs = [
        fake_job(tmp_path, "a", needs=(broken,)),
        fake_job(tmp_path, "b", needs=(weights,)),
        fake_job(tmp_path, "c", needs=(weights,)),
        fake_job(tmp_path, "d", needs=(other,), missing=("archive",)),
        fake_job(tmp_path, "e", needs=(other,)),
    ]
    outcome, lines = run(jobs, tmp_path, limit=2)
    assert begun(lines) == ["[prepare] broken", "[prepare] images", "[prepare] weights", "[1/2] b"]
    assert outcome.failed == [(jobs[0], "what it needs failed: simulate: exit code 1: it went wrong here")]
    assert (outcome.done, outcome.without_data, outcome.left) == ([jobs[1]], [jobs[3]], [jobs[2], jobs[4]])
    assert not ran(jobs[0])
    assert not ran(other)
    shutil.rmtree(images.folder)
    outcome, lines = run(jobs[:3], tmp_path)  # the weights are there
    assert begun(lines) == ["[2/2] c"]
    assert not images.folder.exists()


def test_finished_steps_of_a_cut_job_are_not_done_again_and_a_budget_ends_what_runs(tmp_path):
    cut = fake_job(tmp_path, "cut")
    cut.folder.mkdir(parents=True)
    cut.begin()
    cut.step_done("train")
    assert cut.state() is State.CUT
    slow = fake_job(tmp_path, "slow", seconds=60, budget_s=0.5)
    outcome, _ = run([cut, slow], tmp_path, at_once=2)
    assert ran(cut) == ["tests"]
    assert outcome.failed[0][1].startswith("train: over its budget of 0 s")
    assert not alive((slow.folder / "ran.txt").read_text().split()[1])


def test_changed_code_stops_before_the_next_job(tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    job = fake_job(tmp_path, "a")
    with pytest.raises(CodeChangedError, match="has changed"):
        run([job], tmp_path, conf=[conf], code=("1.0+edited", ""))
    assert job.state() is State.WAITING
    assert not ran(job)


def test_words_of_a_study_are_never_code(tmp_path):
    odd = "\"); import os; os.mkdir('hacked') # {wildcards.job} {0!r} $(touch hacked) `touch hacked`\n'''"
    folder = tmp_path / "jobs" / "0123456789abcdef"
    job = Job(folder, odd, ((odd, ((odd, str(folder), "0", "0"),)),), facts={odd: odd})
    outcome, _ = run([job], tmp_path)
    assert outcome.done == [job]
    assert (folder / "ran.txt").read_text().startswith(odd)
    assert not list(tmp_path.rglob("*hacked*"))


def test_what_snakemake_refuses_is_one_line(tmp_path):
    with pytest.raises(EngineError, match=r"Snakemake: .*--no-such-thing") as error:
        run([fake_job(tmp_path, "a")], tmp_path, options=["--no-such-thing"])
    assert "\n" not in str(error.value)


def test_only_tables_and_settings_are_left_where_only_figures_are_kept(tmp_path):
    folder = tmp_path / "a"
    for name in ("checkpoints/best.ckpt", "checkpoints/step=00000004.ckpt", "predictions/test/masks.h5", "config.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    for name in ("baseline/x", "evaluation/dice.csv", "evaluation/overlays/x.png"):
        (folder / "predictions/test" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "predictions/test" / name).write_text("x")
    prune(folder, "weights")
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["best.ckpt"]
    prune(folder, "figures")
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {"predictions/test/evaluation/dice.csv", "config.yaml"}


SCRIPT = """
import sys
sys.path.insert(0, {path!r})
from pathlib import Path
from generators.studies import MAIN, fake_job
from synthex.jobs import run_jobs
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    jobs = [fake_job(folder, str(index), seconds=float(sys.argv[2])) for index in range(3)]
    run_jobs(jobs, folder, main=MAIN, warm={warm}, report=lambda line: print(line, flush=True))
"""


@pytest.fixture
def start(tmp_path):
    """Starts a process that runs three jobs."""
    started = []

    def begin(seconds, warm=True):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.format(path=str(GENERATORS), warm=warm))
        command = [sys.executable, str(script), str(tmp_path / "s"), str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition, process, seconds=500.0):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.long
@pytest.mark.timeout(1200)  # each starts processes that import Snakemake: seconds, but not on a busy machine
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(
    ("number", "warm"),
    [(signal.SIGKILL, True), pytest.param(signal.SIGKILL, False, marks=pytest.mark.slow), (signal.SIGTERM, True)],
)
def test_what_ends_the_process_ends_its_jobs_and_the_next_one_goes_on(start, number, warm, tmp_path):
    jobs = [fake_job(tmp_path / "s", str(index)) for index in range(3)]
    process = start(3.0, warm)
    wait_for(lambda: "train" in ran(jobs[1]), process)
    child = (jobs[1].folder / "ran.txt").read_text().split()[1]
    os.kill(process.pid, number)
    process.communicate()
    for _ in range(500):
        if not alive(child):
            break
        time.sleep(0.02)
    assert not alive(child)
    assert jobs[1].state() is State.CUT
    outcome, _ = run(jobs, tmp_path / "s")
    assert (outcome.before, outcome.done) == ([jobs[0]], jobs[1:])
    assert [ran(job) for job in jobs] == [["train", "tests"], ["train", "train", "tests"], ["train", "tests"]]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_second_process_waits_for_the_first_and_does_nothing_twice(start, tmp_path):
    first = start(1.0)
    job = fake_job(tmp_path / "s", "0")
    wait_for(lambda: ran(job), first)
    second = start(1.0)
    assert "waiting for its end" in second.communicate(timeout=900)[0]
    assert first.wait(1) == second.returncode == 0
    assert [ran(fake_job(tmp_path / "s", str(index))) for index in range(3)] == [["train", "tests"]] * 3
