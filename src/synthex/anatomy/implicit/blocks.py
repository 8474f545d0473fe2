"""Solids sampled on the part of a grid that they occupy."""

from dataclasses import dataclass

import numpy as np

from synthex.anatomy.implicit.solids import Solid


@dataclass(frozen=True, eq=False)
class Block:
    """Implicit function on part of the grid, and that part's first sample."""

    values: np.ndarray
    start: np.ndarray


def sample_block(solid: Solid, origin: np.ndarray, spacing_mm: float, shape: tuple[int, int, int]) -> Block:
    """Implicit function on the grid around the solid."""
    low, high = solid.bounds_world()
    limit = np.array(shape)
    first = np.clip(np.floor((low - origin) / spacing_mm).astype(int), 0, limit - 1)
    last = np.clip(np.ceil((high - origin) / spacing_mm).astype(int) + 1, first + 1, limit)
    size = last - first
    values = solid.grid(origin + first * spacing_mm, spacing_mm, (int(size[0]), int(size[1]), int(size[2])))
    return Block(values, first)


def keep_clear(block: Block, other: Block, gap_mm: float) -> None:
    """Cut ``block`` back (in place) until it is ``gap_mm`` away from ``other``."""
    low = np.maximum(block.start, other.start)
    high = np.minimum(block.start + block.values.shape, other.start + other.values.shape)
    if (low >= high).any():
        return
    mine = tuple(slice(a, b) for a, b in zip(low - block.start, high - block.start, strict=True))
    theirs = tuple(slice(a, b) for a, b in zip(low - other.start, high - other.start, strict=True))
    np.maximum(block.values[mine], gap_mm - other.values[theirs], out=block.values[mine])
