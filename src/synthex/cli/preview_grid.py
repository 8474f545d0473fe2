"""``synthex preview layout=grid``: one case at levels x kVp x dose x draws, side by side and in figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.config.compose import compose, options, plain
from synthex.core import Camera, ConfigError, Rendering, Scene, Simulator, derive_rng, nearest
from synthex.core.arrays import Image
from synthex.core.terminal import console, print_rows, track
from synthex.data import SyntheticReader, to_log
from synthex.views.preview_grid import draw_grid, noise_of

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


@dataclass(frozen=True)
class Cell:
    """One image of the grid.

    Attributes:
        level: Option of the config group ``simulation``.
        simulation: Its config, with the cell's parameters.
        kvp: Tube voltage, kV; None where the level has none.
        mas: Dose, mAs; None where the level has none.
        draw: Number of the draw, from 1.
    """

    level: str
    simulation: DictConfig
    kvp: float | None = None
    mas: float | None = None
    draw: int = 1

    @property
    def caption(self) -> str:
        """Level, voltage, dose and draw, as far as the level knows them."""
        parts = [self.level]
        parts += [] if self.kvp is None else [f"{self.kvp:g} kV"]
        parts += [] if self.mas is None else [f"{self.mas:g} mAs"]
        return ", ".join(parts) + ("" if self.draw == 1 else f", draw {self.draw}")


@dataclass(frozen=True)
class _Draw:
    """A simulator whose other parameters and noise are those of draw number ``draw``."""

    simulator: Simulator
    draw: int

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        if self.draw == 1:  # what training would see
            return self.simulator(scene, camera, label_ids, rng)
        return self.simulator(scene, camera, label_ids, derive_rng(int(rng.integers(2**62)), "draw", self.draw))


def preview_grid(cfg: DictConfig, reader: SyntheticReader, output: Path) -> None:
    """Simulate case ``grid.case`` once a cell, write the picture, print the figures."""
    rows = cells(cfg)
    count = sum(map(len, rows))
    if count > MOST_IMAGES:
        raise ConfigError(
            f"grid: {count} images are more than the {MOST_IMAGES} that can be looked at; give fewer values"
        )
    case = int(cfg.grid.case)
    images: dict[int, Image] = {}
    figures: list[dict[str, Any]] = []
    for cell in track([cell for row in rows for cell in row], "simulating", total=count):
        reader.simulator = _Draw(instantiate(cell.simulation), cell.draw)
        image = to_log(reader[case])
        images[id(cell)] = image
        figures.append(figures_of(cell, image))
    draw_grid(output, [[(cell.caption, images[id(cell)]) for cell in row] for row in rows])
    print_rows(f"Case {reader.case_id(case)}, line integrals", COLUMNS, figures)
    console.print("SNR: 5th to 95th percentile of the line integrals over their noise (estimated as Immerkaer, 1996)")
    console.print(f"picture: {output}")


def cells(cfg: DictConfig) -> list[list[Cell]]:
    """Rows of the grid: the levels without a tube side by side, then a row a level and dose.

    Raises:
        ConfigError: A level that does not exist, or values that are no numbers.
    """
    levels = _listed(cfg, "levels", str)
    kvps, doses = _listed(cfg, "kvp", int | float), _listed(cfg, "mas", int | float)
    without: list[Cell] = []
    rows: list[list[Cell]] = []
    for level in levels:
        simulation = level_config(cfg, level)
        kvp_key, mas_key = find_key(simulation, "kvp"), find_key(simulation, "mas")
        if kvp_key is None and mas_key is None:
            without.append(Cell(level, simulation))
            continue
        for mas in doses if mas_key else [None]:
            rows.append([])
            for kvp in kvps if kvp_key else [None]:
                chosen = {key: value for key, value in ((kvp_key, kvp), (mas_key, mas)) if key is not None}
                with_parameters = _with(simulation, chosen)
                rows[-1] += [Cell(level, with_parameters, kvp, mas, 1 + n) for n in range(int(cfg.grid.draws))]
    return [without, *rows] if without else rows


def level_config(cfg: DictConfig, level: str) -> DictConfig:
    """Config of a level: the one in ``cfg.simulation`` with its overrides, where that is the level, else a fresh one.

    Raises:
        ConfigError: There is no such level.
    """
    known = options("simulation")
    if level not in known:
        raise ConfigError(f"grid.levels: there is no level {level!r}; {nearest(level, known)}")
    found = compose("train", [f"simulation={level}"]).simulation
    return cfg.simulation if cfg.simulation.get("_target_") == found["_target_"] else found


def find_key(node: DictConfig, name: str, prefix: str = "") -> str | None:
    """Dotted key of the first setting called ``name``."""
    for key in map(str, node):
        if key == name:
            return prefix + key
        if isinstance(node[key], DictConfig) and (found := find_key(node[key], name, f"{prefix}{key}.")):
            return found
    return None


def _with(simulation: DictConfig, values: Mapping[str, Any]) -> DictConfig:
    changed = OmegaConf.create(plain(simulation))
    for key, value in values.items():
        OmegaConf.update(changed, key, value)
    return changed


def _listed(cfg: DictConfig, name: str, kind: Any) -> list[Any]:
    values = plain(cfg.grid[name])
    values = values if isinstance(values, list) else [values]
    if not values or not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
        raise ConfigError(f"grid.{name}={cfg.grid[name]}: give one value or a list of them, as in grid.{name}=[…]")
    return values


def figures_of(cell: Cell, image: Image) -> dict[str, Any]:
    """The row of an image in the terminal's table."""
    low, high = np.percentile(image, (5, 95))
    noise = noise_of(image)
    return {
        "level": cell.level,
        "kvp": cell.kvp,
        "mas": cell.mas,
        "draw": cell.draw,
        "min": float(image.min()),
        "median": float(np.median(image)),
        "max": float(image.max()),
        "snr": float(high - low) / noise if noise > 0 else None,
    }
