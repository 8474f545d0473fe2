"""From a study's plans to its jobs: every config resolved, every folder named by its content."""

import contextlib
import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthex.core import ConfigError, InputError, UserError, write_json
from synthex.core.overrides import quoted
from synthex.jobs import JOB_FILE, Job, State, content_hash, read_json
from synthex.studies.budget import Budget, check_budgets
from synthex.studies.expand import Cell, Plan, named_tokens, substitute
from synthex.studies.gate import check_overrides, check_preparation
from synthex.studies.schema import Preparation, Study
from synthex.studies.spending import Compose, Composed, budget_of

COMPOSED_FILE = "composed.json"

NOT_CONTENT = ("paths", "output", "workers", "logger")
"""Settings of commands that say where things lie, or how fast they are made."""


@dataclass(frozen=True)
class Settings:
    """What is known of commands' settings, which this package does not compose.

    Attributes:
        compose: All settings of a command with overrides, resolved.
        deciding: Those of a training that decide its weights, of all of them.
        validates: Whether a training with such settings has images for validation.
        groups: Names of the groups of ``conf/``.
    """

    compose: Callable[[str, Sequence[str]], Composed]
    deciding: Callable[[Composed], Composed]
    validates: Callable[[Composed], bool]
    groups: Collection[str]


@dataclass
class _Composer:
    """Resolved configs as hashes, kept on disk: composing takes a tenth of a second, a study has hundreds."""

    path: Path
    versions: str
    source: Path
    settings: Settings
    hashes: dict[str, str] = field(default_factory=dict)
    equal: set[str] = field(default_factory=set)
    known: int = 0

    def __post_init__(self) -> None:
        stored = read_json(self.path)
        if isinstance(stored, dict) and stored.get("settings") == self.versions:
            self.hashes = {str(key): str(value) for key, value in stored.get("hashes", {}).items()}
            self.equal = {str(key) for key in stored.get("equal", ())}
        self.known = len(self.hashes) + len(self.equal)

    def hash(self, command: str, overrides: Sequence[str]) -> str:
        """Hash of what decides a command's result: all its settings as resolved, but for where things lie."""
        check_overrides(self.source, overrides, self.settings.groups)
        key = json.dumps([command, *overrides])
        if key not in self.hashes:
            found = self.settings.compose(command, overrides)
            found = self.settings.deciding(found) if command == "train" else found
            self.hashes[key] = content_hash({name: value for name, value in found.items() if name not in NOT_CONTENT})
        return self.hashes[key]

    def save(self) -> None:
        """Keep them for the next command; where nothing can be written, it composes them again."""
        if len(self.hashes) + len(self.equal) > self.known:
            with contextlib.suppress(InputError):
                write_json(self.path, {"settings": self.versions, "hashes": self.hashes, "equal": sorted(self.equal)})


