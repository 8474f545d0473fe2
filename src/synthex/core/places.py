"""Folders of medical data in configs that are kept: a digest instead, for their names may be those of patients.

What lies where is remembered on this machine, for this user alone, so that a run goes on and is predicted with as
before. Elsewhere the folder is given again, as for any run that was passed on.
"""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthex.core.documents import read_text
from synthex.core.errors import ConfigError, InputError
from synthex.core.files import write_text

PLACES = frozenset(
    (
        *("ct", "meshes", "label_maps", "train", "val", "test", "on_disk", "real_on_disk", "root", "folder"),
        *("test_ct", "test_radiographs"),
    )
)
"""Settings that name a folder or file of medical data, wherever they stand in a config."""

FILES = frozenset(("label_names", "subjects", "annotations"))
"""Settings that do where there is such a file; else they name a known numbering, or a file below such a folder."""

_TOKEN = re.compile(r"place-[0-9a-f]{32}")
_OVERRIDE = re.compile(r"([+~]*)((?:[\w@/]+\.)*(\w+))=(.+)", re.DOTALL)
_NO_PLACE = re.compile(r"null|true|false|\?\?\?|\$\{.*|[-+.\deE]+", re.DOTALL)
"""Values that the same names have elsewhere (``cases.val=96``)."""
_known: dict[str, str] = {}
"""What this process has hidden, for its log file."""
_REMEDY = "delete it, and give the folder anew"


def hidden(settings: Any, remember: bool = False) -> Any:
    """Plain settings with digests in the place of folders and files of medical data.

    Args:
        settings: Nested mappings and lists; in lists also overrides such as ``data.ct=FOLDER``.
        remember: Whether to keep what they stand for, for :func:`found`; where that cannot be written, it is not.
    """
    return _mapped(settings, lambda text: _hide(text, remember))


def found(settings: Any) -> Any:
    """The inverse of :func:`hidden`, on the machine that it was called on.

    A place that is not known here stays a digest; :func:`require_known` refuses it where it is needed.

    Raises:
        InputError: What is remembered is damaged.
    """
    return _mapped(settings, _find)


def require_known(settings: Any) -> None:
    """Refuse settings with a place that :func:`found` did not find.

    Raises:
        ConfigError: As said.
    """
    lost: list[str] = []

    def look(text: str) -> str:
        lost.extend(_TOKEN.findall(text))
        return text

    _mapped(settings, look)
    if lost:
        raise ConfigError(
            "where the data lie is not known on this machine (the run or set comes from another); say it: "
            "ct=, meshes=, on_disk= or real=... with real.root="
        )


class KeptFormatter(logging.Formatter):
    """Lines of a log file as of the terminal, with digests in the place of folders of data that settings name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        words = (
            _mapped([word], lambda text: _hide(text, remember=False))[0] for word in super().format(record).split(" ")
        )
        text = " ".join(words)
        for place, token in _known.items():
            text = re.sub(rf"{re.escape(place)}[^\s:;,'\"]*", token, text)
        return text


def _mapped(node: Any, change: Callable[[str], str], key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _mapped(value, change, str(name)) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_mapped(value, change, key) for value in node]
    if not isinstance(node, str) or not node:
        return node
    override = _OVERRIDE.fullmatch(node)
    if override is not None and _names_place(override[3], override[4].strip("'\"")):
        return f"{override[1]}{override[2]}={change(override[4].strip(chr(39) + chr(34)))}"
    return change(node) if _names_place(key, node) else node


def _names_place(key: str, text: str) -> bool:
    if key in FILES:
        return bool(_TOKEN.fullmatch(text)) or Path(text).expanduser().is_file()
    return key in PLACES and not _NO_PLACE.fullmatch(text)


def _hide(text: str, remember: bool) -> str:
    if _TOKEN.fullmatch(text):
        return text
    place = str(Path(text).expanduser().resolve())
    token = f"place-{hashlib.blake2b(place.encode(), digest_size=16).hexdigest()}"
    _known[place] = token
    path = _memory() / token
    if remember and not path.exists():
        with contextlib.suppress(InputError, OSError):
            _memory().mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(path, place)
            os.chmod(path, 0o600)
    return token


def _find(text: str) -> str:
    path = _memory() / text
    if not _TOKEN.fullmatch(text) or not path.exists():
        return text
    place = read_text(path, _REMEDY, 1 << 16)
    if _hide(place, remember=False) != text:
        raise InputError(path, "is damaged", _REMEDY)
    return place


def _memory() -> Path:
    return Path(os.environ.get("SYNTHEX_CACHE") or "~/.cache/synthex").expanduser() / "places"
