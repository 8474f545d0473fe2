"""Jobs of a sweep as command lines, each with a folder that stays its own; and their run, a process each."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from omegaconf import DictConfig, OmegaConf, open_dict

from synthex.config.finished import Finished, finished
from synthex.config.settings import check_integer
from synthex.core import ConfigError, UserError, write_text
from synthex.core.overrides import quoted
from synthex.core.places import hidden
from synthex.core.terminal import say
from synthex.jobs import LOG_FILE, can_fork, start, stop, wait
from synthex.sweeps import commands


class JobFailedError(UserError):
    """A job of a sweep ended without a result."""

    exit_code = 1


@dataclass(frozen=True)
class SweepJob:
    """One training of a sweep.

    Attributes:
        number: In the sweep, from 0.
        folder: Of its outputs; the same whenever the sweep goes on.
        overrides: What makes it different.
        arguments: Of ``synthex``.
        settings: As composed.
        done: What it has noted if it has been done before.
    """

    number: int
    folder: Path
    overrides: tuple[str, ...]
    arguments: tuple[str, ...]
    settings: DictConfig
    done: Finished | None

    def ended(self) -> Finished | None:
        """What it has noted at its end, None if it has none with these settings."""
        return finished(self.folder, self.settings)

    def label(self) -> str:
        """For people."""
        return f"#{self.number} {' '.join(self.overrides)}".strip()


def plan(
    loader: ConfigLoader, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[SweepJob]:
    """The jobs of a batch that Hydra's sweeper has made.

    Args:
        loader: Hydra's, to compose each job's settings.
        config: Of the sweep.
        job_overrides: A list of overrides a job.
        first: Number of the first job.

    Raises:
        ConfigError: The sweep is not one of `synthex train`.
    """
    name = config.hydra.job.config_name
    if name != "train":
        raise ConfigError(f"hydra/launcher: the launchers processes and slurm run `synthex train`, not {name}")
    path = Path(str(config.hydra.sweep.dir)).absolute() / "multirun.yaml"
    if path.exists():  # Hydra's sweeper wrote the names of folders of data into it
        write_text(path, OmegaConf.to_yaml(OmegaConf.create(hidden(OmegaConf.to_container(config, resolve=False)))))
    return [_job(loader, config, list(one), first + index) for index, one in enumerate(job_overrides)]


def _job(loader: ConfigLoader, config: DictConfig, overrides: list[str], number: int) -> SweepJob:
    cfg = loader.load_sweep_config(config, overrides)
    with open_dict(cfg):
        cfg.hydra.job.num = cfg.hydra.job.id = number
        folder = Path(str(cfg.hydra.sweep.dir)).absolute() / str(cfg.hydra.sweep.subdir)
        cfg.paths.output_dir = str(folder)
        task = list(filter_overrides(cfg.hydra.overrides.task))
        del cfg["hydra"]
    own = [override for override in task if override.split("=")[0] != "paths.run_dir"]
    arguments = ("train", *own, f"paths.run_dir={quoted(folder)}")
    done = finished(folder, cfg) if cfg.resume == "auto" else None
    return SweepJob(number, folder, tuple(own), arguments, cfg, done)


def run_in_processes(jobs: Sequence[SweepJob], *, at_once: int = 1) -> list[JobReturn]:
    """Run jobs in processes of their own, which end when this one does; one that dies does not touch the others.

    Args:
        jobs: Jobs; those that have been done before are not run.
        at_once: How many run at the same time.
    """
    check_integer("hydra.launcher.at_once", at_once, 1)
    running: set[BaseProcess] = set()

    def run(job: SweepJob) -> JobReturn:
        if job.done is not None:
            return done_before(job)
        job.folder.mkdir(parents=True, exist_ok=True)
        log = job.folder / LOG_FILE
        say(f"{job.label()}: log in {log}")
        process = start(commands.MAIN, [job.arguments], log, cwd=os.getcwd(), warm=can_fork())
        running.add(process)
        code = wait(process) or 0
        running.discard(process)
        return result(job, f"exit code {code}" if code > 0 else f"killed by signal {-code}" if code else "", log)

    with commands.shared_cores(int(at_once)), ThreadPoolExecutor(int(at_once)) as pool:
        try:
            return list(pool.map(run, jobs))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                stop(process)


def done_before(job: SweepJob) -> JobReturn:
    """The result of a job that is not run again."""
    say(f"{job.label()}: done before")
    return result(job)


def result(job: SweepJob, reason: str = "", log: Path | None = None) -> JobReturn:
    """What Hydra's sweeper is told of a job that has ended.

    Args:
        job: The job; what it has noted in its folder is its result.
        reason: Why it failed, empty if it has not.
        log: Where its output is.
    """
    found = None if reason else job.ended()
    told = JobReturn(overrides=job.overrides, working_dir=str(job.folder))
    if found is None:
        where = f" (log: {log})" if log is not None else ""
        say(f"{job.label()}: failed, {reason or 'without a result'}{where}")
        told.status = JobStatus.FAILED
        told.return_value = JobFailedError(f"{job.label()}: {reason or 'ended without a result'}{where}")
        return told
    if job.done is None:
        say(f"{job.label()}: done, {found.primary} {found.value}")
    told.status, told.return_value = JobStatus.COMPLETED, found.value
    return told
