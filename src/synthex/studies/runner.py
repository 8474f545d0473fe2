"""Running jobs: skips what is done, goes on with what was cut, survives what fails, shares with other processes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthex.core import UserError
from synthex.studies.job import FAILED_FILE, LOG_FILE, Job, State
from synthex.studies.launch import Launcher, Started, spawn, stop
from synthex.studies.lock import Lock

TOUCH_S = 5.0
"""Between two signs of life in the locks that are held."""

LOOK_S = 2.0
"""Between two looks at what other processes have done: hundreds of files, maybe far away."""


class CodeChangedError(UserError):
    """The code or the settings are no longer those that the jobs were named by."""

    exit_code = 1


@dataclass
class Outcome:
    """What came of the jobs.

    Attributes:
        done: Finished now.
        before: Finished before, or by another process.
        failed: Job to the reason, in one line.
        without_data: Jobs that need a folder nobody has given.
        left: Not started, because of the limit.
    """

    done: list[Job] = field(default_factory=list)
    before: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    without_data: list[Job] = field(default_factory=list)
    left: list[Job] = field(default_factory=list)


def run_jobs(
    jobs: Sequence[Job],
    *,
    at_once: int = 1,
    limit: int | None = None,
    retry: bool = False,
    launch: Launcher = spawn,
    unchanged: Callable[[], bool] = lambda: True,
    report: Callable[[str], None] = lambda line: None,
    poll_s: float = 0.2,
) -> Outcome:
    """Run jobs until each is done, has failed, or is left because of ``limit``.

    Jobs that another process has locked are waited for, and taken over if it dies.

    Args:
        jobs: Jobs and, before them or not, those that they need.
        at_once: How many run at the same time.
        limit: How many of the counted ones are started at most; None for all.
        retry: Start those again that failed before.
        launch: Starts their processes.
        unchanged: Whether the code is still that of the jobs' names.
        report: Takes a line at a time.
        poll_s: Seconds between two looks.

    Raises:
        CodeChangedError: ``unchanged`` says no; running jobs are stopped.
    """
    return _Run(jobs, at_once, limit, retry, launch, unchanged, report, poll_s).run()


class _Run:
    def __init__(
        self,
        jobs: Sequence[Job],
        at_once: int,
        limit: int | None,
        retry: bool,
        launch: Launcher,
        unchanged: Callable[[], bool],
        report: Callable[[str], None],
        poll_s: float,
    ) -> None:
        self.at_once, self.limit, self.retry, self.poll_s = at_once, limit, retry, poll_s
        self.launch, self.unchanged, self.report = launch, unchanged, report
        # What a job needs comes just before it: a limit leaves out the preparations of those that it leaves out.
        self.waiting = list({one.folder: one for job in jobs for one in _needs_first(job)}.values())
        self.total = sum(job.counted for job in self.waiting)
        self.running: list[_Running] = []
        self.failed: dict[Path, str] = {}
        self.outcome = Outcome()
        self.started = 0
        self.seconds: list[float] = []
        self.told = False

    def run(self) -> Outcome:
        try:
            moved, looked = True, 0.0
            while self.waiting or self.running:
                if moved or time.monotonic() - looked > LOOK_S:
                    moved, looked = self._settle(), time.monotonic()
                    moved |= self._start()
                    if not self.running and not moved:
                        if self._limit_reached():
                            break
                        self._tell_waiting()
                moved = self._poll() or (moved and not self.running)
                if not moved:
                    time.sleep(self.poll_s)
        finally:
            for one in self.running:
                one.stop()
        self.outcome.left = [job for job in self.waiting if job.counted]
        return self.outcome

    def _settle(self) -> bool:
        """Take out of the waiting what needs no start: done, failed before, without data or without hope."""
        before = len(self.waiting)
        for job in list(self.waiting):
            state = job.state()
            bad = next((self.failed[need.folder] for need in job.needs if need.folder in self.failed), None)
            if state is State.DONE:
                self._drop(job, self.outcome.before)
            elif bad is not None:
                self._fail(job, f"what it needs failed: {bad}")
            elif job.missing:
                self._drop(job, self.outcome.without_data)
            elif state is State.FAILED and not self.retry:
                self._fail(job, job.failure())
        # Nobody waits any more for a preparation whose jobs are all done, or cannot be.
        idle: list[Job] | None = None
        while idle is None or idle:  # without one of them, nobody may wait for what it needs
            needed = {need.folder for job in self.waiting for need in job.needs}
            idle = [job for job in self.waiting if not job.counted and job.folder not in needed]
            for job in idle:
                self.waiting.remove(job)
        return len(self.waiting) < before

    def _drop(self, job: Job, where: list[Job]) -> None:
        self.waiting.remove(job)
        if job.counted:
            where.append(job)

    def _fail(self, job: Job, reason: str) -> None:
        if job in self.waiting:
            self.waiting.remove(job)
        self.failed[job.folder] = reason
        self.outcome.failed.append((job, reason))

    def _limit_reached(self) -> bool:
        """Whether nothing may be started any more."""
        return self.limit is not None and self.started >= self.limit

    def _start(self) -> bool:
        """Start what can be, as far as there is room."""
        found = False
        for job in list(self.waiting):
            if len(self.running) >= self.at_once:
                break
            if self._limit_reached() or any(need.state() is not State.DONE for need in job.needs):
                continue
            lock = Lock(job.folder)
            if not lock.acquire():
                continue
            if job.state() is State.DONE or (not self.retry and (job.folder / FAILED_FILE).exists()):
                lock.release()  # another process has been here since we looked
                continue
            if not self.unchanged():
                lock.release()
                raise CodeChangedError(
                    "the code or conf/ has changed since the study was started, so the names of its jobs are those "
                    "of code that is gone; start it again"
                )
            self.waiting.remove(job)
            self.started += job.counted
            (job.folder / FAILED_FILE).unlink(missing_ok=True)
            job.begin()
            self.report(f"{self._place(job)} {job.label}")
            self.running.append(_Running(job, lock, self.launch))
            found = True
        return found

    def _place(self, job: Job) -> str:
        if not job.counted:
            return "[prepare]"
        return f"[{len(self.outcome.before) + self.started}/{self.total}]"

    def _poll(self) -> bool:
        found = False
        for one in list(self.running):
            reason = one.poll()
            if reason is None:
                continue
            found = True
            self.running.remove(one)
            if reason:
                self._fail(one.job, reason)
                self.report(f"failed: {one.job.label}: {reason} (log: {one.job.folder / LOG_FILE})")
            else:
                if one.job.counted:
                    self.outcome.done.append(one.job)
                self.report(f"done in {duration(one.seconds())}: {one.job.label}{self._left(one)}")
        return found

    def _left(self, one: "_Running") -> str:
        if not one.job.counted:
            return ""
        self.seconds.append(one.seconds())
        left = sum(job.counted for job in self.waiting) + sum(other.job.counted for other in self.running)
        mean = sum(self.seconds) / len(self.seconds)
        return f"; {left} left, about {duration(left * mean / self.at_once)}" if left else ""

    def _tell_waiting(self) -> None:
        if not self.told:
            self.report(f"waiting for {len(self.waiting)} jobs that other processes run, or that need theirs")
            self.told = True


def _needs_first(job: Job) -> Iterator[Job]:
    """A job after all that it needs."""
    for need in job.needs:
        yield from _needs_first(need)
    yield job


class _Running:
    """A job in progress, whose lock this process holds."""

    def __init__(self, job: Job, lock: Lock, launch: Launcher) -> None:
        self.job, self.lock, self.launch = job, lock, launch
        self.begun = self.touched = time.monotonic()
        done = job.steps_done()
        self.steps = [step for step in job.steps if step[0] not in done]
        self.process: Started | None = None

    def seconds(self) -> float:
        """Since it was started here."""
        return time.monotonic() - self.begun

    def poll(self) -> str | None:
        """None while it runs, the reason if it failed, empty if it is done."""
        if time.monotonic() - self.touched > TOUCH_S:
            self.lock.touch()
            self.touched = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            name = self.steps[0][0]
            if code is None:
                if self.job.budget_s is None or self.seconds() <= self.job.budget_s:
                    return None
                self.stop(release=False)
                return self._failed(name, f"over its budget of {duration(self.job.budget_s)}")
            if code:
                return self._failed(name, f"exit code {code}" if code > 0 else f"killed by signal {-code}")
            self.job.step_done(name)
            self.steps.pop(0)
        if not self.steps:
            self.job.finish(self.seconds())
            self.lock.release()
            return ""
        self.process = self.launch(self.steps[0][1], self.job.folder / LOG_FILE)
        return None

    def _failed(self, step: str, reason: str) -> str:
        self.job.fail(step, reason)
        self.lock.release()
        return self.job.failure()

    def stop(self, release: bool = True) -> None:
        """End its process and what it has started; the job can go on later."""
        if self.process is not None:
            stop(self.process)
        if release:
            self.lock.release()


def duration(seconds: float) -> str:
    """For people: ``41 s``, ``5 min``, ``3.2 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
