"""A job: a folder named by what it computes, and what the files in it say about its state."""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from synthex.core import InputError, documents, write_json
from synthex.core.places import found, hidden

DONE_FILE, FAILED_FILE, STEPS_FILE, JOB_FILE, LOG_FILE = "done.json", "failed.json", "steps.json", "job.json", "log.txt"
ENDED_FILE = "ended"
"""What Snakemake makes; the other files say how it ended."""
LOCK_FILE = "lock"


class State(Enum):
    """What has become of a job; the values are for people."""

    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"
    CUT = "cut"
    WAITING = "waiting"


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other, those of a step in one process.

    Attributes:
        folder: Where its files are; its name is the hash of what decides its result.
        label: For people.
        steps: Name of each step, and the arguments of its commands.
        needs: Jobs that must be done before it.
        facts: What ``job.json`` keeps: the cell, the commands.
        counted: Whether it is one of the study's (a preparation is not).
        missing: Names of folders that it needs and nobody has given.
        budget_s: Longest that it may take in one go; None for any time.
        keep: What is left of it; ``all``, ``weights`` (no checkpoints but the best) or ``figures``.
    """

    folder: Path
    label: str
    steps: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    needs: tuple["Job", ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    counted: bool = True
    missing: tuple[str, ...] = ()
    budget_s: float | None = None
    keep: str = "all"

    def to_json(self) -> dict[str, Any]:
        """Plain values, without names of medical files, which this user's machines remember."""
        needs = [need.folder.name for need in self.needs]
        found = {"label": self.label, "needs": needs, "facts": dict(self.facts), "counted": self.counted}
        kept: dict[str, Any] = hidden(found | {"steps": self.steps}, remember=True)
        return kept | {"budget_s": self.budget_s, "keep": self.keep}

    @classmethod
    def from_json(cls, folder: Path, kept: Mapping[str, Any], known: Mapping[str, "Job"]) -> "Job":
        """The inverse of :meth:`to_json`; of what it needs, what is not among the known is done."""
        needs = tuple(job for job in known.values() if job.folder.name in kept["needs"])
        steps = tuple((name, tuple(map(tuple, commands))) for name, commands in found(kept["steps"]))
        rest = {key: kept[key] for key in ("label", "facts", "counted", "budget_s", "keep")}
        return cls(folder, steps=steps, needs=needs, **rest)

    def lock(self) -> FileLock:
        """For the process that works on it; the system ends it with that."""
        return locked_folder(self.folder)

    def state(self, locked: bool = False) -> State:
        """Of the files in its folder; ``locked`` says that it is this process that works on it."""
        if (self.folder / DONE_FILE).exists():
            return State.DONE
        if not locked and self._held():
            return State.RUNNING
        if (self.folder / FAILED_FILE).exists():
            return State.FAILED
        return State.CUT if (self.folder / JOB_FILE).exists() else State.WAITING

    def _held(self) -> bool:
        if not (self.folder / LOCK_FILE).exists():
            return False
        try:
            with self.lock().acquire(timeout=0):
                return False
        except Timeout:
            return True
        except (InputError, OSError):  # of another user, who alone can lock it
            return False

    def begin(self) -> None:
        """Write down what it is, for people and for tables."""
        written = dict(self.facts) | {"label": self.label, "steps": dict(self.steps)}
        write_json(self.folder / JOB_FILE, hidden(written))

    def steps_done(self) -> list[str]:
        """Names of the steps that have succeeded."""
        found = read_json(self.folder / STEPS_FILE)
        return [str(one) for one in found] if isinstance(found, list) else []

    def step_done(self, name: str) -> None:
        """Remember that a step has succeeded."""
        write_json(self.folder / STEPS_FILE, [*self.steps_done(), name])

    def finish(self, seconds: float) -> None:
        """Throw away what is not kept, then say that it is done."""
        prune(self.folder, self.keep)
        write_json(self.folder / DONE_FILE, {"seconds": round(seconds, 1)})

    def fail(self, step: str, reason: str) -> None:
        """Say that it failed, with the last line of its log."""
        write_json(self.folder / FAILED_FILE, {"step": step, "reason": reason, "last_line": self.last_line()})

    def failure(self) -> str:
        """Why it failed, in one line; empty if it did not."""
        found = read_json(self.folder / FAILED_FILE)
        if not isinstance(found, dict):
            return ""
        return f"{found.get('step')}: {found.get('reason')}: {found.get('last_line')}"

    def last_line(self) -> str:
        """The last line of its log that says anything, at most 300 characters."""
        with contextlib.suppress(OSError):
            lines = (self.folder / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
            return next((line.strip()[-300:] for line in reversed(lines) if line.strip()), "")
        return ""


def locked_folder(folder: Path) -> FileLock:
    """A lock on a folder, not yet taken.

    Raises:
        InputError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK_FILE).touch()
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise InputError(folder, problem, "check permissions and free space") from error
    return FileLock(folder / LOCK_FILE)


def read_json(path: Path) -> Any:
    """Content of a JSON file; None if it is missing or damaged."""
    try:
        return documents.read_json(path, "run the study again")
    except InputError:
        return None


def prune(folder: Path, keep: str) -> None:
    """Delete what a finished training is not needed for: checkpoints to resume from, or all but tables and settings."""
    checkpoints = folder / "checkpoints"
    if keep == "weights":
        steps = sorted(checkpoints.glob("step=*.ckpt"))
        for path in steps if (checkpoints / "best.ckpt").exists() else steps[:-1]:
            path.unlink()
    if keep == "figures":
        shutil.rmtree(checkpoints, ignore_errors=True)
        (folder / "baseline.npz").unlink(missing_ok=True)
        for path in (folder / "predictions").glob("*/*"):
            if path.is_dir() and path.name != "evaluation":
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink()
        for path in (folder / "predictions").glob("*/evaluation/overlays"):
            shutil.rmtree(path, ignore_errors=True)
