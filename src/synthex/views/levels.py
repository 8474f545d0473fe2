"""One case at levels x kVp x dose x draws, side by side and in figures."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthex.core import Camera, Rendering, Scene, Simulator, derive_rng
from synthex.core.arrays import Image
from synthex.core.terminal import track
from synthex.data import SyntheticReader, to_log
from synthex.views.preview_grid import noise_of


@dataclass(frozen=True)
class Cell:
    """One image of the grid.

    Attributes:
        level: Its name.
        simulation: Its settings, with the cell's parameters.
        kvp: Tube voltage, kV; None where the level has none.
        mas: Dose, mAs; None where the level has none.
        draw: Number of the draw, from 1.
    """

    level: str
    simulation: Mapping[str, Any]
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


def grid_cells(
    levels: Sequence[tuple[str, Mapping[str, Any]]], kvps: Sequence[float], doses: Sequence[float], draws: int
) -> list[list[Cell]]:
    """Rows of the grid: the levels without a tube side by side, then a row a level and dose.

    Args:
        levels: Name of each level and its settings, plain; one may come twice.
        kvps: Tube voltages, kV, of the levels that have one.
        doses: Doses, mAs, of the levels that have one.
        draws: Images of each with other noise.
    """
    without: list[Cell] = []
    rows: list[list[Cell]] = []
    for level, simulation in levels:
        kvp_key, mas_key = find_key(simulation, "kvp"), find_key(simulation, "mas")
        if kvp_key is None and mas_key is None:
            without.append(Cell(level, simulation))
            continue
        for mas in doses if mas_key else [None]:
            rows.append([])
            for kvp in kvps if kvp_key else [None]:
                chosen = {key: value for key, value in ((kvp_key, kvp), (mas_key, mas)) if key is not None}
                with_parameters = _with(simulation, chosen)
                rows[-1] += [Cell(level, with_parameters, kvp, mas, 1 + n) for n in range(draws)]
    return [without, *rows] if without else rows


def simulate_grid(
    rows: Sequence[Sequence[Cell]], reader: SyntheticReader, case: int, make: Callable[[Mapping[str, Any]], Simulator]
) -> tuple[list[list[tuple[str, Image]]], list[dict[str, Any]]]:
    """Simulate a case once a cell.

    Args:
        rows: Cells.
        reader: Of the case; its simulator is replaced.
        case: Its index.
        make: From settings to a simulator.

    Returns:
        Captions and line integrals like ``rows``, and a row of figures for every image.
    """
    images: dict[int, Image] = {}
    figures: list[dict[str, Any]] = []
    for cell in track([cell for row in rows for cell in row], "simulating", total=sum(map(len, rows))):
        reader.simulator = _Draw(make(cell.simulation), cell.draw)
        images[id(cell)] = to_log(reader[case])
        figures.append(figures_of(cell, images[id(cell)]))
    return [[(cell.caption, images[id(cell)]) for cell in row] for row in rows], figures


def find_key(node: Mapping[str, Any], name: str, prefix: str = "") -> str | None:
    """Dotted key of the first setting called ``name``."""
    for key, value in node.items():
        if key == name:
            return prefix + key
        if isinstance(value, Mapping) and (found := find_key(value, name, f"{prefix}{key}.")):
            return found
    return None


def _with(simulation: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    changed = copy.deepcopy(dict(simulation))
    for name, value in values.items():
        *parents, key = name.split(".")
        node = changed
        for parent in parents:
            node = node[parent]
        node[key] = value
    return changed


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
