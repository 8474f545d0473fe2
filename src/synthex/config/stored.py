"""Configs that were stored with runs and predictions, which may come from anybody (:mod:`synthex.core.trusted`)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from synthex.config.mistakes import user_error
from synthex.config.settings import check_settings
from synthex.core import ConfigError, InputError, check_stored
from synthex.core.documents import read_yaml
from synthex.core.places import found


def read_stored(path: Path, remedy: str) -> DictConfig:
    """A config that was stored, which may name only code that is trusted; folders of data are those of this machine.

    Raises:
        InputError: It cannot be read, has no settings in it, or names other code.
    """
    content = read_yaml(path, remedy)
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise InputError(path, "is damaged (no settings in it)", remedy)
    check_stored(path, content)
    return OmegaConf.create(found(content))


def check_values(path: Path, cfg: DictConfig, remedy: str) -> None:
    """Check a stored config's values as those of a command are checked.

    Raises:
        InputError: One cannot be used.
    """
    with usable(path, remedy):
        try:
            check_settings(cfg)
        except ConfigError as error:
            raise InputError(path, str(error), remedy) from error


@contextlib.contextmanager
def usable(path: Path, remedy: str) -> Iterator[None]:
    """While objects are made of the stored config in ``path``: whatever it cannot be made into is one line.

    Raises:
        InputError: Something else than a mistake with a message of its own was raised.
    """
    try:
        yield
    except Exception as error:
        mistake = user_error(error)
        if mistake is not None:
            raise mistake from error
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(path, f"holds settings that cannot be used ({reason})", remedy) from error
