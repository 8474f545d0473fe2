"""Studies by name, and which of their jobs somebody is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synthex
from synthex.core import ConfigError, nearest
from synthex.jobs import Job, versions
from synthex.studies.expand import Cell, Plan, plans, size_of
from synthex.studies.jobs import JobBuilder, Settings
from synthex.studies.read import STUDY_FILE, read_study
from synthex.studies.schema import Study


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


def choose_study(
    name: str | None,
    settings: Settings,
    conf: Sequence[Path],
    output: Path,
    *,
    size: str = "full",
    only: Sequence[str] = (),
    roots: Mapping[str, str] | None = None,
    any_code: bool = False,
) -> Chosen:
    """The jobs of a study that a size, and values of its axes, choose.

    Args:
        name: Of the study.
        settings: What is known of commands' settings.
        conf: Folders of configs, whose content decides the names of the jobs.
        output: Where studies have their folders.
        size: Name of the size.
        only: What is chosen, such as ``seed=1``.
        roots: Name to the folder of data; jobs that need others wait.
        any_code: Whether jobs that another version of the code has finished stand for those of this one.

    Raises:
        UserError: There is no such study, size, axis or value, or it has a mistake in it.
    """
    study = find_study(name)
    size_of(study, size)
    folder = output.expanduser().resolve() / study.name
    found = plans(study, size, only)
    _check_roots(found, roots)
    builder = JobBuilder(study, size, folder, roots or {}, versions(conf), any_code, settings)
    builder.check_equal_terms(plans(study, size))
    jobs = {index: (plan.cell, builder.job(plan)) for index, plan in enumerate(found)}
    builder.composer.save()
    return Chosen(study, size, folder, jobs, builder.versions)


def _check_roots(found: Sequence[Plan], roots: Mapping[str, str] | None) -> None:
    known = {name for plan in found for name in plan.roots}
    for name, folder in (roots or {}).items():
        if name not in known:
            raise ConfigError(f"roots.{name}: no job needs such a folder; {nearest(name, known)}")
        if not Path(folder).expanduser().exists():
            raise ConfigError(f"roots.{name}={folder}: does not exist; give the folder of these data")
