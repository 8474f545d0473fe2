"""``synthex preview``: a sheet of what training will see."""

from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.adaptation.translation import TranslatedFirst
from synthex.config.build import build_augment, build_reader, build_task
from synthex.config.compose import compose, options, plain
from synthex.config.settings import choose
from synthex.config.sources import build_sources
from synthex.config.translation import read_translator
from synthex.core import Augmentation, ConfigError, derive_rng, nearest
from synthex.core.terminal import console, print_rows, quiet_libraries, track
from synthex.data import SPLITS, SyntheticReader
from synthex.views.levels import Cell, grid_cells, simulate_grid
from synthex.views.preview_grid import draw_grid
from synthex.views.preview_sheet import draw_sheet

LAYOUTS = ("sheet", "grid")

MOST_IMAGES = 200
COLUMNS = {
    "level": "level",
    "kvp": "kV",
    "mas": "mAs",
    "draw": "draw",
    "min": "min",
    "median": "median",
    "max": "max",
    "snr": "SNR",
}


def main(cfg: DictConfig) -> None:
    """Draw ``cfg.count`` samples clean (labels drawn in) and augmented, or the grid, and describe them."""
    quiet_libraries()
    choose("split", cfg.split, SPLITS)
    choose("layout", cfg.layout, LAYOUTS)
    if cfg.data.kind != "synthetic":
        raise ConfigError("preview needs data=synthetic")
    task = build_task(cfg)
    seed = int(cfg.seed) if cfg.split == "train" else int(cfg.data.eval_seed)
    output = Path(cfg.output).expanduser()
    if cfg.layout == "grid":
        count = int(cfg.grid.case) + 1
        preview_grid(cfg, build_reader(cfg, task, build_sources(cfg)[cfg.split], cfg.split, count, seed), output)
        return
    reader = build_reader(cfg, task, build_sources(cfg)[cfg.split], cfg.split, int(cfg.count), seed)
    augment: Augmentation = build_augment(cfg.augment)
    if (translator := read_translator(cfg)) is not None:
        augment = TranslatedFirst(translator, augment)
    pairs = []
    for index in track(range(len(reader)), "simulating"):
        clean = reader[index]
        pairs.append((clean, augment(clean, derive_rng(seed, cfg.split, index, "augment"))))
    draw_sheet(output, pairs, task.vocabulary.landmarks, min(int(cfg.columns), len(pairs)))
    visible = np.mean([clean.visible.sum() for clean, _ in pairs])
    covered = np.mean([clean.masks.mean(axis=(1, 2)) for clean, _ in pairs], axis=0)
    console.print(f"{len(pairs)} samples of {reader.split}: {visible:.1f} of {len(reader.landmarks)} landmarks visible")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(reader.structures, covered, strict=True))
    console.print(f"mean share of the image: {shares}")
    console.print(f"picture: {output}")


def preview_grid(cfg: DictConfig, reader: SyntheticReader, output: Path) -> None:
    """Simulate case ``grid.case`` once a cell, write the picture, print the figures."""
    rows = cells(cfg)
    count = sum(map(len, rows))
    if count > MOST_IMAGES:
        raise ConfigError(
            f"grid: {count} images are more than the {MOST_IMAGES} that can be looked at; give fewer values"
        )
    case = int(cfg.grid.case)
    images, figures = simulate_grid(rows, reader, case, instantiate)
    draw_grid(output, images)
    print_rows(f"Case {reader.case_id(case)}, line integrals", COLUMNS, figures)
    console.print("SNR: 5th to 95th percentile of the line integrals over their noise (estimated as Immerkaer, 1996)")
    console.print(f"picture: {output}")


def cells(cfg: DictConfig) -> list[list[Cell]]:
    """The rows of the grid.

    Raises:
        ConfigError: A level that does not exist, or values that are no numbers.
    """
    levels = _listed(cfg, "levels", str)
    kvps, doses = _listed(cfg, "kvp", int | float), _listed(cfg, "mas", int | float)
    return grid_cells([(level, level_settings(cfg, level)) for level in levels], kvps, doses, int(cfg.grid.draws))


def level_settings(cfg: DictConfig, level: str) -> dict[str, Any]:
    """Settings of a level: those in ``cfg.simulation`` with its overrides, where that is the level, else fresh ones.

    Raises:
        ConfigError: There is no such level.
    """
    known = options("simulation")
    if level not in known:
        raise ConfigError(f"grid.levels: there is no level {level!r}; {nearest(level, known)}")
    found = compose("train", [f"simulation={level}"]).simulation
    chosen: dict[str, Any] = plain(cfg.simulation if cfg.simulation.get("_target_") == found["_target_"] else found)
    return chosen


def _listed(cfg: DictConfig, name: str, kind: Any) -> list[Any]:
    values = plain(cfg.grid[name])
    values = values if isinstance(values, list) else [values]
    if not values or not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
        raise ConfigError(f"grid.{name}={cfg.grid[name]}: give one value or a list of them, as in grid.{name}=[…]")
    return values
