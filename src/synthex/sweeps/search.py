"""A search by Optuna that can be killed at any moment: trials are kept, and those that ran go on under their number."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.config.compose import compose
from synthex.config.identity import config_hash
from synthex.config.settings import check_integer, choose
from synthex.core import ConfigError, UserError, derive_seed, optional_import, write_json
from synthex.core.overrides import quoted
from synthex.core.places import hidden
from synthex.core.terminal import say
from synthex.jobs.job import locked_folder, read_json
from synthex.sweeps.space import Numbers, Space, first_trial, read_space, written

STUDY = "sweep"
STORAGE_FILE, BEST_FILE = "optuna.db", "best.json"

MAX_TRIES = 3
"""Starts of a trial that takes the sweep down with it, after which it has failed."""

MAX_FAILED = 3
"""Trials that fail one after the other, and none before them that did not, after which a sweep gives up."""


class TrialsFailedError(UserError):
    """Some trials of a sweep have no score."""

    exit_code = 1


def sweep(
    config: DictConfig, launcher: Launcher, arguments: Sequence[str], settings: Mapping[str, Any]
) -> float | None:
    """Propose trials and run them until there are as many as wanted; returns the best score.

    Only the process that the user has started comes here: jobs, and the processes in which they train, get their
    settings on their command lines.

    Args:
        config: Of the sweep.
        launcher: What runs batches of jobs.
        arguments: Overrides of the command line that are not Hydra's own.
        settings: Of the sweeper, see ``conf/hydra/sweeper/optuna.yaml``.

    Raises:
        MissingExtraError: Optuna is not installed.
        ConfigError: A setting is wrong, the folder holds another sweep, or another process runs it.
        TrialsFailedError: There were trials without a score.
    """
    optuna = optional_import("optuna", "optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, at_once = settings["trials"], settings["at_once"]
    check_integer("hydra.sweeper.trials", trials, 1)
    check_integer("hydra.sweeper.at_once", at_once, 1)
    choose("hydra.sweeper.sampler", settings["sampler"], ("tpe", "random", "qmc"))
    choose("hydra.sweeper.pruner", settings["pruner"], ("median", "hyperband", "none"))
    choose("hydra.sweeper.direction", settings["direction"], ("auto", "minimize", "maximize"))
    space, fixed = read_space(settings["space"] or {}, arguments)
    common = compose(str(config.hydra.job.config_name), [*fixed, *first_trial(space)])
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    objective, direction = settings["objective"], settings["direction"]
    if objective == "auto":
        objective = objective_of(instantiate(common.task).protocol.primary)
    if direction == "auto":
        direction = direction_of(objective)
    with locked(folder):
        kept = hidden(OmegaConf.to_container(config, resolve=False))
        OmegaConf.save(OmegaConf.create(kept), folder / "multirun.yaml")
        storage = settings["storage"] or f"sqlite:///{folder / STORAGE_FILE}"
        study = optuna.create_study(
            study_name=STUDY, storage=storage, direction=direction, load_if_exists=True,
            sampler=optuna.samplers.RandomSampler(0),  # replaced before each proposal
        )  # fmt: skip
        what = {"space": {key: repr(value) for key, value in space.items()}, "direction": direction}
        what["objective"] = objective
        search = _Search(optuna, study, space, fixed, dict(settings) | {"objective": objective}, folder, storage)
        search.check_same(what | {"settings": fingerprint(common)})
        say(f"sweep in {folder}; the same command goes on after a crash")
        search.run(launcher, int(trials), int(at_once))
        return search.report()


def objective_of(primary: str) -> str:
    """What a search makes better by default: a task's primary score, but of landmarks with no miss dropped.

    The error of those detected rewards a model that calls more of them absent, and does not exist where it calls all
    so.
    """
    return "landmark_error_mm_mean_all" if primary == "landmark_error_mm_mean" else primary


def direction_of(primary: str) -> str:
    """Whether more or less of a figure is better.

    Raises:
        ConfigError: Its name does not say.
    """
    if primary.startswith(("landmark_error", "error")):
        return "minimize"
    if primary.startswith(("dice", "detection", "iou")):
        return "maximize"
    raise ConfigError(f"hydra.sweeper.direction=auto: say whether to minimize or maximize {primary}")


def fingerprint(common: DictConfig) -> str:
    """Hash of what all trials have in common."""
    cfg = common.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.paths = {"output_dir": "RUN"}
    return config_hash(cfg)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time works on the sweep in ``folder``.

    Raises:
        ConfigError: Another one does.
    """
    lock = locked_folder(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"{folder}: another process runs this sweep; wait for it, or choose another hydra.sweep.dir"
        ) from None
    try:
        yield
    finally:
        lock.release()


