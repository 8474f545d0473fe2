"""From a composed config to objects: the one place where ``_target_`` becomes an instance."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.variants import base_subject
from synthex.cli.compose import plain
from synthex.cli.sources import build_sources
from synthex.cli.terminal import progress
from synthex.core import AnatomySource, ConfigError, Reader, Relabelled, Task, derive_rng
from synthex.data import SPLITS, Mix, SomeCases, Subset, SyntheticReader, open_export

MAX_PREPARING = 4
"""Processes that prepare volumes; each holds one subject at native resolution in memory."""


def map_paths(node: Any, change: Callable[[Path], str]) -> Any:
    """A plain config with the files that its keys ``path`` name (an instrument's) given by ``change``."""
    if isinstance(node, list):
        return [map_paths(value, change) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: change(Path(value).expanduser()) if key == "path" and isinstance(value, str) else map_paths(value, change)
        for key, value in node.items()
    }


def build_task(cfg: DictConfig) -> Task:
    """The task of a config."""
    task = instantiate(cfg.task)
    if not isinstance(task, Task):
        raise ConfigError(f"task._target_ made a {type(task).__name__}, not a Task")
    return task


def build_reader(
    cfg: DictConfig, task: Task, source: AnatomySource, split: str, count: int | None, seed: int
) -> SyntheticReader:
    """A stream of simulated cases of ``source``."""
    return SyntheticReader(
        split=split,
        anatomies=source,
        task=task,
        simulator=instantiate(cfg.simulation),
        carm=instantiate(cfg.carm),
        views=instantiate(cfg.views),
        size=int(cfg.data.size),
        seed=seed,
        count=count,
        person=base_subject,
    )


def build_readers(cfg: DictConfig, task: Task) -> dict[str, Reader]:
    """Readers of train (endless), val and test; simulated on the fly or read from disk.

    Validation and test draw from ``data.eval_seed``, so that runs with different seeds are compared on
    the same images.
    """
    if cfg.data.kind == "on_disk":
        return {split: open_on_disk(cfg.data, task, split) for split in SPLITS if cfg.data[split]}
    if cfg.data.kind == "real":
        return {split: open_real_split(cfg.data, task, split) for split in ("train", "test")}
    sources = build_sources(cfg)
    seeds = {"train": int(cfg.seed), "val": int(cfg.data.eval_seed), "test": int(cfg.data.eval_seed)}
    counts = {"train": None, "val": int(cfg.data.cases.val), "test": int(cfg.data.cases.test)}
    return {split: build_reader(cfg, task, sources[split], split, counts[split], seeds[split]) for split in SPLITS}


def open_checked(folder: str, task: Task, setting: str) -> Reader:
    """An export on disk whose names are the task's.

    Raises:
        ConfigError: It was made for other structures or landmarks.
    """
    return check_names(open_export(Path(folder).expanduser()), task, f"{setting}={folder}")


def open_on_disk(data: DictConfig, task: Task, split: str) -> Reader:
    """One side of the exports that ``data=on_disk`` trains and tests on.

    Files have cases by subject, but their names are numbered as they were drawn: the first so many by name are what a
    smaller export would hold.

    Raises:
        ConfigError: There are fewer images than ``data.images``, or they are not the task's.
    """
    reader = open_checked(data[split], task, f"data.{split}")
    if split != "train" or data.get("images") is None:
        return reader
    names = reader.case_ids()
    return SomeCases(reader, sorted(range(len(names)), key=names.__getitem__)[: _checked_images(data, reader)])


def _checked_images(data: DictConfig, reader: Reader) -> int:
    count = int(data.images)
    if not 1 <= count <= len(reader):
        raise ConfigError(f"data.images={count} must lie in 1 to {len(reader)}, the images there are to train on")
    return count


def open_real(cfg: DictConfig, task: Task) -> Reader:
    """The real radiographs of a node of the group ``real``, whose names are the task's.

    Raises:
        ConfigError: Its root is not said, or it is for another task.
    """
    return check_names(open_any_real(cfg), task, f"real.root={cfg.root}")


def open_any_real(cfg: DictConfig) -> Reader:
    """The real radiographs of a node of the group ``real``, whatever is labelled in them.

    Raises:
        ConfigError: Its root is not said.
    """
    _check_root(cfg)
    reader = instantiate(cfg)
    if not isinstance(reader, Reader):
        raise ConfigError(f"real._target_ made a {type(reader).__name__}, not a Reader")
    return reader


def open_real_split(data: DictConfig, task: Task, split: str) -> Reader:
    """One side of the real radiographs that ``data=real`` trains and tests on.

    Raises:
        ConfigError: There are fewer images than ``data.images``.
    """
    reader = open_real(OmegaConf.create(plain(data.source) | {"split": split}), task)
    if split != "train" or data.images is None:
        return reader
    count = _checked_images(data, reader)
    order = derive_rng(int(data.split_seed), "images").permutation(len(reader))
    return SomeCases(reader, sorted(order[:count].tolist()))


def described_real(cfg: DictConfig) -> dict[str, Any]:
    """The node of the group ``real`` as plain values, empty where none was chosen.

    Raises:
        ConfigError: It has no root, or names a file that the description of the cases may not name.
    """
    node = cfg.get("real")
    if not node:
        return {}
    _check_root(node)
    if node.get("subjects") is not None:
        raise ConfigError(
            f"real.subjects={node.subjects}: predictions do not depend on it; give it to `synthex evaluate`, with "
            "real.root, or keep it as subjects.csv in real.root"
        )
    found: dict[str, Any] = plain(node)
    return found


def _check_root(node: DictConfig) -> None:
    if OmegaConf.is_missing(node, "root") or node.root is None:
        raise ConfigError("real.root is not set; say where the radiographs are: real.root=<folder>")


def check_names(reader: Reader, task: Task, setting: str) -> Reader:
    """The reader in the channels of the task; those of the task's that it does not have are not annotated.

    Raises:
        ConfigError: It has others.
    """
    wanted = (task.vocabulary.structures, task.vocabulary.landmarks)
    if not (set(reader.structures) <= set(wanted[0]) and set(reader.landmarks) <= set(wanted[1])):
        raise ConfigError(
            f"{setting} holds {_listed(reader.structures, reader.landmarks)}; "
            f"the task {task.name} needs {_listed(*wanted)}"
        )
    return reader if (reader.structures, reader.landmarks) == wanted else Relabelled(reader, *wanted)


def _listed(structures: tuple[str, ...], landmarks: tuple[str, ...]) -> str:
    """Names where they are few, else how many there are."""
    points = f"{len(landmarks)} landmarks"
    if 0 < len(landmarks) <= 4:
        points = f"the landmarks {', '.join(landmarks)}"
    return f"{', '.join(structures) or 'no structures'} and {points}"


def prepare(reader: SyntheticReader) -> SyntheticReader:
    """Fill the volume cache of a reader before workers ask for it, and check every subject's structures.

    Instant the second time.
    """
    prepared = list(_prepared(reader.anatomies))
    with progress() as bar:
        subjects = sum(len(source.subject_ids()) for source in prepared)
        task = bar.add_task(f"preparing {reader.split} subjects", total=subjects)
        workers = min(MAX_PREPARING, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        before = 0
        for source in prepared:
            source.prepare(progress=lambda done, *_, to=before: bar.update(task, completed=to + done), workers=workers)
            before += len(source.subject_ids())
    for subject in reader.anatomies.subject_ids():
        reader.subject(subject)
    return reader


def _prepared(source: AnatomySource) -> Iterator[PreparedAnatomies]:
    """The caches in a composition of sources."""
    if isinstance(source, PreparedAnatomies):
        yield source
    elif isinstance(source, Subset):
        yield from _prepared(source.source)
    elif isinstance(source, Mix):
        for part in source.sources.values():
            yield from _prepared(part)
