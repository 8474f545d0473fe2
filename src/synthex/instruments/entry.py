"""Reading a YAML file key by key, so that every mistake is one line with the file and the key."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import InputError
from synthex.core.arrays import Point3
from synthex.core.documents import read_yaml
from synthex.instruments.checks import is_number


@dataclass(frozen=True, eq=False)
class Entry:
    """One mapping of a YAML file.

    Attributes:
        path: The file.
        where: Dotted path of the mapping in it; empty at the top.
        values: The mapping.
        length_mm: Millimetres of the file's unit of length.
    """

    path: Path
    where: str
    values: Mapping[str, Any]
    length_mm: float | int = 1.0

    def error(self, key: str, problem: str, remedy: str) -> InputError:
        """An error at ``key`` of this mapping, or at the mapping itself."""
        place = ".".join(part for part in (self.where, key) if part)
        return InputError(self.path, f"{place} {problem}".strip(), remedy)

    def only(self, keys: Collection[str]) -> None:
        """Refuse every other key.

        Raises:
            InputError: There is another; names the nearest valid ones.
        """
        for key in self.values:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=2, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"valid keys: {', '.join(sorted(keys))}"
                raise self.error(str(key), "is not a key that is known here", hint)

    def get(self, key: str, default: Any = None) -> Any:
        """The value as it stands; ``default`` where it is absent or null."""
        value = self.values.get(key)
        return default if value is None else value

    def entry(self, key: str) -> "Entry":
        """A mapping below this one.

        Raises:
            InputError: Missing, or not a mapping.
        """
        value = self._required(key, "a mapping of names to values")
        if not isinstance(value, dict):
            raise self.error(key, f"is {value!r}", "write a mapping: indented lines of 'name: value'")
        return Entry(self.path, ".".join(part for part in (self.where, key) if part), value, self.length_mm)

    def text(self, key: str, default: str | None = None) -> str:
        """A string that is not empty.

        Raises:
            InputError: Missing without a default, or something else.
        """
        value = self.get(key, default)
        if value is None:
            self._required(key, "a name")
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"is {value!r}", "write a name (in quotes if it looks like a number)")
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of some words.

        Raises:
            InputError: Missing without a default, or none of them.
        """
        value = self.text(key, default)
        if value not in choices:
            near = difflib.get_close_matches(value, choices, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(choices)}"
            raise self.error(key, f"is {value!r}", hint)
        return value

    def number(self, key: str, default: float | int | None = None) -> float:
        """A finite number.

        Raises:
            InputError: Missing without a default, or something else.
        """
        value = self.get(key, default)
        if value is None:
            self._required(key, "a number")
        if not is_number(value):
            raise self.error(key, f"is {value!r}", "write a finite number such as 3.5")
        return float(value)

    def length(self, key: str, default_mm: float | int | None = None) -> float:
        """A positive length, in mm.

        Raises:
            InputError: Missing without a default, not a number, or not positive.
        """
        if default_mm is not None and self.get(key) is None:
            return float(default_mm)
        value = self.number(key)
        if not value > 0:
            raise self.error(key, f"is {value:g}", "write a length above 0")
        return value * self.length_mm

    def vector(self, key: str, default: tuple[float, float, float] | None = None) -> Point3:
        """Three numbers, without a unit.

        Raises:
            InputError: Missing without a default, or something else.
        """
        value = self.get(key, default)
        if value is None:
            self._required(key, "three numbers")
        if not is_point(value):
            raise self.error(key, f"is {value!r}", "write three numbers such as [0, 0, 35]")
        return np.array(value, dtype=np.float64)

    def point(self, key: str, default: tuple[float, float, float] | None = None) -> Point3:
        """A position, in mm."""
        return self.vector(key, default) * self.length_mm

    def direction(self, key: str, default: tuple[float, float, float] | None = None) -> Point3:
        """A direction of length 1.

        Raises:
            InputError: As :meth:`vector`, or of length 0.
        """
        value = self.vector(key, default)
        length = float(np.linalg.norm(value))
        if not length > 0:
            raise self.error(key, "is [0, 0, 0], which points nowhere", "write a direction such as [0, 0, 1]")
        return value / length

    def _required(self, key: str, what: str) -> Any:
        value = self.values.get(key)
        if value is None:
            raise self.error(key, "is missing", f"give {what}")
        return value


def read_entry(path: Path) -> Entry:
    """The mapping that a YAML file holds.

    Raises:
        InputError: No such file, unreadable, not YAML, a key twice, or not a mapping.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", "give the path of a YAML file that describes an instrument")
    value = read_yaml(path, "correct it there", unique_names=True)
    if not isinstance(value, dict):
        raise InputError(
            path, "does not hold a mapping", "write 'name: ...' and 'parts: ...' (see docs/instruments.md)"
        )
    return Entry(path, "", value)


def is_point(value: Any) -> bool:
    """Whether a YAML value is three finite numbers."""
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(map(is_number, value))
