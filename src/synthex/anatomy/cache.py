"""Prepared volumes on disk: resampled once, memory-mapped by every worker and process after that."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from synthex.anatomy.resampling import resample_labels, resample_linear
from synthex.core import Affine, Anatomy, AnatomySource, ConfigError, InputError, Volume

VERSION = 2
"""Part of every key: raise it when resampling or the layout of an entry changes."""

Progress = Callable[[int, int, str], None]
"""Called with (subjects done, subjects in all, the subject just done)."""


class PreparedAnatomies:
    """A cache in front of an :class:`~synthex.core.AnatomySource`; itself such a source.

    Each subject is stored as ``<cache_dir>/<key>/{ct.npy,labels.npy,meta.json}``, where the key hashes the
    subject's fingerprint, the spacing and the code version. Entries are written to a temporary folder and
    renamed, so that nobody sees half of one and several processes may prepare at once (the first wins).
    An entry whose files are missing or of the wrong size is built again. Old entries are never removed:
    delete the folder to reclaim space.

    Args:
        source: Where subjects come from.
        cache_dir: Folder of the cache; created when needed.
        spacing_mm: Isotropic voxel edge: linear HU (blurred first where it gets coarser), labels of
            the largest share of each voxel.
            None keeps the native grid.

    Raises:
        ConfigError: A spacing that is not positive.
    """

    def __init__(self, source: AnatomySource, cache_dir: str | Path, spacing_mm: float | int | None = None) -> None:
        if spacing_mm is not None and not 0.05 <= spacing_mm <= 20:
            raise ConfigError(f"spacing_mm={spacing_mm} is out of range; choose 0.05 to 20 mm, or null for native")
        self.source = source
        self.cache_dir = Path(cache_dir)
        self.spacing_mm = None if spacing_mm is None else float(spacing_mm)
        self._loaded: dict[str, Anatomy] = {}

    def subject_ids(self) -> tuple[str, ...]:
        """The subjects of the source."""
        return self.source.subject_ids()

    def fingerprint(self, subject_id: str) -> str:
        """The key of the subject's entry."""
        parts = (VERSION, self.source.fingerprint(subject_id), self.spacing_mm)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def load(self, subject_id: str) -> Anatomy:
        """One subject with read-only memory-mapped arrays; prepared first where it is not in the cache.

        Within one process a subject is mapped once and then returned again, without another look at the files.

        Raises:
            InputError: A file of the subject cannot be used, or the cache cannot be written.
        """
        if subject_id not in self._loaded:
            entry = self.cache_dir / self.fingerprint(subject_id)
            anatomy = _open_entry(entry)
            if anatomy is None:
                self._build(subject_id, entry)
                anatomy = _open_entry(entry)
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
        with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context) as pool:
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

    def _build(self, subject_id: str, entry: Path) -> None:
        anatomy = self.source.load(subject_id)
        ct, labels = anatomy.ct, anatomy.labels
        if self.spacing_mm is not None:
            ct, labels = resample_linear(ct, self.spacing_mm), resample_labels(labels, self.spacing_mm)
        try:
            self.cache_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=self.cache_dir, ignore_cleanup_errors=True) as folder:
                part = Path(folder) / "entry"
                part.mkdir()
                np.save(part / "ct.npy", np.ascontiguousarray(ct.data))
                np.save(part / "labels.npy", np.ascontiguousarray(labels.data))
                meta = {
                    "subject_id": subject_id,
                    "world_from_ijk": ct.world_from_ijk.matrix.tolist(),
                    "structures": dict(anatomy.structures),
                    "landmarks": {name: point.tolist() for name, point in anatomy.landmarks.items()},
                    "absent": sorted(anatomy.absent),
                    "bytes": {name: (part / name).stat().st_size for name in ("ct.npy", "labels.npy")},
                }
                (part / "meta.json").write_text(json.dumps(meta, allow_nan=False), encoding="utf-8")
                _put(part, entry, Path(folder))
        except OSError as error:
            raise InputError(
                self.cache_dir,
                f"the cache cannot be written ({error.strerror or error})",
                "check permissions and free space, or choose another cache folder",
            ) from error


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
            if _open_entry(entry) is not None:
                return
            with contextlib.suppress(FileNotFoundError):
                damaged = scratch / f"damaged-{os.getpid()}"
                os.rename(entry, damaged)
                shutil.rmtree(damaged, ignore_errors=True)
        else:
            return
    os.rename(part, entry)


def _open_entry(entry: Path) -> Anatomy | None:
    """Map an entry, or None where it is missing or damaged."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        if any((entry / name).stat().st_size != size for name, size in meta["bytes"].items()):
            return None
        affine = Affine(np.array(meta["world_from_ijk"]))
        ct = Volume(np.load(entry / "ct.npy", mmap_mode="r"), affine)
        labels = Volume(np.load(entry / "labels.npy", mmap_mode="r"), affine)
        landmarks = {name: np.array(point) for name, point in meta["landmarks"].items()}
        return Anatomy(meta["subject_id"], ct, labels, meta["structures"], landmarks, frozenset(meta["absent"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
