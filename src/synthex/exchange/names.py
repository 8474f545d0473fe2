"""``names=FILE``: which file each case or subject is, for those who have to find a picture again."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthex.core import ConfigError, Reader, atomic_path, safe_cell


def write_names(setting: str | None, readers: Iterable[Reader]) -> None:
    """Write ids and files as CSV that only this user can read. Nothing of it is kept anywhere else.

    Args:
        setting: The file; None for none.
        readers: Of the cases.

    Raises:
        ConfigError: They are from no files of their own: phantoms, or parts of one archive file.
        InputError: It cannot be written.
    """
    if setting is None:
        return
    named: dict[str, Path] = {}
    for reader in readers:
        named |= _named_files(reader)
    if not named:
        raise ConfigError(f"names={setting}: these cases come from no files of their own")
    write_private(setting, ("id", "file"), ((name, str(path.resolve())) for name, path in named.items()))


def write_private(target: str | Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV that only this user can read.

    Raises:
        InputError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    with atomic_path(Path(target).expanduser()) as path:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text.getvalue())


def _named_files(reader: Any) -> Mapping[str, Path]:
    """Those of a reader, or of what it reads from."""
    if hasattr(reader, "named_files"):
        found: Mapping[str, Path] = reader.named_files()
        return found
    inner = [getattr(reader, name, None) for name in ("anatomies", "source", "reader")]
    inner += [*getattr(reader, "readers", {}).values(), *getattr(reader, "sources", {}).values()]
    return {name: path for one in inner if one is not None for name, path in _named_files(one).items()}