class JobBuilder:
    """Plans to jobs.

    Args:
        study: The study.
        size: Name of the size.
        folder: Where its jobs are.
        roots: Name to the folder of ``<root:NAME>``; jobs of others wait.
        versions: Of code and settings.
        any_code: Whether jobs that another version of the code has finished stand for those of this one.
        settings: What is known of commands' settings.
    """

    def __init__(
        self,
        study: Study,
        size: str,
        folder: Path,
        roots: Mapping[str, str],
        versions: tuple[str, str],
        any_code: bool,
        settings: Settings,
    ) -> None:
        self.study, self.size, self.folder, self.roots, self.versions = study, size, folder, roots, versions
        self.settings = settings
        self.composer = _Composer(folder / COMPOSED_FILE, content_hash(versions), study.path, settings)
        self.prepared: dict[str, Job] = {}
        self.other = self._finished() if any_code else {}

    def check_equal_terms(self, found: Sequence[Plan]) -> None:
        """Check that a training of every combination spends what the others do, but for what the study declares.

        Args:
            found: All jobs of the size.

        Raises:
            ConfigError: Two are unequal.
        """
        firsts: dict[tuple[str, ...], Plan] = {}
        for plan in found:
            firsts.setdefault(tuple(plan.cell.values.values()), plan)
        key = content_hash(
            [[str(one) for one in self.study.unequal]]
            + [[*plan.train, *(str(one) for one in plan.prepared.values())] for plan in firsts.values()]
        )
        if key not in self.composer.equal:
            composed = functools.cache(self.settings.compose)
            spent = [(plan.cell, self._budget(plan, composed)) for plan in firsts.values()]
            check_budgets(self.study, self.size, spent)
            self.composer.equal.add(key)

    def _budget(self, plan: Plan, composed: Compose) -> Budget:
        check_overrides(self.study.path, plan.train, self.settings.groups)
        for one in plan.prepared.values():
            check_preparation(self.study.path, one.command, one.output)
            check_overrides(self.study.path, one.overrides, self.settings.groups)
        try:
            return budget_of(plan, composed, self.settings.validates)
        except UserError as error:
            raise ConfigError(f"{self.study.path}, {plan.cell.label()}: {error}") from error

    def _finished(self) -> dict[str, Path]:
        """Hash of the settings to the job that has finished with them last, whatever its code."""
        found: dict[str, Path] = {}
        for path in sorted((self.folder / "jobs").glob(f"*/{JOB_FILE}"), key=lambda path: path.stat().st_mtime):
            facts = read_json(path)
            if isinstance(facts, dict) and Job(path.parent, "", ()).state() is State.DONE:
                found[str(facts.get("settings"))] = path.parent
        return found

    def job(self, plan: Plan) -> Job:
        """The job of a plan."""
        made: dict[str, Job] = {}
        for name, one in plan.prepared.items():  # those that others need come first
            made[name] = self._preparation(name, one, plan.cell, made)
        direct = [*plan.train, *(part for test in plan.tests.values() for parts in test for part in parts)]
        needs = {name: made[name] for name in named_tokens(direct, "prepared")}
        roots = {name: f"root-{name}" for name in plan.roots}
        symbols = _tokens(roots, {name: f"prepared-{job.facts['settings']}" for name, job in needs.items()})
        train = ("test=false", "resume=auto", *plan.train)
        settings = content_hash(
            {
                "train": self.composer.hash("train", substitute(train, symbols)),
                "tests": {
                    name: [
                        self.composer.hash("predict", substitute(predict, symbols)),
                        self.composer.hash("evaluate", substitute(evaluate, symbols)),
                    ]
                    for name, (predict, evaluate) in plan.tests.items()
                },
            }
        )
        folder = self.folder / "jobs" / content_hash([settings, self.versions[0]])
        if Job(folder, "", ()).state() is not State.DONE:
            folder = self.other.get(settings, folder)
        places = _tokens(self._given(roots), _places(needs))
        tests: list[list[str]] = []
        for name, (predict, evaluate) in plan.tests.items():
            answers = folder / "predictions" / name
            tests.append(
                ["predict", f"run={quoted(folder)}", *with_paths(predict, places), f"output={quoted(answers)}"]
            )
            tests.append(["evaluate", f"predictions={quoted(answers)}", "gallery=0", *with_paths(evaluate, places)])
        command = ["train", *with_paths(train, places), f"paths.run_dir={quoted(folder)}"]
        size = self.study.sizes[self.size]
        return Job(
            folder,
            plan.cell.label(),
            (("train", (tuple(command),)), ("tests", tuple(map(tuple, tests)))),
            tuple(needs.values()),
            {
                "study": self.study.name,
                "size": self.size,
                "cell": plan.cell.tokens(),
                "settings": settings,
                "code": self.versions[0],
                "commands": [["synthex", *one] for one in (command, *tests)],
            },
            missing=tuple(name for name in roots if name not in self.roots),
            budget_s=None if size.budget_minutes is None else 60 * size.budget_minutes,
            keep=size.keep,
        )

    def _given(self, roots: Mapping[str, str]) -> dict[str, str]:
        """Folders of roots as they stand in an override; what nobody has given stays a name, and its job waits."""
        return {
            name: str(Path(self.roots[name]).expanduser().resolve()) if name in self.roots else symbol
            for name, symbol in roots.items()
        }

    def _preparation(self, name: str, one: Preparation, cell: Cell, made: Mapping[str, Job]) -> Job:
        check_preparation(self.study.path, one.command, one.output)
        names = set(named_tokens(one.overrides, "root"))
        needs = {need: made[need] for need in named_tokens(one.overrides, "prepared")}
        roots = {name: f"root-{name}" for name in names}
        symbols = {name: f"prepared-{job.facts['settings']}" for name, job in needs.items()}
        filled = substitute(one.overrides, _tokens(roots, symbols))
        settings = content_hash([one.command, self.composer.hash(one.command, filled)])
        key = content_hash([settings, self.versions[0]])
        if key not in self.prepared:
            folder = self.folder / "prepared" / key
            command = [
                *one.command.split(),
                *with_paths(one.overrides, _tokens(self._given(roots), _places(needs))),
                f"{one.output}={quoted(folder / 'files')}",
            ]
            self.prepared[key] = Job(
                folder,
                f"{name} of {cell.label()}",
                ((one.command, (tuple(command),)),),
                tuple(needs.values()),
                facts={
                    "study": self.study.name,
                    "settings": settings,
                    "code": self.versions[0],
                    "commands": [["synthex", *command]],
                },
                counted=False,
                # What a preparation waits for in vain, those that need it do too.
                missing=tuple(sorted((names - set(self.roots)).union(*(need.missing for need in needs.values())))),
            )
        return self.prepared[key]


def _tokens(roots: Mapping[str, str], prepared: Mapping[str, str]) -> dict[str, str]:
    return {f"root:{name}": value for name, value in roots.items()} | {
        f"prepared:{name}": value for name, value in prepared.items()
    }


def _places(needs: Mapping[str, Job]) -> dict[str, str]:
    return {name: str(job.folder / "files") for name, job in needs.items()}


def with_paths(overrides: Sequence[str], places: Mapping[str, str]) -> tuple[str, ...]:
    """Overrides with the folders put in; a value that has one is quoted as a whole, unless it is a list or mapping."""
    found = []
    for before, after in zip(overrides, substitute(overrides, places), strict=True):
        key, _, value = after.partition("=")
        found.append(after if before == after or value[:1] in "[{'\"" else f"{key}={quoted(value)}")
    return tuple(found)
