"""Which code computed something: so that an edit, committed or not, makes it stale."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import synthex

NOT_CODE = ("conf", "experiments")
"""Folders of an installed package that are not its code: settings, which count as resolved."""


def content_hash(value: Any) -> str:
    """16 hexadecimal digits that depend on a JSON value alone, not on the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def code_version() -> str:
    """Version of the package, and a hash of its files as they are now: ``0.1.0+1f0c9a3b7d2e4856``."""
    return f"{synthex.__version__}+{folder_hash(Path(synthex.__file__).parent, NOT_CODE)}"


def versions(conf: Iterable[str | Path]) -> tuple[str, str]:
    """Of the code, and of the settings in these folders."""
    return code_version(), "+".join(folder_hash(Path(folder)) for folder in conf)


def folder_hash(folder: Path, without: tuple[str, ...] = ()) -> str:
    """Hash of names and content of all files below a folder, but Python's caches and the folders ``without``."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if parts[0] not in without and "__pycache__" not in parts and path.is_file():
            digest.update(f"{'/'.join(parts)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
