"""Blending lesions with the lung that is there."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from synthex.anatomy.lesions.blend_kernel import fill_air
from synthex.anatomy.lesions.geometry import LungGeometry
from synthex.anatomy.lesions.texture import GRAIN_MM, GRAIN_SIDE, SEPTA_CELLS, SEPTA_SIDE, noise_tile, septa_tile
from synthex.core import ConfigError
from synthex.core.arrays import HuArray, LabelArray, Point3

TISSUE_HU = 60.0
"""HU of what takes the place of air: our choice, cells and exudate, a little above what consolidated lung with
its last air shows."""


def fill_share(hu: Float32[np.ndarray, "*N"], air: float) -> Float32[np.ndarray, "*N"]:
    """Which share of the air must be filled for lung with the air share ``air`` to get ``hu``.

    A voxel of air share a, filled to the share q with tissue of HU T, gains ``a q (1000 + T)`` HU; so lung of
    median HU ``-1000 a`` reaches ``hu`` at ``q = (hu + 1000 a) / (a (1000 + T))``. Vessels hold no air: nothing
    changes there, the lung's own texture stays in what air is left, and no HU can fall.
    """
    share = (hu + np.float32(1000 * air)) / np.float32(air * (1000 + TISSUE_HU))
    return np.clip(share, 0, 1).astype(np.float32)


def fill_lung(
    rng: np.random.Generator,
    lung: LungGeometry,
    *,
    border: Float32[np.ndarray, "A B C"],
    fill: Float32[np.ndarray, "A B C"],
    septa: Float32[np.ndarray, "A B C"],
    arrays: tuple[HuArray, LabelArray, HuArray],
    structure: int,
    spacing_mm: Point3,
    tissue_hu: float = TISSUE_HU,
    texture: float = 0.0,
    lobule_mm: float = 12.0,
) -> None:
    """Fill the air of one lung in ``arrays`` (HU, labels, added HU), which belong to the caller and are changed.

    Args:
        rng: Places the textures.
        lung: The lung; only voxels with its label change.
        border: On its nodes, distance from the outline in border widths, positive inside.
        fill: On its nodes, share of the air that is filled inside.
        septa: On its nodes, strength of the septal network, 0 for none.
        arrays: HU, labels and added HU of the whole grid.
        structure: Label of voxels inside the outline.
        spacing_mm: Voxel edges.
        tissue_hu: HU of what takes the place of air.
        texture: Strength of the grain: a share q gets the standard deviation ``texture q (1 - q)``.
        lobule_mm: Spacing of septa.
    """
    hu, labels, added = arrays
    i, j, k = (round(GRAIN_MM / float(value), 2) for value in spacing_mm)
    fill_air(
        hu,
        labels,
        added,
        lung.label,
        structure,
        np.array((lung.low, lung.high)),
        np.array(lung.start),
        np.array(lung.stride),
        border,
        fill,
        septa,
        noise_tile((i, j, k), GRAIN_SIDE),
        rng.integers(0, GRAIN_SIDE, 3),
        float(texture),
        septa_tile(),
        _walls_from_voxel(rng, spacing_mm, lobule_mm),
        float(tissue_hu),
    )


def _walls_from_voxel(rng: np.random.Generator, spacing_mm: Point3, lobule_mm: float) -> Float32[np.ndarray, "3 4"]:
    """Voxel index to place in the septal tile: a random rotation, a scale and a random shift."""
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    linear = rotation * np.asarray(spacing_mm) * (SEPTA_SIDE / SEPTA_CELLS / lobule_mm)
    return np.column_stack((linear, rng.uniform(0, SEPTA_SIDE, 3))).astype(np.float32)


def free_label(structures: Mapping[str, int], subject_id: str) -> int:
    """The lowest id that no structure has.

    Raises:
        ConfigError: All 255 are taken.
    """
    for number in range(1, 256):
        if number not in structures.values():
            return number
    raise ConfigError(f"subject {subject_id} has 255 structures and no id left; read fewer (structures=chest)")
