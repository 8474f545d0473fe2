"""Textures inside lesions, as periodic tiles that are made once and looked up at random places."""

import functools

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from synthex.core import derive_rng

GRAIN_SIDE, NODE_SIDE, SEPTA_SIDE, SEPTA_CELLS = 48, 72, 64, 8
"""Voxels along the tiles (grain; outlines on nodes, longer than a lung; septa) and lobules along the last."""

GRAIN_MM = 2.5
"""Sigma of the grain of a lesion: our choice, about an acinus (6 to 10 mm) as full width at half maximum."""

_WALL = 0.16
"""Thickness of a septum as a share of the lobule: our choice, thickened septa of about 2 mm between lobules of 12."""

Tile = Float32[np.ndarray, "T T T"]


@functools.lru_cache(maxsize=8)
def noise_tile(sigma_voxels: tuple[float, float, float], side: int) -> Tile:
    """Periodic Gaussian noise of mean 0 and variance 1.

    Args:
        sigma_voxels: Sigma of the blur per axis, voxels.
        side: Voxels along the tile.
    """
    white = derive_rng("lesion noise", side, *map(str, sigma_voxels)).standard_normal((side,) * 3)
    noise = gaussian_filter(white, sigma_voxels, mode="wrap")
    noise = (noise - noise.mean()) / noise.std()
    return np.ascontiguousarray(noise, dtype=np.float32)


@functools.cache
def septa_tile() -> Tile:
    """Periodic network of walls between cells, 1 on a wall and 0 inside a cell.

    Walls lie where the distances to the two nearest of a set of jittered points agree (Worley 1996, "A cellular
    texture basis function"): the polygons of secondary lobules look like that.
    """
    cell = SEPTA_SIDE / SEPTA_CELLS
    corners = np.stack(np.meshgrid(*(np.arange(SEPTA_CELLS),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (corners + derive_rng("lesion septa").uniform(0, 1, corners.shape)) * cell
    tree = cKDTree(points % SEPTA_SIDE, boxsize=SEPTA_SIDE)
    voxels = np.stack(np.meshgrid(*(np.arange(SEPTA_SIDE),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distance, _ = tree.query(voxels.astype(np.float64), k=2)
    gap = (distance[:, 1] - distance[:, 0]) / cell
    return np.exp(-((gap / _WALL) ** 2)).reshape((SEPTA_SIDE,) * 3).astype(np.float32)
