"""Jobs of a sweep as an array job of Slurm: requeued on pre-emption and at the time limit, found again by a restart."""

import importlib
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import DictConfig, OmegaConf

from synthex.config.settings import check_integer
from synthex.core import ConfigError, optional_import, write_json
from synthex.core.terminal import say
from synthex.jobs import content_hash, read_json
from synthex.sweeps.launch import SweepJob, done_before, result

FOLDER = ".submitit"
LEDGER = "jobs.json"

COMMON = ("name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node")
"""Parameters whose names submitit shares between clusters; others are Slurm's own."""

LOOKS = 3
"""A job that Slurm no longer lists, and that has left no result in so many looks, has died: files come late by NFS."""


@dataclass(frozen=True)
class Command:
    """A command line of ``synthex`` as submitit runs it; pre-empted, it is given to Slurm again as it is.

    Attributes:
        arguments: Of ``synthex``.
        main: Module of its ``main``, by name: the command line lies above.
    """

    arguments: tuple[str, ...]
    main: str = "synthex.cli.main"

    def __call__(self) -> int:
        """Run it; returns its exit code."""
        code: int = importlib.import_module(self.main).main(list(self.arguments))
        return code

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Submitit's hook: what to start when the job is requeued. The run's own checkpoints know where it was."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def run_in_slurm(jobs: Sequence[SweepJob], config: DictConfig, settings: Mapping[str, Any]) -> list[JobReturn]:
    """Submit jobs as one array, and wait for them.

    Jobs that have been done before, or that Slurm still has from a sweep that was killed, are not submitted again.

    Args:
        jobs: Jobs.
        config: Of the sweep.
        settings: Of the launcher: parameters of submitit, ``max_num_timeout`` and ``poll_s``.

    Raises:
        MissingExtraError: Submitit is not installed.
        ConfigError: There is no Slurm here.
    """
    submitit = optional_import("submitit", "slurm")
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise ConfigError("hydra/launcher=slurm: there is no sbatch here; start it on a login node, or use processes")
    options: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(dict(settings)))  # type: ignore[assignment]
    poll_s, timeouts = float(options.pop("poll_s")), options.pop("max_num_timeout")
    check_integer("hydra.launcher.max_num_timeout", timeouts, 0)
    folder = Path(str(config.hydra.sweep.dir)).absolute() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(folder / LEDGER)
    submitted = ledger.listed([job for job in jobs if job.done is None])
    for job in jobs:
        if job.number in submitted:
            say(f"{job.label()}: still in Slurm as {submitted[job.number]}")
    new = [job for job in jobs if job.done is None and job.number not in submitted]
    if new:
        executor = submitit.AutoExecutor(folder / "%j", cluster="slurm", slurm_max_num_timeout=int(timeouts))
        executor.update_parameters(
            **{key if key in COMMON else f"slurm_{key}": value for key, value in options.items() if value is not None}
        )
        with executor.batch():  # one array
            sent = [executor.submit(Command(job.arguments)) for job in new]
        for job, one in zip(new, sent, strict=True):
            job.folder.mkdir(parents=True, exist_ok=True)
            submitted[job.number] = one.job_id
            say(f"{job.label()}: submitted to Slurm as {one.job_id}")
        ledger.keep(jobs, submitted)
    try:
        return _wait(jobs, submitted, folder, poll_s)
    except KeyboardInterrupt:
        say(
            f"stopped waiting; the same command goes on, `scancel {' '.join(sorted(submitted.values()))}` ends the jobs"
        )
        raise SystemExit(130) from None


@dataclass(frozen=True)
class _Ledger:
    """Which job is which in Slurm, kept beside the jobs."""

    path: Path

    def listed(self, jobs: Sequence[SweepJob]) -> dict[int, str]:
        """Number of a job to its name in Slurm, of those that Slurm has."""
        stored = read_json(self.path)
        known = stored if isinstance(stored, dict) else {}
        found = {job.number: known[_key(job)] for job in jobs if _key(job) in known}
        alive = in_queue(sorted(found.values()))
        return {number: name for number, name in found.items() if alive is None or name in alive}

    def keep(self, jobs: Sequence[SweepJob], submitted: Mapping[int, str]) -> None:
        """Add jobs that have been submitted."""
        stored = read_json(self.path)
        known = stored if isinstance(stored, dict) else {}
        added = {_key(job): submitted[job.number] for job in jobs if job.number in submitted}
        write_json(self.path, known | added)


def _key(job: SweepJob) -> str:
    return content_hash(list(job.arguments))


def in_queue(names: Sequence[str]) -> set[str] | None:
    """Which of these jobs Slurm has, pending or running; None where it does not answer."""
    if not names:
        return set()
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(names)}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    if found.returncode and "nvalid job id" not in found.stderr:  # what it says of jobs that it has forgotten
        return None
    return set(found.stdout.split()) & set(names)


def _wait(jobs: Sequence[SweepJob], submitted: Mapping[int, str], folder: Path, poll_s: float) -> list[JobReturn]:
    results = {job.number: done_before(job) for job in jobs if job.done is not None}
    missed = dict.fromkeys(submitted, 0)
    while waiting := [job for job in jobs if job.number not in results]:
        alive = in_queue([submitted[job.number] for job in waiting])
        for job in waiting:
            name = submitted[job.number]
            if alive is None or name in alive:
                missed[job.number] = 0
                continue
            missed[job.number] += 1
            if job.ended() is not None:
                results[job.number] = result(job)
            elif missed[job.number] >= LOOKS:
                results[job.number] = result(job, "it is gone from Slurm without a result", log_of(folder, name))
        time.sleep(poll_s)
    return [results[job.number] for job in jobs]


def log_of(folder: Path, name: str) -> Path:
    """Where submitit writes the errors of a job."""
    return folder / name / f"{name}_0_log.err"
