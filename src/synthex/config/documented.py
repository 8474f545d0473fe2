"""What the comments of ``conf/`` say of its settings: the help of commands, and the reference of the site."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w./@]+):(?: +(?P<rest>.*))?$")
_CONTINUED = re.compile(r"^ *(- |[\]}]|\S+,$)")


@dataclass(frozen=True)
class Setting:
    """One key of a config file.

    Attributes:
        name: Dotted path below the file's group.
        value: As it is written; empty for a mapping.
        comment: What the file says of it.
    """

    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class ConfigFile:
    """One file of ``conf/``.

    Attributes:
        name: Of the option, without suffix.
        about: The comment it begins with.
        defaults: Groups and options of its defaults list, with comments.
        settings: Its keys.
    """

    name: str
    about: str
    defaults: tuple[Setting, ...]
    settings: tuple[Setting, ...]

    @property
    def summary(self) -> str:
        """The first sentence of what it says of itself."""
        return re.split(r"(?<=[.;])(?<!al\.) ", self.about + " ", maxsplit=1)[0].rstrip(" .;")


def read_config(path: Path) -> ConfigFile:
    """A config file with its comments: those behind a key are about it, and so are lines of them above it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    about, first = _heading(lines)
    defaults: list[Setting] = []
    settings: list[Setting] = []
    above: list[str] = []
    stack: list[tuple[int, str]] = []
    for line in lines[first:]:
        stripped = line.strip()
        if stripped.startswith("#"):
            above.append(stripped.lstrip("# "))
        elif not stripped:
            above = []
        elif match := _KEY.match(line):
            indent = len(match["indent"])
            stack = [entry for entry in stack if entry[0] < indent]
            value, comment = _split(match["rest"] or "")
            stack.append((indent, match["key"]))
            name = ".".join(key for _, key in stack)
            said = " ".join([*above, comment]).strip()
            above = []
            if match["key"] not in ("defaults", "_target_", "_convert_", "_partial_"):
                settings.append(Setting(name, value, said))
        elif stripped.startswith("- ") and stack and stack[-1][1] == "defaults":
            value, comment = _split(stripped[2:])
            group, _, option = value.partition(": ")
            defaults.append(Setting(group.replace("override ", ""), option, " ".join([*above, comment]).strip()))
            above = []
    return ConfigFile(path.stem, about, tuple(defaults), tuple(settings))


def _heading(lines: list[str]) -> tuple[str, int]:
    """The comment at the top, and the line after it. One that stands directly on a key is the file's too."""
    said: list[str] = []
    for number, line in enumerate(lines):
        if not line.startswith("#"):
            return " ".join(said), number
        if "@package" not in line:
            said.append(line.lstrip("# "))
    return " ".join(said), len(lines)


def _split(text: str) -> tuple[str, str]:
    """A value and the comment behind it; a # within quotes is none."""
    quote = ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and (at == 0 or text[at - 1] == " "):
            return text[:at].strip(), text[at + 1 :].strip()
    return text.strip(), ""


def read_group(folders: list[Path], group: str) -> Iterator[ConfigFile]:
    """The options of a group in folders of configs, by name; the first folder that has one wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted((folder / group).rglob("*.yaml")):
            found.setdefault(path.relative_to(folder / group).with_suffix("").as_posix(), path)
    for name in sorted(found):
        read = read_config(found[name])
        yield ConfigFile(name, read.about, read.defaults, read.settings)
