"""From a composed config to objects: the one place where ``_target_`` becomes an instance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.anatomy.variants import base_subject
from synthex.augment import as_augmentation
from synthex.config.compose import plain
from synthex.config.sources import build_sources
from synthex.core import AnatomySource, Augmentation, ConfigError, Reader, Relabelled, Task
from synthex.data import (
    SPLITS,
    Subset,
    SyntheticReader,
    Take,
    open_export,
)
from synthex.geometry import Views

SIMULATED = "synthex.data.SyntheticReader"


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


def build_all(nodes: DictConfig) -> list[Any]:
    """The objects of a node whose keys are names, such as ``callbacks``; what is null is left out."""
    return [instantiate(node) for node in nodes.values() if node is not None]


def build_augment(node: DictConfig) -> Augmentation:
    """The augmentation of a config: ours, or any transform or Compose of albumentations."""
    return as_augmentation(instantiate(node, _convert_="all"))


def build_reader(
    cfg: DictConfig,
    task: Task,
    source: AnatomySource,
    split: str,
    count: int | None,
    seed: int,
    views: Views | None = None,
) -> SyntheticReader:
    """A stream of simulated cases of ``source``, through ``views`` where not the config's."""
    return SyntheticReader(
        split=split,
        anatomies=source,
        task=task,
        simulator=instantiate(cfg.simulation),
        carm=instantiate(cfg.carm),
        views=instantiate(cfg.views) if views is None else views,
        size=int(cfg.data.size),
        seed=seed,
        count=count,
        person=base_subject,
    )


def build_readers(cfg: DictConfig, task: Task) -> dict[str, Reader]:
    """Readers of train (endless), val and test: those of their roles, else simulated or read from disk.

    Raises:
        ConfigError: Training and test are one reader.
    """
    roles = {split: node for split in SPLITS if (node := role_of(cfg, split)) is not None}
    if "train" in roles and roles.get("train") == roles.get("test"):
        raise ConfigError("data.train and data.test are the same images; test on others: another root, fold or split")
    return {split: open_split(cfg, task, split) for split in SPLITS if has_split(cfg, split)}


def has_split(cfg: DictConfig, split: str) -> bool:
    """Whether a run has cases of a split."""
    if role_of(cfg, split) is not None or cfg.data.kind == "synthetic":
        return True
    if cfg.data.kind == "on_disk":
        return bool(cfg.data.get(split))
    others = role_of(cfg, "train") is not None and OmegaConf.is_missing(cfg.data.source, "root")
    return split != "val" and not others


def open_split(cfg: DictConfig, task: Task, split: str) -> Reader:
    """The reader of a role (``reader@data.train=...``), else what the data's kind has for it.

    Raises:
        ConfigError: There is none, or it is of other structures or landmarks than the task.
    """
    role = role_of(cfg, split)
    if role is not None:
        return open_role(role, cfg, task, split, f"data.{split}")
    if cfg.data.kind == "on_disk":
        return open_on_disk(cfg.data, task, split)
    if cfg.data.kind == "real":
        return open_real_split(cfg.data, task, split)
    count = None if split == "train" else int(cfg.data.cases[split])
    return simulated_split(cfg, task, split, count)


def simulated_split(cfg: DictConfig, task: Task, split: str, count: int | None) -> SyntheticReader:
    """A split's simulated cases.

    Validation and test draw from ``data.eval_seed``, so that runs with different seeds are compared on the same images.
    """
    seed = int(cfg.seed if split == "train" else cfg.data.eval_seed)
    return build_reader(cfg, task, build_sources(cfg)[split], split, count, seed)


def role_of(cfg: DictConfig, role: str) -> dict[str, Any] | None:
    """Settings of the reader that was chosen for a role; None where the data's kind says what there is."""
    node = cfg.data.get(role)
    return plain(node) if isinstance(node, DictConfig) else None


def open_role(node: dict[str, Any], cfg: DictConfig, task: Task, split: str, setting: str) -> Reader:
    """Make a reader, composed of others or not; those of simulation take what the run says of it.

    Args:
        node: Its settings; ``reader`` and ``readers`` are those of its parts.
        cfg: The run's.
        task: Its task, whose structures and landmarks each part gets.
        split: The role's, for simulation that says no other.
        setting: Where ``node`` is, for messages.

    Raises:
        ConfigError: Something is not said, or cannot be used.
    """
    if "_target_" not in node:
        raise ConfigError(f"{setting} says no reader; choose one: reader@{setting}=plain_folder (or another)")
    if node["_target_"] == SIMULATED:
        if cfg.data.kind != "synthetic":
            raise ConfigError(f"{setting} simulates, which needs data=synthetic")
        return simulated_split(cfg, task, node.get("split") or split, node.get("count"))
    unset = [key for key, value in node.items() if value == "???"]
    if unset:
        raise ConfigError(f"{setting}.{unset[0]} is not set; say it: {setting}.{unset[0]}=<value>")
    arguments = dict(node)
    composed = False
    if isinstance(inner := arguments.get("reader"), dict):
        arguments["reader"], composed = open_role(inner, cfg, task, split, f"{setting}.reader"), True
    if isinstance(inner := arguments.get("readers"), dict):
        composed = True
        arguments["readers"] = {
            name: open_role(part, cfg, task, split, f"{setting}.readers.{name}") for name, part in inner.items()
        }
    made = {name: arguments.pop(name) for name in ("reader", "readers") if composed and name in arguments}
    reader = checked_reader(instantiate(arguments | {"_partial_": True, "_convert_": "all"})(**made), setting)
    return reader if composed else check_names(reader, task, f"{setting}.root={node.get('root')}")


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
    return Subset(reader, sorted(range(len(names)), key=names.__getitem__)[: _checked_images(data, reader)])


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
    return checked_reader(instantiate(cfg), "real")


def checked_reader(reader: Any, setting: str) -> Reader:
    """What the settings at ``setting`` have made.

    Raises:
        ConfigError: It is no reader.
    """
    if not isinstance(reader, Reader):
        raise ConfigError(f"{setting}._target_ made a {type(reader).__name__}, not a Reader")
    return reader


def open_real_split(data: DictConfig, task: Task, split: str) -> Reader:
    """One side of the real radiographs that ``data=real`` trains and tests on.

    Raises:
        ConfigError: There are fewer images than ``data.images``.
    """
    reader = open_real(OmegaConf.create(plain(data.source) | {"split": split}), task)
    if split != "train" or data.images is None:
        return reader
    return Take(reader, _checked_images(data, reader), seed=int(data.split_seed))


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
