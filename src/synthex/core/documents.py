"""Reading text, JSON, YAML and arrays that others wrote: bounded, plain values only, every fault one line.

Nothing of a file's content is quoted in an error, for names in it may be names of people.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core.errors import InputError
from synthex.core.limits import (
    MAX_DEPTH,
    MAX_TEXT_BYTES,
    MAX_VOLUME_BYTES,
    MAX_YAML_BYTES,
    check_archive,
    file_size,
    read_bytes,
    read_member,
)

DAMAGED_ARCHIVE = (
    KeyError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, or of an unknown method (NotImplementedError is one)
    OverflowError,
    MemoryError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What zipfile and NumPy raise about a damaged archive of arrays."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^][{}"]+')


def whole_number(text: str) -> int | None:
    """The number that decimal digits are; None for other text, and for more digits than anything here counts."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def read_text(path: str | Path, remedy: str, limit: int = MAX_TEXT_BYTES) -> str:
    """UTF-8 text of a regular file, without a byte order mark.

    Raises:
        InputError: Missing, no regular file, larger than ``limit`` bytes, or not UTF-8.
    """
    try:
        return read_bytes(path, limit, remedy).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not text in UTF-8 (byte {error.start})", remedy) from error


def read_json(path: str | Path, remedy: str, limit: int = MAX_TEXT_BYTES) -> Any:
    """The value of a JSON file.

    Raises:
        InputError: As :func:`read_text`, not JSON, or nested deeper than 64 levels.
    """
    return parse_json(path, read_text(path, remedy, limit), remedy)


def parse_json(path: str | Path, text: str, remedy: str, name: str = "") -> Any:
    """The value of JSON text that was found in ``path``, there under ``name``.

    Raises:
        InputError: It is not JSON, or nested deeper than 64 levels.
    """
    what = f"{name} " if name else ""
    try:
        value = json.loads(text)
    except RecursionError:
        raise InputError(path, f"{what}is nested too deeply", remedy) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(path, f"{what}is not complete JSON ({error.msg}: {place})", remedy) from error
    except ValueError:  # a number of thousands of digits
        raise InputError(path, f"{what}holds a number that is too long", remedy) from None
    # Only now, for text that is JSON has no string without an end, which the pattern would search for again and again.
    brackets = np.frombuffer(_TOKEN.sub("", text).encode(), dtype=np.uint8)
    steps = np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1)
    if steps.size and int(np.cumsum(steps).max()) > MAX_DEPTH:
        raise InputError(path, f"{what}is nested more than {MAX_DEPTH} levels deep", remedy)
    return value


def read_yaml(path: str | Path, remedy: str, unique_names: bool = False) -> Any:
    """The value of a YAML file: mappings, lists, text, numbers, true, false and null.

    Dates stay text. Tags that name a type (``!!python/…``, ``!!binary``) are refused, and so are anchors within
    anchors, which grow without end.

    Args:
        path: The file.
        remedy: What to do where it cannot be used.
        unique_names: Whether every key must be text and no key may be there twice.

    Raises:
        InputError: Missing, no regular file, larger than 512 KiB, not UTF-8, not such YAML, or nested deeper than 64
            levels.
    """
    return parse_yaml(path, read_text(path, remedy, MAX_YAML_BYTES), remedy, unique_names)


def parse_yaml(path: str | Path, text: str, remedy: str, unique_names: bool = False) -> Any:
    """The value of YAML text that was found in ``path``; as :func:`read_yaml`.

    Raises:
        InputError: It is no such YAML.
    """
    import yaml

    from synthex.core.plain_yaml import NamedOnceLoader, PlainLoader

    try:
        return yaml.load(text, Loader=NamedOnceLoader if unique_names else PlainLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
        raise InputError(path, f"is not valid YAML{line}: {' '.join(str(problem).split())}", remedy) from error
    except (RecursionError, ValueError, TypeError, OverflowError, AttributeError) as error:
        # Of numbers such as 0x or of ten thousand digits, and of keys that are lists.
        raise InputError(path, f"is not valid YAML ({type(error).__name__})", remedy) from error


def read_arrays(path: str | Path, remedy: str, limit: int = MAX_VOLUME_BYTES) -> Mapping[str, np.ndarray]:
    """All arrays of an ``.npz`` file, which may have ``limit`` bytes together. Nothing is unpickled.

    Raises:
        InputError: Missing, no regular file, damaged, or too large.
    """
    file_size(path, limit, remedy)
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(path, archive, limit, remedy)
            names = archive.namelist()
            return {name.removesuffix(".npy"): parse_array(read_member(archive, name, limit)) for name in names}
    except DAMAGED_ARCHIVE as error:
        raise InputError(path, f"is not a complete npz file ({type(error).__name__})", remedy) from error


def parse_array(content: bytes) -> np.ndarray:
    """The array of the bytes of an ``.npy`` file, which must have the size that its header says.

    Raises:
        ValueError: Its header is damaged, it has another size, or would be unpickled.
    """
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(stream)
    # The header is Python source, and NumPy lets through what its tokenizer, parser and dtype raise.
    except Exception as error:
        raise ValueError(f"no header of an npy file ({type(error).__name__})") from error
    # NumPy would take the memory first and read then.
    size = dtype.itemsize
    for side in shape:
        size *= side
    if dtype.hasobject or min((*shape, 0)) < 0 or size != len(content) - stream.tell():
        raise ValueError("not the size that its header says")
    values = np.frombuffer(content, dtype, offset=stream.tell()) if size else np.zeros(0, dtype)
    return values.reshape(shape[::-1]).T.copy("F") if fortran else values.reshape(shape).copy()
