"""An export in parts: each machine simulates a shard, and one command makes of all of them what one machine had made.

A shard is a folder beside the others, ``shard-2-of-4``, with its finished samples and, once it has all of them,
``shard.json``: what was asked for, which samples, and the SHA-256 of each file. Nothing in it knows where it lies, so
that shards of machines without a common disk are copied together.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex import __version__
from synthex.core import ConfigError, InputError, Sample, Vocabulary, write_json
from synthex.core.documents import read_json
from synthex.core.limits import file_size
from synthex.data.export import Staging

SHARD_FILE = "shard.json"
_NAME = re.compile(r"shard-(\d+)-of-(\d+)")
_AGAIN = "call `synthex simulate` for this shard again"


@dataclass(frozen=True)
class Shard:
    """One part of an export.

    Attributes:
        part: Its number, from 1.
        parts: How many there are.

    Raises:
        ConfigError: There is no such part.
    """

    part: int
    parts: int

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts:
            raise ConfigError(f"shard={self}: give i/n with i from 1 to n, like 2/4")

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that ``2/4`` means.

        Raises:
            ConfigError: It means none.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found:
            raise ConfigError(f"shard={text}: give i/n with i from 1 to n, like 2/4")
        return cls(int(found[1]), int(found[2]))

    def folder(self, output: str | Path) -> Path:
        """Its folder in that of the export."""
        return Path(output) / f"shard-{self.part}-of-{self.parts}"

    def indices(self, count: int) -> range:
        """Its samples of ``count``: a contiguous run; the sizes of shards differ by one at most.

        Raises:
            ConfigError: There are fewer samples than shards.
        """
        if count < self.parts:
            raise ConfigError(f"shard={self}: {count} radiographs make at most {count} shards")
        return range(count * (self.part - 1) // self.parts, count * self.part // self.parts)


def find_shards(output: str | Path) -> dict[Shard, Path]:
    """The folders of shards in that of an export."""
    names = ((path, _NAME.fullmatch(path.name)) for path in sorted(Path(output).glob("shard-*-of-*")))
    return {Shard(int(name[1]), int(name[2])): path for path, name in names if name and path.is_dir()}


def shard_request(request: Mapping[str, Any], shard: Shard) -> dict[str, Any]:
    """What is asked of one shard."""
    return {**request, "shard": str(shard)}


def finish_shard(staging: Staging, shard: Shard, request: Mapping[str, Any], vocabulary: Vocabulary) -> Path:
    """Write down what a shard holds, now that all its samples are there."""
    digests = {str(index): _digest(staging.file(index)) for index in shard.indices(int(request["count"]))}
    content = {
        "synthex": __version__,
        "shard": str(shard),
        "request": dict(request),
        "structures": list(vocabulary.structures),
        "landmarks": list(vocabulary.landmarks),
        "sha256": digests,
    }
    write_json(staging.folder / SHARD_FILE, content)
    return staging.folder / SHARD_FILE


@dataclass(frozen=True)
class Parts:
    """All shards of an export, checked.

    Attributes:
        request: What was exported.
        vocabulary: Names of structures and landmarks.
        folders: Of the shards, in order.
        files: The staging that holds each sample, in order.
    """

    request: dict[str, Any]
    vocabulary: Vocabulary
    folders: tuple[Path, ...]
    files: tuple[Staging, ...]

    def samples(self) -> Iterator[Sample]:
        """All samples in order."""
        return (staging.get(index) for index, staging in enumerate(self.files))

    def remove(self) -> None:
        """Delete the shards; what they were merged into is complete."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def open_shards(output: str | Path) -> Parts:
    """Check the shards in a folder: all there, finished, of one request and one version, every file whole.

    Raises:
        InputError: They are not; names the first thing at fault.
    """
    output, found = Path(output), find_shards(output)
    if not found:
        raise InputError(output, "holds no shards", "write them with `synthex simulate shard=1/4 output=...` and so on")
    numbers = sorted({shard.parts for shard in found})
    if len(numbers) > 1:
        several = " and ".join(str(number) for number in numbers)
        raise InputError(output, f"holds shards of {several}", "keep those of one division, delete the others")
    missing = [shard for part in range(1, numbers[0] + 1) if (shard := Shard(part, numbers[0])) not in found]
    if missing:
        named = ", ".join(str(shard) for shard in missing[:4]) + (", ..." if len(missing) > 4 else "")
        raise InputError(output, f"lacks {len(missing)} of {numbers[0]} shards ({named})", "simulate or copy them")
    shards = sorted(found, key=lambda shard: shard.part)
    contents = [_read(found[shard], shard) for shard in shards]
    first = contents[0]
    for shard, content in zip(shards, contents, strict=True):
        changed = [key for key in ("synthex", "structures", "landmarks") if content[key] != first[key]]
        one, other = content["request"], first["request"]
        changed += sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
        if changed:
            problem = f"was made otherwise than shard {shards[0]} (different: {', '.join(changed)})"
            raise InputError(found[shard], problem, "simulate it again with the same settings and version")
    files = tuple(
        staging for shard, content in zip(shards, contents, strict=True) for staging in _check(found[shard], content)
    )
    vocabulary = Vocabulary(tuple(first["structures"]), tuple(first["landmarks"]))
    return Parts(first["request"], vocabulary, tuple(found[shard] for shard in shards), files)


def _read(folder: Path, shard: Shard) -> dict[str, Any]:
    path = folder / SHARD_FILE
    if not path.exists():
        raise InputError(folder, "is not finished", _AGAIN)
    content: dict[str, Any] = read_json(path, f"delete it and {_AGAIN}")
    try:
        wanted = {str(index) for index in shard.indices(int(content["request"]["count"]))}
        fits = content["shard"] == str(shard) and content["sha256"].keys() == wanted
        fits = fits and all(key in content for key in ("synthex", "structures", "landmarks"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, ConfigError) as error:
        raise InputError(path, f"is damaged ({type(error).__name__})", f"delete it and {_AGAIN}") from error
    if not fits:
        raise InputError(path, f"does not describe shard {shard}", f"delete it and {_AGAIN}")
    return content


def _check(folder: Path, content: Mapping[str, Any]) -> list[Staging]:
    """The staging of every sample of a shard, in order, after its file has been compared with its digest."""
    staging = Staging(folder, shard_request(content["request"], Shard.parse(content["shard"])))
    for index, digest in content["sha256"].items():
        path = staging.file(int(index))
        if not path.exists():
            raise InputError(path, "is missing", _AGAIN)
        if _digest(path) != digest:
            raise InputError(path, "is not what the shard wrote (cut short or changed)", f"delete it and {_AGAIN}")
    return [staging] * len(content["sha256"])


def _digest(path: Path) -> str:
    file_size(path, remedy=_AGAIN)  # no pipe, which may never end
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", _AGAIN) from error
