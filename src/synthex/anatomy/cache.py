"""Prepared volumes on disk: resampled once, memory-mapped by every worker and process after that."""

import contextlib
import hashlib
import json
import logging
import mmap
import multiprocessing
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from synthex.anatomy.resampling import resample_labels, resample_linear
from synthex.core import Affine, Anatomy, AnatomySource, ConfigError, InputError, Volume
from synthex.core.documents import read_json
from synthex.core.parent import end_with_parent

log = logging.getLogger(__name__)

VERSION = 2
"""Part of every key: raise it when resampling or the layout of an entry changes."""

_CT, _LABELS, _META = "ct.npy", "labels.npy", "meta.json"
_State = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of an entry's files."""

Progress = Callable[[int, int, str], None]
"""Called with (subjects done, subjects in all, the subject just done)."""


class PreparedAnatomies:
    """A cache in front of an :class:`~synthex.core.AnatomySource`; itself such a source.

    Each subject is stored as ``<cache_dir>/<key>/{ct.npy,labels.npy,meta.json}``, where the key hashes the
    subject's fingerprint, the spacing and the code version. Entries are written to a temporary folder and
    renamed, so that nobody sees half of one and several processes may prepare at once (the first wins).
    An entry proves its bytes: ``meta.json`` holds digests of the other files and of itself, which are compared once in
    a process (not in workers that are sent the cache). One that is missing, damaged or another's is built again, with
    a warning where it was there. Old entries are never removed: delete the folder to reclaim space.

    Args:
        source: Where subjects come from.
        cache_dir: Folder of the cache; created when needed.
        spacing_mm: Isotropic voxel edge: linear HU (blurred first where it gets coarser), labels of
            the largest share of each voxel.
            None keeps the native grid.
        continued_mm: How far bodies go on beyond their scans (:func:`synthex.anatomy.continuation.continued`), mm.

    Raises:
        ConfigError: A spacing that is not positive, or a continuation that is negative.
    """

    def __init__(
        self,
        source: AnatomySource,
        cache_dir: str | Path,
        spacing_mm: float | int | None = None,
        continued_mm: float | int = 0,
    ) -> None:
        if spacing_mm is not None and not 0.05 <= spacing_mm <= 20:
            raise ConfigError(f"spacing_mm={spacing_mm} is out of range; choose 0.05 to 20 mm, or null for native")
        self.source = source
        self.cache_dir = Path(cache_dir)
        if not 0 <= continued_mm <= 1000:
            raise ConfigError(f"continued_mm={continued_mm} is out of range; choose 0 to 1000 mm")
        self.spacing_mm = None if spacing_mm is None else float(spacing_mm)
        self.continued_mm = float(continued_mm)
        self._loaded: dict[str, Anatomy] = {}
        self._proven: dict[str, _State] = {}

    def subject_ids(self) -> tuple[str, ...]:
        """The subjects of the source."""
        return self.source.subject_ids()

    def fingerprint(self, subject_id: str) -> str:
        """The key of the subject's entry."""
        parts: tuple[object, ...] = (VERSION, self.source.fingerprint(subject_id), self.spacing_mm)
        parts += (("continued", 2, self.continued_mm),) if self.continued_mm else ()
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def load(self, subject_id: str) -> Anatomy:
        """One subject with read-only memory-mapped arrays; prepared first where it is not in the cache.

        Within one process a subject is mapped once and then returned again, without another look at the files.

        Raises:
            InputError: A file of the subject cannot be used, or the cache cannot be written.
        """
        if subject_id not in self._loaded:
            entry = self.cache_dir / self.fingerprint(subject_id)
            anatomy = self._open(subject_id, entry)
            if anatomy is None:
                if entry.exists():
                    log.warning("%s: the cache entry is damaged or of an older version; it is made again", entry)
                self._build(subject_id, entry)
                anatomy = self._open(subject_id, entry)
            if anatomy is None:
                raise InputError(
                    entry, "the cache entry cannot be read back", "check the disk, or choose another folder"
                )
            self._loaded[subject_id] = anatomy
        return self._loaded[subject_id]

    def prepare(self, subject_id: str | None = None, progress: Progress | None = None, workers: int = 1) -> None:
        """Build what is missing, now.

        Args:
            subject_id: One subject, or None for all.
            progress: Called after each subject.
            workers: Processes; each holds one subject at native resolution in memory.

        Raises:
            InputError: As :meth:`load`; with several workers, of the first subject that failed.
        """
        todo = self.subject_ids() if subject_id is None else (subject_id,)
        report = progress or (lambda done, total, name: None)
        if workers <= 1 or len(todo) <= 1:
            for done, name in enumerate(todo, start=1):
                self.load(name)
                report(done, len(todo), name)
            return
        # Spawned, not forked: the parent may already run threads of ITK or torch.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(todo)), context, end_with_parent) as pool:
            with _main_left_out(self):
                futures = {pool.submit(_prepare_one, self, name): name for name in todo}
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    message = future.result()
                    if message is not None:
                        raise InputError(*message)
                    report(done, len(todo), futures[future])
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def __getstate__(self) -> dict[str, Any]:
        # A pickled memory map would carry its voxels: a worker maps the files itself.
        return {**self.__dict__, "_loaded": {}}

    def _open(self, subject_id: str, entry: Path) -> Anatomy | None:
        """Map an entry, its bytes compared unless that was done before; None where it is missing or damaged."""
        state = _state(entry)
        meta = None if state is None else _read_meta(entry)
        if meta is None or state is None:
            return None
        if self._proven.get(entry.name) != state and not _proves(entry, meta):
            return None
        self._proven[entry.name] = state
        return _map_entry(entry, meta, subject_id)

    def _build(self, subject_id: str, entry: Path) -> None:
        anatomy = self.source.load(subject_id)
        ct, labels = anatomy.ct, anatomy.labels
        if self.spacing_mm is not None:
            ct, labels = resample_linear(ct, self.spacing_mm), resample_labels(labels, self.spacing_mm)
        from synthex.anatomy.continuation import continued  # here, as a start from the cache need not wait for SciPy

        longer = continued(replace(anatomy, ct=ct, labels=labels), self.continued_mm)
        ct, labels = longer.ct, longer.labels
        try:
            self.cache_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=self.cache_dir, ignore_cleanup_errors=True) as folder:
                part = Path(folder) / "entry"
                part.mkdir()
                np.save(part / _CT, np.ascontiguousarray(ct.data))
                np.save(part / _LABELS, np.ascontiguousarray(labels.data))
                meta = {
                    "key": entry.name,
                    "world_from_ijk": ct.world_from_ijk.matrix.tolist(),
                    "structures": dict(anatomy.structures),
                    "landmarks": {name: point.tolist() for name, point in anatomy.landmarks.items()},
                    "absent": sorted(anatomy.absent),
                    "xxh3": {name: _file_digest(part / name) for name in (_CT, _LABELS)},
                }
                meta["digest"] = _meta_digest(meta)
                (part / _META).write_text(json.dumps(meta, allow_nan=False), encoding="utf-8")
                _put(part, entry, Path(folder))
        except OSError as error:
            raise InputError(
                self.cache_dir,
                f"the cache cannot be written ({error.strerror or error})",
                "check permissions and free space, or choose another cache folder",
            ) from error


