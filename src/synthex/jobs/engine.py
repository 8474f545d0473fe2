"""Running jobs with Snakemake: skips what is done, goes on with what was cut, survives what fails."""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from synthex.core import UserError, optional_import
from synthex.jobs.job import (
    DONE_FILE,
    ENDED_FILE,
    FAILED_FILE,
    JOB_FILE,
    LOG_FILE,
    Job,
    State,
    locked_folder,
    read_json,
)
from synthex.jobs.version import versions
from synthex.jobs.work import STOPPING, CodeChangedError, Work, duration

PLAN_FILE, ENGINE_LOG = "plan.json", "snakemake.log"

LOOK_S = 1.0
"""Between two looks at what jobs have come to: hundreds of files, maybe far away."""

RETRIES = 10
"""How often a job is submitted again that a cluster has cut, at its time limit or without a word."""


class EngineError(UserError):
    """Snakemake itself did not go on."""

    exit_code = 1


@dataclass
class Outcome:
    """What came of the jobs.

    Attributes:
        done: Finished now.
        before: Finished before.
        failed: Job to the reason, in one line.
        without_data: Jobs that need a folder nobody has given.
        left: Not started, because of the limit.
        cut: Neither done nor failed, though they were to be: killed, or told to stop.
    """

    done: list[Job] = field(default_factory=list)
    before: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    without_data: list[Job] = field(default_factory=list)
    left: list[Job] = field(default_factory=list)
    cut: list[Job] = field(default_factory=list)


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    *,
    main: str,
    at_once: int = 1,
    limit: int | None = None,
    retry: bool = False,
    warm: bool = False,
    executor: str = "local",
    options: Sequence[str] = (),
    conf: Sequence[Path] = (),
    code: tuple[str, ...] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run jobs until each is done, has failed, or is left because of ``limit``.

    Args:
        jobs: Jobs, in folders ``jobs/HASH``; what they need is in ``prepared/HASH``.
        folder: Of the study; another process that runs jobs in it is waited for.
        main: Module with the ``main(arguments)`` that runs a command.
        at_once: How many run at the same time.
        limit: How many are started at most; None for all.
        retry: Start those again that failed before.
        warm: Whether their processes are forks of one that has imported everything.
        executor: Snakemake's: ``local``, ``slurm``.
        options: Further arguments of Snakemake.
        conf: Folders of settings that count as code.
        code: Of code and settings when the jobs were named; None for now.
        report: Takes a line at a time.

    Raises:
        MissingExtraError: Snakemake is not installed.
        CodeChangedError: Code or settings have changed meanwhile; jobs that ran have come to their end.
        EngineError: Snakemake refuses its options, or breaks down.
    """
    code = versions(conf) if code is None else code
    with _alone(folder, report):
        before = [job for job in jobs if job.state() is State.DONE]
        waiting = [job for job in jobs if job not in before]
        outcome = Outcome(before=before, without_data=[job for job in waiting if job.missing])
        able = [job for job in waiting if not job.missing and (retry or not _failure(job))]
        chosen = able if limit is None else able[:limit]
        needed = {one.folder: one for job in chosen for one in _needs_first(job) if one.state() is not State.DONE}
        for one in needed.values():
            (one.folder / ENDED_FILE).unlink(missing_ok=True)
            if retry:
                (one.folder / FAILED_FILE).unlink(missing_ok=True)
        if needed:
            names = {f"{one.folder.parent.name}/{one.folder.name}": one for one in needed.values()}
            work = Work(main, names, os.getcwd(), warm, tuple(map(str, conf)), code)
            work.write(folder / PLAN_FILE)
            watch = _Watch(list(needed.values()), len(before), at_once, report)
            with watch:
                complaint = _snakemake(folder, main, at_once, executor, options)
            if versions(conf) != code:
                raise CodeChangedError
            if complaint and len(watch.waiting) == len(needed):  # it has not started one
                raise EngineError(f"Snakemake: {complaint} (log: {folder / ENGINE_LOG})")
    for job in waiting:
        reason = _failure(job)
        if job.state() is State.DONE:
            outcome.done.append(job)
        elif reason and not job.missing:
            outcome.failed.append((job, reason))
        elif not job.missing:
            (outcome.cut if job in chosen else outcome.left).append(job)
    return outcome


def _snakemake(folder: Path, main: str, at_once: int, executor: str, options: Sequence[str]) -> str:
    """Have Snakemake make what is in the plan; returns its complaint, empty if there is none."""
    command = [
        *("--snakefile", str(Path(__file__).with_name("Snakefile")), "--directory", str(folder), "--nolock"),
        *("--executor", executor, "--cores" if executor == "local" else "--jobs", str(at_once)),
        *("--keep-going", "--rerun-incomplete", "--rerun-triggers", "mtime", "--force-use-threads"),
        *("--scheduler", "greedy", "--config", f"main={main}"),
        *(() if executor == "local" else ("--retries", str(RETRIES))),
        *options,
    ]
    snakemake = optional_import("snakemake.cli", "studies")
    logging.getLogger("snakemake").propagate = False  # its log is for its file, not for Hydra's
    log = folder / ENGINE_LOG
    with (
        log.open("a", encoding="utf-8") as file,
        contextlib.redirect_stderr(file),
        contextlib.chdir(folder),
        _own_signals(),
    ):
        try:
            snakemake.main(command)
        except SystemExit as end:
            if not end.code:
                return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return lines[-1] if lines else "no word of it"


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Put handlers of signals back, and pass on that this process was told to stop."""
    STOPPING.clear()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
        if STOPPING.is_set():
            raise KeyboardInterrupt