class _Search:
    """The trials of one sweep."""

    def __init__(
        self,
        optuna: Any,
        study: Any,
        space: Space,
        fixed: Sequence[str],
        settings: Mapping[str, Any],
        folder: Path,
        storage: str,
    ) -> None:
        self.optuna, self.study, self.space, self.fixed = optuna, study, space, list(fixed)
        self.settings, self.folder, self.storage = settings, folder, storage
        self.states = optuna.trial.TrialState
        self.failed_here: list[int] = []

    def check_same(self, what: Mapping[str, Any]) -> None:
        """Note what is searched, or hold it against what was noted.

        Raises:
            ConfigError: It is another search.
        """
        known = self.study.user_attrs
        changed = [key for key, value in what.items() if key in known and known[key] != value]
        if changed:
            raise ConfigError(
                f"{self.folder} holds a sweep with other {', '.join(changed)}; choose another hydra.sweep.dir"
            )
        for key, value in what.items():
            if key not in known:
                self.study.set_user_attr(key, value)

    def run(self, launcher: Launcher, trials: int, at_once: int) -> None:
        """Finish what was running, then propose until there are ``trials``, in batches of ``at_once``."""
        waiting = [trial.number for trial in self.trials(self.states.RUNNING)]
        if waiting:
            say(f"going on with {', '.join(f'trial {number}' for number in waiting)}")
        while True:
            batch, waiting = waiting[:at_once], waiting[at_once:]
            while len(batch) < at_once and len(self.trials()) < trials:
                batch.append(self.study.ask().number)
            started = [number for number in batch if self.begin(number)]
            if started:
                jobs = [self.overrides(number) for number in started]
                for number, result in zip(started, launcher.launch(jobs, started[0]), strict=True):
                    self.tell(number, result)
            if not batch:
                return
            if len(self.failed_here) >= MAX_FAILED and not self.trials(self.states.COMPLETE):
                return

    def trials(self, *states: Any) -> list[Any]:
        """Trials in these states, or all."""
        found: list[Any] = self.study.get_trials(deepcopy=False, states=states or None)
        return found

    def begin(self, number: int) -> bool:
        """Propose what a trial does not have yet, and count its start; False if it has had too many."""
        frozen = self.trials()[number]
        # Its own seed: one for all would propose the same again after a restart.
        self.study.sampler = self.sampler(derive_seed(int(self.settings["seed"]), "trial", number) % 2**32)
        trial = self.handle(number)
        for key, found in self.space.items():
            if not isinstance(found, Numbers):
                trial.suggest_categorical(key, found.values)
            elif found.whole:
                step = 1 if found.step is None else int(found.step)
                trial.suggest_int(key, int(found.low), int(found.high), step=step, log=found.log)
            else:
                trial.suggest_float(key, found.low, found.high, step=found.step, log=found.log)
        tries = int(frozen.user_attrs.get("starts", 0)) + 1
        if tries > MAX_TRIES:
            self.fail(number, f"the sweep has died {MAX_TRIES} times while it ran")
            return False
        trial.set_user_attr("starts", tries)
        return True

    def handle(self, number: int) -> Any:
        """A trial to be written to, also one of an earlier process, for which Optuna has no public way."""
        return self.optuna.trial.Trial(self.study, self.trials()[number]._trial_id)

    def sampler(self, seed: int) -> Any:
        """What proposes the next trial."""
        samplers, options = self.optuna.samplers, dict(self.settings["sampler_options"] or {})
        kinds = {"tpe": samplers.TPESampler, "random": samplers.RandomSampler, "qmc": samplers.QMCSampler}
        try:
            return kinds[self.settings["sampler"]](seed=seed, **options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"hydra.sweeper.sampler_options: {error}") from error

    def overrides(self, number: int) -> list[str]:
        """The command line of a trial."""
        return [*self.fixed, *self.chosen(number), *self.pruning(number), f"hydra.sweep.subdir={name_of(number)}"]

    def chosen(self, number: int) -> list[str]:
        """What a trial tries, as overrides."""
        params = self.trials()[number].params
        return [written(key, params[key]) for key in self.space]

    def pruning(self, number: int) -> list[str]:
        """Overrides that have a trial compare itself with those before it: ``synthex.learning.callbacks.Pruning``."""
        if self.settings["pruner"] == "none":
            return []
        given = {
            "_target_": "synthex.learning.callbacks.Pruning",
            "storage": quoted(self.storage),
            "study": STUDY,
            "trial": number,
            "pruner": self.settings["pruner"],
        }
        options = {f"options.{key}": value for key, value in (self.settings["pruner_options"] or {}).items()}
        return [f"++callbacks.pruning.{key}={value}" for key, value in {**given, **options}.items()]

    def tell(self, number: int, result: JobReturn) -> None:
        """Keep what came of a trial."""
        value = result._return_value
        objective = self.settings["objective"]
        summary = read_json(self.folder / name_of(number) / "summary.json")
        score = summary.get(objective) if isinstance(summary, dict) else None
        if result.status is not JobStatus.COMPLETED:
            self.fail(number, f"{value}".strip().splitlines()[0] if f"{value}".strip() else type(value).__name__)
        elif (epoch := self.trials()[number].user_attrs.get("pruned")) is not None:
            self.study.tell(number, state=self.states.PRUNED)
            say(f"trial {number}: pruned after epoch {epoch}")
        elif not isinstance(score, int | float) or not math.isfinite(score):
            self.fail(number, f"it has no {objective}; it needs test=true, and its own messages say more")
        else:
            self.study.tell(number, float(score))
            say(f"trial {number}: {objective} {score:.6g}")

    def fail(self, number: int, reason: str) -> None:
        """Keep that a trial has no score."""
        self.handle(number).set_user_attr("reason", reason)
        self.study.tell(number, state=self.states.FAIL)
        self.failed_here.append(number)
        say(f"trial {number} failed: {reason}")

    def report(self) -> float | None:
        """Write and print the best trial; returns its score.

        Raises:
            TrialsFailedError: Some trials that were run now have no score.
        """
        best = None
        if self.trials(self.states.COMPLETE):
            one = self.study.best_trial
            best = float(one.value)
            command = shlex.join(["synthex", "train", *self.fixed, *self.chosen(one.number)])
            found = {
                "trial": one.number,
                "objective": self.settings["objective"],
                "value": best,
                "command": command,
                "settings": one.params,
                "folder": name_of(one.number),
                "trials": [
                    {
                        "trial": each.number,
                        "state": each.state.name.lower(),
                        "value": each.value,
                        "settings": each.params,
                    }
                    for each in self.trials()
                ],
            }
            write_json(self.folder / BEST_FILE, found)
            say(
                f"best of {len(self.trials())} trials: {self.settings['objective']} {best:.6g}, "
                f"in {self.folder / name_of(one.number)}"
            )
            say(f"its command: {command}")
        if self.failed_here:
            numbers = ", ".join(map(str, self.failed_here))
            raise TrialsFailedError(f"trials without a score: {numbers} of the sweep in {self.folder}")
        return best


def name_of(number: int) -> str:
    """Folder of a trial in that of the sweep."""
    return f"trial-{number:03d}"
