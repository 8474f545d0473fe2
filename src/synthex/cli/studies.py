"""Studies as the command line finds them, and which of their jobs a command is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

import synthex
from synthex.cli.study_jobs import JobBuilder
from synthex.config.compose import conf_folders
from synthex.core import ConfigError, nearest
from synthex.jobs import Job, versions
from synthex.studies import STUDY_FILE, Cell, Plan, Study, plans, read_study, size_of


def study_folders() -> dict[str, Path]:
    """Every study by name: those of ``./experiments``, then those that were installed."""
    package = Path(synthex.__file__).parent / "experiments"
    if not package.is_dir():  # an editable install: experiments/ lies at the top of the checkout
        package = Path(synthex.__file__).parents[2] / "experiments"
    found: dict[str, Path] = {}
    for place in (Path.cwd() / "experiments", package):
        for path in sorted(place.glob(f"*/{STUDY_FILE}")):
            found.setdefault(path.parent.name, path.parent)
    return dict(sorted(found.items()))


def find_study(name: Any) -> Study:
    """A study by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    folders = study_folders()
    if name is None:
        raise ConfigError(f"no study given; say which: synthex study run NAME ({', '.join(folders)})")
    if str(name) not in folders:
        raise ConfigError(f"{name}: there is no such study; {nearest(str(name), folders)}")
    return read_study(folders[str(name)])


@dataclass(frozen=True)
class Chosen:
    """What a command was asked for.

    Attributes:
        study: The study.
        size: Name of the size.
        folder: Where its jobs are.
        jobs: Its cells and their jobs.
        versions: What the names of the jobs depend on beside their settings.
    """

    study: Study
    size: str
    folder: Path
    jobs: dict[int, tuple[Cell, Job]]
    versions: tuple[str, str]

    def of_jobs(self) -> list[Job]:
        """The jobs in order."""
        return [job for _, job in self.jobs.values()]


def choose_study(cfg: DictConfig, roots: Mapping[str, str] | None = None) -> Chosen:
    """The jobs of ``cfg.study`` that ``cfg.size`` and ``cfg.only`` choose.

    With ``cfg.any_code``, jobs that another version of the code has finished stand for those of this one.

    Raises:
        UserError: There is no such study, size, axis or value, or it has a mistake in it.
    """
    study = find_study(cfg.study)
    only = OmegaConf.to_container(cfg.only) if OmegaConf.is_config(cfg.only) else cfg.only
    only = [str(one) for one in only] if isinstance(only, list) else [] if only is None else [str(only)]
    size_of(study, str(cfg.size))
    folder = Path(cfg.output).expanduser().resolve() / study.name
    found = plans(study, str(cfg.size), only)
    _check_roots(found, roots)
    builder = JobBuilder(study, str(cfg.size), folder, roots or {}, versions(conf_folders()), bool(cfg.any_code))
    builder.check_equal_terms(plans(study, str(cfg.size)))
    jobs = {index: (plan.cell, builder.job(plan)) for index, plan in enumerate(found)}
    builder.composer.save()
    return Chosen(study, str(cfg.size), folder, jobs, builder.versions)


def _check_roots(found: Sequence[Plan], roots: Mapping[str, str] | None) -> None:
    known = {name for plan in found for name in plan.roots}
    for name, folder in (roots or {}).items():
        if name not in known:
            raise ConfigError(f"roots.{name}: no job needs such a folder; {nearest(name, known)}")
        if not Path(folder).expanduser().exists():
            raise ConfigError(f"roots.{name}={folder}: does not exist; give the folder of these data")