@contextlib.contextmanager
def _alone(folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Keep other processes from the study's folder; wait for one that is there."""
    lock = locked_folder(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(f"another process runs jobs in {folder}; waiting for its end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _failure(job: Job) -> str:
    """Why a job has failed, or what it needs; empty if neither has."""
    for need in job.needs:
        if reason := _failure(need):
            return f"what it needs failed: {reason.removeprefix('what it needs failed: ')}"
    return job.failure() if job.state() is State.FAILED else ""


def _needs_first(job: Job) -> Iterator[Job]:
    """A job after all that it needs, but nothing that only what is done needs."""
    for need in job.needs:
        if need.state() is not State.DONE:
            yield from _needs_first(need)
    yield job


class _Watch:
    """Tells what jobs come to, wherever they run, as their folders say."""

    def __init__(self, jobs: Sequence[Job], before: int, at_once: int, report: Callable[[str], None]) -> None:
        self.waiting = {job.folder: (job, _written(job)) for job in jobs}
        self.begun: dict[Path, Job] = {}
        self.total = before + sum(job.counted for job in jobs)
        self.place, self.at_once, self.report = before, at_once, report
        self.seconds: list[float] = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.end.set()
        self.thread.join()
        self.look()

    def _watch(self) -> None:
        while not self.end.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        for job, written in list(self.waiting.values()):
            if _written(job) != written:
                del self.waiting[job.folder]
                self.begun[job.folder] = job
                self.place += job.counted
                self.report(f"{f'[{self.place}/{self.total}]' if job.counted else '[prepare]'} {job.label}")
        for job in list(self.begun.values()):
            if (job.folder / DONE_FILE).exists():
                found = read_json(job.folder / DONE_FILE)
                seconds = float(found["seconds"]) if isinstance(found, dict) else 0.0
                self.report(f"done in {duration(seconds)}: {job.label}{self._left(job, seconds)}")
            elif reason := _failed(job):
                self.report(f"failed: {job.label}: {reason} (log: {job.folder / LOG_FILE})")
            else:
                continue
            del self.begun[job.folder]

    def _left(self, job: Job, seconds: float) -> str:
        if not job.counted:
            return ""
        self.seconds.append(seconds)
        left = sum(one.counted for one, _ in self.waiting.values())
        left += sum(one.counted for one in self.begun.values()) - 1
        mean = sum(self.seconds) / len(self.seconds)
        return f"; {left} left, about {duration(left * mean / self.at_once)}" if left else ""


def _failed(job: Job) -> str:
    return job.failure() if (job.folder / FAILED_FILE).exists() else ""


def _written(job: Job) -> int:
    """When its ``job.json`` was written, which happens at its start; 0 without."""
    try:
        return (job.folder / JOB_FILE).stat().st_mtime_ns
    except OSError:
        return 0