@contextlib.contextmanager
def _main_left_out(sent: object) -> Iterator[None]:
    """Let spawned processes not import the script that runs, unless what they are sent is defined there.

    A script without ``if __name__ == "__main__"`` would begin anew in each of them.
    """
    main = sys.modules["__main__"]
    if b"__main__" in pickle.dumps(sent):
        yield
        return
    file, spec = main.__dict__.pop("__file__", None), main.__spec__
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _prepare_one(prepared: PreparedAnatomies, subject_id: str) -> tuple[Path, str, str] | None:
    """In a worker: errors travel as their parts, because exceptions of several arguments do not unpickle."""
    try:
        prepared.load(subject_id)
    except InputError as error:
        return error.path, error.problem, error.remedy
    return None


def _put(part: Path, entry: Path, scratch: Path) -> None:
    """Rename a finished entry into place; a good one that another process put there first stays."""
    for _ in range(3):
        try:
            os.rename(part, entry)
        except OSError:
            meta = _read_meta(entry)
            if meta is not None and _proves(entry, meta):
                return
            with contextlib.suppress(FileNotFoundError):
                damaged = scratch / f"damaged-{os.getpid()}"
                os.rename(entry, damaged)
                shutil.rmtree(damaged, ignore_errors=True)
        else:
            return
    os.rename(part, entry)


def _state(entry: Path) -> _State | None:
    """What tells whether the files of an entry were touched; None where one is missing."""
    try:
        found = [(entry / name).stat() for name in (_CT, _LABELS, _META)]
    except OSError:
        return None
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)


def _read_meta(entry: Path) -> dict[str, Any] | None:
    """What an entry says about itself; None where that is missing, damaged or of another entry."""
    try:
        meta = read_json(entry / _META, "delete it")
        if meta["key"] == entry.name and meta["digest"] == _meta_digest(meta):
            return dict(meta)
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _proves(entry: Path, meta: Mapping[str, Any]) -> bool:
    """Whether an entry's files have the bytes that were written."""
    try:
        return all(_file_digest(entry / name) == meta["xxh3"][name] for name in (_CT, _LABELS))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _map_entry(entry: Path, meta: Mapping[str, Any], subject_id: str) -> Anatomy | None:
    try:
        affine = Affine(np.array(meta["world_from_ijk"]))
        ct = Volume(np.load(entry / _CT, mmap_mode="r"), affine)
        labels = Volume(np.load(entry / _LABELS, mmap_mode="r"), affine)
        landmarks = {name: np.array(point) for name, point in meta["landmarks"].items()}
        return Anatomy(subject_id, ct, labels, meta["structures"], landmarks, frozenset(meta["absent"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _file_digest(path: Path) -> str:
    """XXH3 of a file: as fast as memory, and changed by any damage (not made against those who forge on purpose)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return xxhash.xxh3_128_hexdigest(content)


def _meta_digest(meta: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in meta.items() if key != "digest"}
    return xxhash.xxh3_128_hexdigest(json.dumps(rest, sort_keys=True, allow_nan=False).encode())
