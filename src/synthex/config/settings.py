"""Checks of a composed config that come before anything is built."""

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.core import ConfigError, nearest

CHOICES = {
    "data.kind": ("synthetic", "on_disk", "real"),
    "data.normalization": ("zscore", "minmax", "robust"),
    "data.render": ("worker", "device"),
}
"""Settings with a fixed set of values."""

INTEGERS: dict[str, int | None] = {
    **dict.fromkeys(("seed", "data.eval_seed", "data.split_seed", "data.phantoms.seed")),
    **dict.fromkeys(
        ("data.size", "data.input_size", "data.batch_size", "data.samples_per_epoch", "data.variants", "data.images"), 1
    ),
    **dict.fromkeys((f"data.phantoms.{split}" for split in ("train", "val", "test")), 1),
    **dict.fromkeys(
        ("data.cases.val", "data.cases.test", "cases", "count", "specimens", "images", "columns", "batch_size"), 1
    ),
    **dict.fromkeys(("rounds", "threads", "samples", "profile_samples", "size", "grid.draws"), 1),
    **dict.fromkeys(("data.workers", "workers", "baseline_samples", "stress.subjects", "grid.case"), 0),
    **dict.fromkeys(("twin_size", "materials", "masks"), 0),
}
"""Whole numbers, and the least that makes sense (None: any)."""

MAY_BE_NULL = ("data.input_size", "data.samples_per_epoch", "data.images", "cases")


def choose(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Check a setting that has a fixed set of values.

    Raises:
        ConfigError: It has another value; names the nearest valid ones.
    """
    if value not in choices:
        raise ConfigError(f"{name}={value}: {nearest(str(value), choices)} ({', '.join(choices)})")


def check_settings(cfg: DictConfig) -> None:
    """Check what would otherwise fail late, far from its cause, or not at all.

    Settings that a command does not have are skipped; those of one object alone are checked by its constructor.

    Raises:
        ConfigError: A setting has a value that cannot be used.
    """
    for name, choices in CHOICES.items():
        if _has(cfg, name):
            choose(name, OmegaConf.select(cfg, name), choices)
    named_sizes = "study" in cfg  # a study's sizes have names
    for name, least in INTEGERS.items():
        if _has(cfg, name) and not (name == "size" and named_sizes):
            value = OmegaConf.select(cfg, name)
            null = name in MAY_BE_NULL or (name == "count" and "replay" in cfg)
            if not (value is None and null):
                check_integer(name, value, least)
    if _has(cfg, "data.size"):
        input_size(cfg.data)
    if _has(cfg, "data.spacing_mm"):
        spacing = _number(OmegaConf.select(cfg, "data.spacing_mm"))
        if not spacing > 0:
            raise ConfigError(f"data.spacing_mm={cfg.data.spacing_mm}: give a length above 0 mm")
    if _has(cfg, "data.fractions"):
        fractions = OmegaConf.select(cfg, "data.fractions")
        if not OmegaConf.is_list(fractions) or len(fractions) != 3 or any(math.isnan(_number(f)) for f in fractions):
            raise ConfigError(f"data.fractions={fractions}: give three numbers, the shares of train, val and test")
    if OmegaConf.select(cfg, "data.kind") == "synthetic":
        _check_geometry(cfg)


def input_size(data: DictConfig) -> int:
    """Side of the network input that images of ``data`` are padded to.

    Raises:
        ConfigError: It is smaller than the images.
    """
    size = int(data.size)
    side = size if data.get("input_size") is None else int(data.input_size)
    if side < size:
        raise ConfigError(
            f"data.input_size={side} is smaller than data.size={size}: images are padded, not cut; "
            "give at least data.size, or null"
        )
    return side


def _has(cfg: DictConfig, name: str) -> bool:
    """Whether the config has this key, even if it is null."""
    parent, _, key = name.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    return isinstance(node, DictConfig) and key in node


def check_integer(name: str, value: Any, least: int | None) -> None:
    """Check that a setting is a whole number of at least ``least`` (None: any).

    Raises:
        ConfigError: It is not.
    """
    number = _number(value)
    if not number.is_integer() or (least is not None and number < least):
        raise ConfigError(f"{name}={value}: give a whole number{'' if least is None else f' of at least {least}'}")


def _number(value: Any) -> float:
    """The value as a finite number, NaN where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _check_geometry(cfg: DictConfig) -> None:
    """What the C-arm and the views, or the C-arm and the image size, must have in common."""
    sdd = _number(OmegaConf.select(cfg, "carm.sdd_mm"))
    distances = OmegaConf.select(cfg, "views.source_isocenter_mm")
    farthest = max(map(_number, distances), default=math.nan) if OmegaConf.is_list(distances) else math.nan
    if farthest >= sdd:
        raise ConfigError(
            f"views.source_isocenter_mm={distances}: the isocentre must lie between source and detector, "
            f"so stay below carm.sdd_mm={cfg.carm.sdd_mm}"
        )
    size = int(cfg.data.size)
    rows, columns = (_number(OmegaConf.select(cfg, f"carm.{name}")) for name in ("rows", "columns"))
    if columns > 0 and (rows * size) % columns:
        raise ConfigError(
            f"data.size={size}: {cfg.carm.rows} x {cfg.carm.columns} pixels cannot be binned to {size} columns "
            "with square pixels; choose a size that leaves whole rows"
        )
