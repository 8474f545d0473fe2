"""What the rules of the ``Snakefile`` do: one job, in processes of its own, with a verdict in its folder at the end."""

import json
import math
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex.core import UserError, write_json
from synthex.jobs.job import ENDED_FILE, LOG_FILE, Job, State
from synthex.jobs.processes import start, stop, wait
from synthex.jobs.version import versions

STOPPED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""A job that one of these has ended was told to stop, and can go on; it has not failed."""

LOOK_S = 0.5
"""Between two looks whether this process is told to stop."""

STOPPING = threading.Event()
"""Set when this process is told to stop; Snakemake itself only says that it has not succeeded."""


class CodeChangedError(UserError):
    """The code or the settings are no longer those that the jobs were named by."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            "the code or conf/ has changed since the study was started, so the names of its jobs are those of code "
            "that is gone; start it again"
        )


class StoppedError(UserError):
    """A job was told to stop."""

    exit_code = 1


@dataclass
class Work:
    """The jobs of one call of ``synthex study run``.

    Attributes:
        main: Module with the ``main(arguments)`` that runs a command.
        jobs: Name, which is the folder within the study's, to the job.
        cwd: Where the study was started.
        warm: Whether the processes of jobs are forks of one that has imported everything.
        conf: Folders of settings that count.
        versions: Of code and settings when the jobs were named.
    """

    main: str
    jobs: dict[str, Job]
    cwd: str
    warm: bool
    conf: tuple[str, ...]
    versions: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Keep everything but ``main``, which is code, for :meth:`read`."""
        jobs = {name: job.to_json() for name, job in self.jobs.items()}
        facts = {"cwd": self.cwd, "warm": self.warm, "conf": self.conf, "versions": self.versions}
        write_json(path, {**facts, "jobs": jobs})

    @classmethod
    def read(cls, path: str | Path, main: str) -> "Work":
        """What :meth:`write` has written; folders of jobs are beside the file."""
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        jobs: dict[str, Job] = {}
        for name, entry in found["jobs"].items():  # needs come first
            jobs[name] = Job.from_json(Path(path).absolute().parent / name, entry, jobs)
        conf, code = tuple(found["conf"]), tuple(found["versions"])
        return cls(main, jobs, str(found["cwd"]), bool(found["warm"]), conf, code)

    def targets(self) -> list[str]:
        """What Snakemake is asked to make."""
        return _ended(name for name, job in self.jobs.items() if job.counted)

    def needs(self, name: str) -> list[str]:
        """What Snakemake makes before a job."""
        names = {job.folder: name for name, job in self.jobs.items()}
        return _ended(names[need.folder] for need in self.jobs[name].needs if need.folder in names)

    def catch_signals(self) -> None:
        """Have SIGTERM and SIGINT end the running jobs at once; Snakemake would wait for them."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._interrupted)

    def _interrupted(self, number: int, frame: object) -> None:
        STOPPING.set()  # the threads that wait for processes end them
        raise KeyboardInterrupt

    def do(self, name: str) -> None:
        """Bring a job to its end, unless it is there already; another process that works on it is waited for.

        Raises:
            CodeChangedError: The code is no longer that of the job's name.
            StoppedError: The job was told to stop.
        """
        job = self.jobs[name]
        with job.lock():
            if job.state(locked=True) in (State.DONE, State.FAILED):
                return
            if any(need.state() is not State.DONE for need in job.needs):
                return  # its reason is theirs
            if versions(self.conf) != self.versions:
                raise CodeChangedError
            job.begin()
            begun = time.monotonic()
            done = job.steps_done()
            for step, commands in job.steps:
                if step in done:
                    continue
                left = None if job.budget_s is None else job.budget_s - (time.monotonic() - begun)
                if reason := self._run(job, commands, left):
                    job.fail(step, reason)
                    return
                job.step_done(step)
            job.finish(time.monotonic() - begun)

    def _run(self, job: Job, commands: tuple[tuple[str, ...], ...], seconds: float | None) -> str:
        """Run commands in one process; returns why they failed."""
        if STOPPING.is_set():
            raise StoppedError("stopped")
        process = start(self.main, commands, job.folder / LOG_FILE, cwd=self.cwd, warm=self.warm)
        end = math.inf if seconds is None else time.monotonic() + seconds
        try:
            while (code := wait(process, min(LOOK_S, max(0.0, end - time.monotonic())))) is None:
                if time.monotonic() > end:
                    return f"over its budget of {duration(job.budget_s or 0.0)}"
                if STOPPING.is_set():
                    raise StoppedError("stopped")
        finally:
            stop(process)
        signalled = -code if code < 0 else code - 128
        if signalled in STOPPED:
            raise StoppedError(f"stopped by signal {signalled}")
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}" if code else ""


def _ended(names: Iterable[str]) -> list[str]:
    return [f"{name}/{ENDED_FILE}" for name in names]


def duration(seconds: float) -> str:
    """For people: ``41 s``, ``5 min``, ``3.2 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
