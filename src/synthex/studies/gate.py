"""What a study may ask of ``synthex``: its ``study.yaml`` is a file that anybody may have written."""

import functools
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from synthex.core import InputError, check_stored, check_target

COMMANDS = ("simulate", "data lookalike", "train", "translate train", "translate apply")
"""Commands that a preparation may be."""
OUTPUTS = ("output", "paths.run_dir")
"""Settings that take a preparation's folder."""

_PLACES = re.compile(r"(^|\.)(paths|hydra|trust|output|run_dir|save_dir|default_root_dir|dirpath)(\.|$)")
"""Settings that say where files are written, or what is trusted: these are the user's alone."""


def check_preparation(path: Path, command: str, output: str) -> None:
    """Check which command makes something that jobs share, and the setting that takes its folder.

    Raises:
        InputError: A study cannot have it.
    """
    for value, known in ((command, COMMANDS), (output, OUTPUTS)):
        if value not in known:
            raise InputError(path, f"prepares with {value!r}", f"a study can have {', '.join(known)}")


def check_overrides(path: Path, overrides: Sequence[str], groups: Collection[str]) -> None:
    """Check a study's overrides, as they will be given to a command.

    Args:
        path: The study's file, for the message.
        overrides: Its overrides.
        groups: Names of the groups of ``conf/``.

    Raises:
        InputError: One names code that is not trusted, leaves ``conf/``, or says where files are written.
    """
    for text in overrides:
        if text.startswith("-"):
            raise InputError(path, f"has the flag {text[:80]!r}", "a study has overrides only: key=value")
        if "${" in text:
            raise InputError(path, f"has an interpolation: {text[:80]!r}", "write the value itself")
        for override in _parsed(text):
            _check(path, text, override, groups)


def _check(path: Path, text: str, override: Override, groups: Collection[str]) -> None:
    key = str(override.key_or_group)
    place = str(override.package) if override.package is not None else ""
    if any(_PLACES.search(one.replace("/", ".").strip("'\"")) for one in (key, place)):
        problem = f"sets {key} ({text[:80]!r}), which says where files are written or what is trusted"
        raise InputError(path, problem, "give it on the command line of `synthex study run`, if it is meant")
    value = _plain(override.value())
    if (override.package is not None or "/" in key or key in groups) and any(
        ".." in Path(one).parts or Path(one).is_absolute() for one in _texts(value)
    ):
        raise InputError(path, f"chooses a config outside conf/: {text[:80]!r}", "name one of its groups' options")
    check_stored(path, {key: value})
    if re.search(r"(^|\.)['\"]?_target_['\"]?$", key):
        check_target(path, key, value)


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Override, ...]:
    try:
        return tuple(OverridesParser.create().parse_overrides([text]))
    except HydraException:
        return ()  # composing it says what is wrong


def _plain(value: Any) -> Any:
    """A parsed value with the texts that were quoted as texts."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, dict):
        return {_plain(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in _texts(child)]
    if isinstance(value, list):
        return [text for child in value for text in _texts(child)]
    return [value] if isinstance(value, str) else []
