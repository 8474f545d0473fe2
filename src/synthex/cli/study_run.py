"""``synthex study run NAME``: every job of a study that is not done yet."""

import os
import shlex
import signal
import time
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.cli.studies import chosen_jobs
from synthex.config.compose import conf_folders
from synthex.config.settings import check_integer, choose
from synthex.core import ConfigError, UserError
from synthex.core.terminal import say
from synthex.jobs import LOG_FILE, can_fork, duration, run_jobs
from synthex.sweeps.commands import MAIN, shared_cores


class JobsFailedError(UserError):
    """Some jobs failed; all others were done nevertheless."""

    exit_code = 1


def main(cfg: DictConfig) -> None:
    """Run what ``cfg`` chooses of a study."""
    check_integer("jobs", cfg.jobs, 1)
    if cfg.limit is not None:
        check_integer("limit", cfg.limit, 0)
    warm = str(cfg.warm).lower()
    choose("warm", warm, ("auto", "true", "false"))
    chosen = chosen_jobs(cfg, roots_of(cfg))
    jobs = chosen.of_jobs()
    os.environ.setdefault("WANDB_RUN_GROUP", chosen.study.name)
    begun = time.monotonic()
    say(f"{chosen.study.name}, size {chosen.size}: {len(jobs)} jobs in {chosen.folder}")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with shared_cores(int(cfg.jobs) if cfg.executor == "local" else 1):
            outcome = run_jobs(
                jobs,
                chosen.folder,
                main=MAIN,
                at_once=int(cfg.jobs),
                limit=None if cfg.limit is None else int(cfg.limit),
                retry=bool(cfg.retry),
                warm=warm == "true" or (warm == "auto" and cfg.executor == "local" and can_fork()),
                executor=str(cfg.executor),
                options=shlex.split(str(cfg.snakemake or "")),
                conf=conf_folders(),
                code=chosen.versions,
                report=say,
            )
    except KeyboardInterrupt:
        say("stopped; the same command goes on")
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    parts = [f"{len(outcome.done)} done in {duration(time.monotonic() - begun)}", f"{len(outcome.before)} done before"]
    parts += [f"{len(outcome.left)} left"] if outcome.left else []
    say("; ".join(parts))
    if outcome.without_data:
        names = sorted({name for job in outcome.without_data for name in job.missing})
        given = ", ".join(f"{name}: <folder>" for name in names)
        say(f"{len(outcome.without_data)} jobs wait for data; give their folders: 'roots={{{given}}}'")
    for job, reason in outcome.failed:
        say(f"failed: {job.label}: {reason} (log: {job.folder / LOG_FILE})")
    if outcome.failed:
        raise JobsFailedError(f"{len(outcome.failed)} jobs of {chosen.study.name} failed; mend them, then retry=true")
    if outcome.cut:
        raise JobsFailedError(f"{len(outcome.cut)} jobs of {chosen.study.name} were cut; the same command goes on")
    say(f"tables: synthex study table {chosen.study.name} size={chosen.size}")


def roots_of(cfg: DictConfig) -> dict[str, str]:
    """Folders of data by name.

    Raises:
        ConfigError: ``roots`` is no mapping.
    """
    given: Any = OmegaConf.to_container(cfg.roots) if OmegaConf.is_config(cfg.roots) else cfg.roots
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ConfigError(f"roots={given}: name each folder: 'roots={{deepfluoro: <folder>}}'")
    return {str(name): str(folder) for name, folder in given.items()}


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
