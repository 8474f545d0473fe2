"""From a composed config to objects: the one place where ``_target_`` becomes an instance."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.variants import ShapeVariation, VariedAnatomies, base_subject
from synthex.cli.terminal import progress
from synthex.core import AnatomySource, ConfigError, Reader, Task, derive_rng
from synthex.data import SPLITS, SomeCases, Subset, SyntheticReader, open_export, split_subjects

PHANTOM_FIRST = {"train": 0, "val": 100_000, "test": 200_000}
"""First phantom of each split, far apart: a subject is on one side whatever the counts."""


MAX_PREPARING = 4
"""Processes that prepare volumes; each holds one subject at native resolution in memory."""


def plain(cfg: Any) -> Any:
    """A config node as plain resolved Python values."""
    return OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else cfg


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


def build_sources(cfg: DictConfig) -> dict[str, AnatomySource]:
    """The subjects of train, val and test, prepared on disk.

    CTs and mesh folders (``data.ct``, ``data.meshes``) are split by subject when there are at least
    three; with fewer, all of them train, and phantoms that no training ever sees validate and test, so
    that no subject is on two sides. Without either, phantoms do everything. Training subjects from CTs
    and meshes get ``data.variants`` shape variants each.
    """
    data = cfg.data
    cache = Path(cfg.paths.cache_dir).expanduser()
    spacing, beyond = float(data.spacing_mm), float(data.get("continued_mm", 0))
    phantoms: dict[str, AnatomySource] = {
        split: instantiate(cfg.region.phantoms)(
            count=int(data.phantoms[split]),
            seed=int(data.phantoms.seed),
            spacing_mm=spacing,
            first=PHANTOM_FIRST[split],
        )
        for split in SPLITS
    }
    if data.ct is None and data.meshes is None:
        return {split: PreparedAnatomies(source, cache, spacing, beyond) for split, source in phantoms.items()}
    source = real_source(cfg, ct=data.ct, meshes=data.meshes)
    people = sorted({base_subject(subject) for subject in source.subject_ids()})
    if len(people) < len(SPLITS):
        sides: dict[str, AnatomySource] = {"train": source}
        sides |= {split: PreparedAnatomies(phantoms[split], cache, spacing, beyond) for split in ("val", "test")}
    else:
        dealt = split_subjects(
            source.subject_ids(), tuple(data.fractions), seed=int(data.split_seed), group=base_subject
        )
        sides = {split: Subset(source, ids) for split, ids in dealt.items()}
    if int(data.variants) > 1:
        varied = VariedAnatomies(
            sides["train"],
            variants=int(data.variants),
            settings=ShapeVariation(**plain(data.variation)),
            seed=int(cfg.seed),
        )
        sides["train"] = PreparedAnatomies(varied, cache, spacing)
    return sides


def real_source(cfg: DictConfig, *, ct: str | None = None, meshes: str | None = None) -> AnatomySource:
    """All subjects of a folder of CTs or of meshes, checked and prepared on disk."""
    if ct is not None and meshes is not None:
        raise ConfigError("data.ct and data.meshes are both set; give one of them")
    spacing = float(cfg.data.spacing_mm)
    source: AnatomySource
    if ct is not None:
        folder = CtFolder(
            Path(ct).expanduser(),
            label_names=cfg.data.label_names,
            structures=cfg.region.structures,
            series=cfg.data.get("series"),
        )
        folder.check()
        source = folder
    elif meshes is not None:
        from synthex.anatomy.meshes import MeshFolder

        source = MeshFolder(Path(meshes).expanduser(), spacing_mm=spacing)
    else:
        raise ConfigError("neither a folder of CTs nor one of meshes was given")
    return PreparedAnatomies(
        source, Path(cfg.paths.cache_dir).expanduser(), spacing, float(cfg.data.get("continued_mm", 0))
    )


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
    """The reader, if its channels are those of the task, in the same order.

    Raises:
        ConfigError: They are not.
    """
    wanted = (task.vocabulary.structures, task.vocabulary.landmarks)
    if (reader.structures, reader.landmarks) != wanted:
        raise ConfigError(
            f"{setting} holds {_listed(reader.structures, reader.landmarks)}; "
            f"the task {task.name} needs {_listed(*wanted)}"
        )
    return reader


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
    source = reader.anatomies
    base = source.source if isinstance(source, Subset) else source
    if isinstance(base, PreparedAnatomies):
        with progress() as bar:
            task = bar.add_task(f"preparing {reader.split} subjects", total=len(base.subject_ids()))
            workers = min(MAX_PREPARING, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
            base.prepare(progress=lambda done, total, name: bar.update(task, completed=done), workers=workers)
    for subject in source.subject_ids():
        reader.subject(subject)
    return reader
