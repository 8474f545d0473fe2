"""Running a command as a Hydra application, with errors a user can read."""

import argparse
import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from synthex.cli import rank
from synthex.cli.main import COMMANDS
from synthex.config.compose import compose, prepare_hydra, readable
from synthex.config.early import check_early
from synthex.config.mistakes import user_error
from synthex.config.own_code import find_own_code, trusted_by
from synthex.config.settings import check_settings
from synthex.core import ConfigError, InputError, UserError, nearest, trust
from synthex.core.overrides import quoted
from synthex.core.parent import end_with_parent
from synthex.runs.company import follows, help_other_node, is_other_node

MODULES = {name: f"synthex.cli.{name.replace(' ', '_')}" for name in COMMANDS if name != "completion"}
"""Module of each command; it has ``main(cfg)``, and it and its primary config are named like the command."""

POSITIONAL = {
    **{
        "data inspect": "path",
        "data example": "name",
        "data merge": "path",
        "evaluate": "predictions",
        "explore": "run",
        "predict": "run",
        "export": "run",
        "translate apply": "translator",
        "register": "pictures",
        "annotate": "poses",
    },
    **dict.fromkeys(("study run", "study status", "study table"), "study"),
}
"""The setting that a bare argument (without ``=``) means."""

MORE = {"predict": "pictures"}
"""The setting that further bare arguments make a list for."""

SECOND = {"export": "output"}
"""The setting that a second bare argument means."""


def run(command: str, arguments: Sequence[str]) -> int:
    """Run ``command`` with Hydra arguments; returns the exit code.

    Every override is checked before anything starts, so that a misspelt name costs a second, not a night.
    """
    if command == "train" and follows():
        return rank.main()  # the first process says what, or what is wrong with it
    config_name = command.replace(" ", "_")
    try:
        arguments = watched(command, arguments)
        arguments = gathered(command, [named(command, argument) for argument in arguments])
        flags = _parse_flags(command, arguments)
        # Hydra reads flags only before or after all overrides.
        given = [a for a in arguments if a not in flags.overrides]
        flags.overrides = readable(config_name, flags.overrides)
        arguments = given + flags.overrides
        if not flags.hydra_help:
            cfg = compose(config_name, flags.overrides, sweep=bool(flags.multirun))
            if command == "train" and not flags.cfg and is_other_node(cfg):
                return help_other_node(cfg, rank.COMMAND, sweep=bool(flags.multirun))
            find_own_code(cfg)
            if not (flags.cfg or flags.multirun):  # each job of a sweep says what is wrong with its own
                check_early(command, cfg)
    except UserError as error:
        return _report(error)
    sys.argv = [f"synthex {command}", *arguments]
    with tempfile.TemporaryDirectory(prefix="synthex-") as folder:
        job = _Job(MODULES[command], Path(folder) / "exit_codes")
        application = hydra.main(version_base="1.3", config_path=str(prepare_hydra()), config_name=config_name)(job)
        try:
            with _full_errors():
                application()
        except OSError as error:
            if 1 in job.exit_codes():
                raise
            # Hydra makes the folder of the run, its log file and its copy of the config before the job starts.
            problem = f"cannot be written ({error.strerror or error})"
            return _report(InputError(error.filename or "the run's folder", problem, "choose another paths.run_dir"))
        except Exception as error:  # of a sweeper or launcher, or what they raise of a job
            mistake = user_error(error)
            if mistake is None or job.wants_traceback:
                raise
            # A job's own mistake has been reported where it was made.
            return _report(mistake)
        return max(job.exit_codes(), default=0)


@contextlib.contextmanager
def _full_errors() -> Iterator[None]:
    """Have Hydra pass exceptions on, instead of printing half of their traceback and leaving."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def _parse_flags(command: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's flags, wherever they stand among the overrides.

    Raises:
        ConfigError: There is no such flag, or its value is none of its choices.
    """
    parser = get_args_parser()
    known = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
    for argument in arguments:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and flag not in known:
            raise ConfigError(f"{command} {flag}: there is no such flag; {nearest(flag, known)}")

    def fail(message: str) -> NoReturn:
        raise ConfigError(f"{command}: {message}")

    parser.error = fail  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(arguments))


def named(command: str, argument: str) -> str:
    """``synthex data inspect folder`` means ``path=folder``, and so does the name of a file that has a ``=`` in it."""
    value = "=" not in argument or argument.startswith(("hf://", "https://", "http://")) or Path(argument).exists()
    if command in POSITIONAL and value and not argument.startswith(("-", "~", "+")):
        return f"{POSITIONAL[command]}={quoted(argument)}"
    return argument


def gathered(command: str, arguments: Sequence[str]) -> list[str]:
    """``synthex predict model one two`` means ``run=model pictures=[one,two]``: further bare arguments make a list."""
    if command not in MORE and command not in SECOND:
        return list(arguments)
    first = f"{POSITIONAL[command]}='"
    bare = [argument for argument in arguments if argument.startswith(first)]
    more = [argument.removeprefix(first[:-1]) for argument in bare[1:]]
    kept = [argument for argument in arguments if argument not in bare[1:]]
    if command in SECOND:
        return [*kept, *(f"{SECOND[command]}={value}" for value in more)]
    return [*kept, f"{MORE[command]}=[{','.join(more)}]"] if more else kept


def watched(command: str, arguments: Sequence[str]) -> list[str]:
    """``synthex predict model --watch in out`` means ``watch=in output=out``.

    Raises:
        ConfigError: One of the two folders is missing.
    """
    given = list(arguments)
    if command != "predict" or "--watch" not in given:
        return given
    place = given.index("--watch")
    folders = given[place + 1 : place + 3]
    if len(folders) < 2 or any(folder.startswith("-") for folder in folders):
        raise ConfigError("predict --watch: give two folders: synthex predict hip --watch incoming answers")
    settings = [f"{name}={quoted(folder)}" for name, folder in zip(("watch", "output"), folders, strict=True)]
    return given[:place] + settings + given[place + 3 :]


class _Job:
    """A command's ``main`` for Hydra; one line instead of a traceback for a mistake of the user's.

    Args:
        module: Where the command's ``main`` is.
        ledger: File that takes a line for every job that ended: a sweep's launcher may run its jobs in other
            processes, and not all launchers raise what is raised there.
    """

    def __init__(self, module: str, ledger: Path) -> None:
        self.module, self.ledger = module, ledger
        self.process = os.getpid()
        self.wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"

    def __call__(self, cfg: DictConfig) -> Any:
        if os.getpid() != self.process:  # a worker of the launcher; as a stray it would write where a new sweep goes on
            end_with_parent()
        try:
            check_settings(cfg)
            trust(*trusted_by(cfg))
            result = importlib.import_module(self.module).main(cfg)
        except Exception as error:
            mistake = user_error(error)
            if mistake is None or self.wants_traceback:
                self._note(1)
                raise
            self._note(_report(mistake))
            return None
        self._note(0)
        return result

    def exit_codes(self) -> list[int]:
        """Of the jobs that ended; 1 stands for what is no mistake of the user's."""
        return [int(line) for line in self.ledger.read_text().split()] if self.ledger.exists() else []

    def _note(self, code: int) -> None:
        with contextlib.suppress(OSError), self.ledger.open("a") as file:  # on another machine it is not there
            file.write(f"{code}\n")


def _report(error: UserError) -> int:
    print(f"synthex: {error}", file=sys.stderr)
    return error.exit_code
