"""Mutants of files for every reader: damage as disks, transfers, other programs and attackers do it, from seeds.

``python -m generators.mutants SEED COUNT [NAME …]`` reads ``COUNT`` mutants and prints one JSON line for each that
ended in anything but a value or an error of one line: a traceback, a signal, 10 s of CPU, 1 GiB, a word of another
library on the terminal.
"""

import gzip
import json
import logging
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECONDS, BYTES = 10, 1 << 30
"""CPU time and memory that reading one mutant may take."""
WALL_SECONDS = 90
"""Time after which a child that says nothing waits for something that never comes (a pipe)."""

_NUMBERS = (0, 1, 2, 3, 127, 128, 255, 256, 32767, 32768, 65535, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
_WORDS = (
    *("", "0", "-1", "1e308", "nan", "inf", "-inf", "9" * 20, "9" * 5000, "0x10", "1e9", "65535", "2147483648"),
    *("a" * 3000, "../../../x", "/dev/zero", "${oc.env:HOME}", "null", "true", "[]", "{}", "2020-01-01", "\\u0000"),
    *("=1+1", "!!python/name:os.system", "*a", "&a", "[" * 3000, '{"a":' * 3000, "- " * 2000, "\x00", "é", "NaN"),
)
_TEXT = (".json", ".csv", ".yaml", ".fcsv", ".obj", ".mhd", ".nhdr")


def mutate(content: bytes, rng: np.random.Generator, other: bytes = b"", text: bool = False) -> bytes:
    """One mutant of a file's bytes.

    Args:
        content: The file.
        rng: What is done, and where.
        other: Another file, to splice with.
        text: Whether words and nesting are more likely than bytes.
    """
    kinds = [_bits, _bytes, _length, _cut, _drop, _repeat, _splice]
    kinds += [_word, _word, _nest] * (4 if text else 1)
    changed = bytearray(content)
    for _ in range(int(rng.choice((1, 1, 1, 2, 4)))):
        changed = kinds[rng.integers(len(kinds))](changed, rng, other)
    return bytes(changed)


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Half of the time within the first 512 bytes, where headers are."""
    size = max(len(content), 1)
    return int(rng.integers(min(size, 512) if rng.random() < 0.5 else size))


def _bits(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    for _ in range(int(rng.integers(1, 9)) if content else 0):
        content[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return content


def _bytes(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place, size = _place(content, rng), int(rng.integers(1, 17))
    content[place : place + size] = bytes([rng.choice((0, 255, 127, 128, 10, 32))]) * size
    return content


def _length(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    width = int(rng.choice((1, 2, 4, 8)))
    value = int(rng.choice(np.array(_NUMBERS, dtype=np.uint64))) % 256**width
    place = _place(content, rng) // width * width
    content[place : place + width] = value.to_bytes(width, "little" if rng.random() < 0.7 else "big")
    return content


def _cut(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return content[: _place(content, rng)]


def _drop(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place = _place(content, rng)
    del content[place : place + int(rng.integers(1, 200))]
    return content


def _repeat(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place = _place(content, rng)
    content[place:place] = content[place : place + int(rng.integers(1, 200))] * int(rng.choice((1, 2, 100)))
    return content


def _splice(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return content[: _place(content, rng)] + other[_place(bytearray(other), rng) :]


def _word(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    """Another word in the place of a number or a name."""
    words = list(re.finditer(rb"[\w.+-]{1,40}", bytes(content[: 1 << 16])))
    if not words:
        return content
    found = words[rng.integers(len(words))]
    content[found.start() : found.end()] = _WORDS[rng.integers(len(_WORDS))].encode()
    return content


def _nest(content: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    places = [found.start() for found in re.finditer(rb"[\[{:,\n]", bytes(content[: 1 << 16]))] or [0]
    place = places[rng.integers(len(places))] + 1
    depth = int(rng.choice((70, 1000, 100_000)))
    opened, closed = ((b"[", b"]"), (b'{"a":', b"}"), (b"\n- ", b""), (b"{a: ", b"}"))[rng.integers(4)]
    content[place:place] = opened * depth + b"1" + (closed * depth if rng.random() < 0.7 else b"")
    return content


def mutate_file(path: Path, rng: np.random.Generator, other: bytes) -> None:
    """Mutate a file in place: its bytes, what is compressed in it, or what it is at all."""
    if rng.random() < 0.04:
        _replace(path, rng)
        return
    content, text = path.read_bytes(), path.suffix in _TEXT
    inner = rng.random() < 0.6
    if inner and content[:2] == b"\x1f\x8b":
        packed = gzip.compress(mutate(gzip.decompress(content), rng, other), 1)
        path.write_bytes(packed)
    elif inner and content[:4] == b"PK\x03\x04":
        _mutate_member(path, rng, other)
    else:
        path.write_bytes(mutate(content, rng, other, text))


def _mutate_member(path: Path, rng: np.random.Generator, other: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: (member.compress_type, archive.read(member)) for member in archive.infolist()}
    chosen = list(members)[rng.integers(len(members))]
    with zipfile.ZipFile(path, "w") as archive:
        for name, (kind, content) in members.items():
            if name != chosen or rng.random() < 0.95:
                archive.writestr(name, mutate(content, rng, other) if name == chosen else content, kind)


def _replace(path: Path, rng: np.random.Generator) -> None:
    """Something else by the same name."""
    how = int(rng.integers(7))
    path.unlink()
    if how == 0:
        path.write_bytes(b"")
    elif how == 1:
        path.mkdir()
    elif how == 2:
        os.mkfifo(path)
    elif how == 3:
        path.symlink_to(path.name)
    elif how == 4:
        path.symlink_to("/dev/zero")
    elif how == 5:
        path.write_bytes(gzip.compress(bytes(1 << 24), 1) * 20)  # 336 MB of nothing in 1.5 MB
    # else it is gone


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        write: Makes whole files in a folder.
        read: Reads them to the end.
        files: Pattern of the files that are mutated.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], object]
    files: str = "*"


def targets() -> dict[str, Target]:
    """Every reader of the project, by name."""
    from generators import mutant_targets

    return mutant_targets.targets()


def hunt(seed: int, count: int, names: list[str]) -> Iterator[dict[str, object]]:
    """What ended otherwise than it should, of ``count`` mutants of the targets, in turn."""
    found = targets()
    chosen = [name for name in found if not names or any(part in name for part in names)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in chosen:
            # Here, not in a child: libraries load once, and every child has them.
            found[name].write(_made(Path(folder) / "whole" / name))
            found[name].read(Path(folder) / "whole" / name)
        todo = [(chosen[number % len(chosen)], number) for number in range(count)]
        todo.sort(key=lambda job: chosen.index(job[0]))  # one child reads all of a target: libraries load once
        while todo:
            done, fault = _batch(found, todo, Path(folder), seed)
            if fault is not None:
                yield {"target": todo[done][0], "number": todo[done][1], **fault}
                done += 1
            todo = todo[done:]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _batch(
    found: dict[str, Target], todo: list[tuple[str, int]], folder: Path, seed: int
) -> tuple[int, dict[str, object] | None]:
    """Read mutants in a child until one goes wrong: how many went well, and what went wrong."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        ours.close()
        words = _Words()
        logging.getLogger().addHandler(words)
        terminal = os.open(folder / "terminal", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(terminal, 2)
        try:
            for name, number in todo:
                fault = _one(found[name], folder / "whole" / name, folder / "copy", [seed, number])
                said = words.said or os.pread(terminal, 200, 0).decode(errors="replace")
                if fault is None and said:
                    fault = {"fault": "talks", "text": str(said)[:200]}
                theirs.send(fault)
                if fault is not None:
                    break
        finally:
            os._exit(0)
    theirs.close()
    done, fault = 0, None
    while fault is None and done < len(todo):
        if not ours.poll(WALL_SECONDS):
            os.kill(pid, signal.SIGKILL)
            fault = {"fault": "waits for ever"}
            break
        try:
            fault = ours.recv()
            done += fault is None
        except EOFError:
            break
    _, status = os.waitpid(pid, 0)
    if fault is None and done < len(todo):
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        fault = {"fault": "hangs" if killed == signal.SIGPROF else f"dies of signal {killed}"}
    return done, fault


class _Words(logging.Handler):
    """What libraries log; our own words are meant."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("synthex"):
            self.said.append(f"{record.name}: {record.getMessage()}")


def _one(target: Target, whole: Path, copy: Path, seed: list[int]) -> dict[str, object] | None:
    from synthex.core import UserError

    rng = np.random.default_rng(seed)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    files = sorted(path for path in copy.rglob(target.files) if path.is_file())
    others = files[rng.integers(len(files))].read_bytes()
    mutate_file(files[rng.integers(len(files))], rng, others)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Of CPU, as it stops C code too, and does not count what else the machine does.
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    fault: dict[str, object] | None = None
    try:
        target.read(copy)
    except UserError as error:
        if "\n" in str(error):
            fault = {"fault": "several lines", "text": str(error)}
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames if "synthex" in frame.filename]
        fault = {"fault": type(error).__name__, "text": str(error)[:200], "where": where[-3:]}
    signal.setitimer(signal.ITIMER_PROF, 0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if fault is None and after > before and after * 1024 > BYTES:
        fault = {"fault": f"takes {after // 1024} MiB"}
    return fault


def main() -> None:
    """Hunt, and print what was found."""
    warnings.simplefilter("ignore")
    seed, count, *names = sys.argv[1:]
    for fault in hunt(int(seed), int(count), names):
        print(json.dumps(fault), flush=True)


if __name__ == "__main__":
    main()
