"""The code of the user that a command may run: what it names, and what it is told to trust."""

import importlib.util
import sys
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from synthex.core import ConfigError, targets_in
from synthex.core.trusted import user_targets


def find_own_code(cfg: DictConfig) -> None:
    """Let modules of the working folder be found that the command, a local conf or the user's trust names.

    Only these: a folder of data that somebody passed on may hold files with the names of optional packages.
    """
    folder = Path.cwd()
    for target in (
        *(str(name) for _, name in targets_in(OmegaConf.to_container(cfg, resolve=False))),
        *trusted_by(cfg),
        *user_targets(),
    ):
        top = target.partition(".")[0]
        here = top.isidentifier() and ((folder / f"{top}.py").exists() or (folder / top).is_dir())
        if here and str(folder) not in sys.path and importlib.util.find_spec(top) is None:
            sys.path.append(str(folder))


def trusted_by(cfg: DictConfig) -> list[str]:
    """The names that a command's ``trust=`` gives, for files that it reads.

    Raises:
        ConfigError: They are no names.
    """
    given = cfg.get("trust")
    names = [] if given is None else [given] if isinstance(given, str) else given
    names = list(names) if isinstance(names, list | ListConfig) else [None]
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"trust={given}: give names of classes or functions: trust=[my_package.MyNetwork]")
    return names
