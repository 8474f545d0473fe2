"""Outlines and densities of patches, as fields on the lung's coarse nodes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import uniform_filter

from synthex.anatomy.lesions.geometry import LungGeometry
from synthex.anatomy.lesions.placement import Patch
from synthex.anatomy.lesions.settings import LesionSettings, uniform
from synthex.anatomy.lesions.texture import NODE_SIDE, noise_tile

_COARSE_MM, _FINE_MM = 14.0, 6.0
"""Scales (sigma) of the noise that makes outlines irregular: our choice, about a lobule and half of one."""

_PATCHY_MM = 9.0
"""Scale (sigma) of thinner parts within a patch: our choice."""

_DENSE_EDGE = 0.75
"""Width of the border of a consolidation as a share of that of ground glass: our choice."""

_SMOOTH_NODES = 3
"""Where two patches meet, densities are averaged over so many nodes: our choice."""

NodeField = Float32[np.ndarray, "A B C"]


@dataclass(frozen=True, eq=False)
class LesionFields:
    """Fields on the nodes of a lung; between the nodes they are interpolated linearly.

    Attributes:
        border: Distance from the outline in border widths, positive inside: the lesion's weight rises from 0 at
            -0.5 to 1 at 0.5.
        hu: Density that lung of median HU gets.
        septa: Strength of the septal network, 0 to 1.
    """

    border: NodeField
    hu: NodeField
    septa: NodeField


def lesion_fields(
    rng: np.random.Generator,
    lung: LungGeometry,
    patches: tuple[Patch, ...],
    extent: float,
    spacing_mm: Float32[np.ndarray, "3"],
    settings: LesionSettings,
) -> LesionFields:
    """Join patches, make their outline irregular, and move it until the wanted share of the lung is inside.

    A patch's level is ``R (1 - sqrt(|x - c|^2 / R^2 + (d / D)^2))`` mm with the depth d under the pleura (no such
    term where the patch is not subpleural), so that subpleural patches follow the pleura; patches join by the
    maximum, noise of two scales is added, and the outline is the quantile of the level that leaves the share
    ``extent`` of the nodes in the lung above it. Our model.

    Args:
        rng: Randomness.
        lung: The lung.
        patches: At least one.
        extent: Share of the lung that is to be inside the outline.
        spacing_mm: Distance of the nodes along the axes.
        settings: Irregularity of the outline and width of the border.
    """
    levels = np.stack([_level(lung, patch) for patch in patches])
    owner = levels.argmax(axis=0)
    level = levels.max(axis=0)
    amplitude = min(float(settings.border_mm), 0.25 * max(patch.radius_mm for patch in patches))
    rough = _noise(rng, level.shape, _COARSE_MM / spacing_mm)
    rough += np.float32(0.6) * _noise(rng, level.shape, _FINE_MM / spacing_mm)
    level += np.float32(amplitude) * rough
    level -= np.float32(np.quantile(level[lung.inside], 1.0 - extent))
    # Dense air spaces end more sharply than ground glass.
    edge = np.array(
        [uniform(rng, settings.edge_mm) * (_DENSE_EDGE if patch.kind == "consolidation" else 1.0) for patch in patches]
    )
    hu, septa = _densities(level, owner, patches)
    thin = np.float32(settings.patchiness) * np.maximum(_noise(rng, level.shape, _PATCHY_MM / spacing_mm), 0)
    hu -= np.minimum(thin, 1) * (hu - np.float32(lung.median_hu))
    return LesionFields(
        border=level / edge.astype(np.float32)[owner],
        hu=uniform_filter(hu, _SMOOTH_NODES, mode="nearest"),
        septa=uniform_filter(septa, _SMOOTH_NODES, mode="nearest") if septa.any() else septa,
    )


def _level(lung: LungGeometry, patch: Patch) -> NodeField:
    x, y, z = (lung.position_mm[axis] - np.float32(patch.center_mm[axis]) for axis in range(3))
    square = (x * x + y * y + z * z) / np.float32(patch.radius_mm**2)
    if patch.depth_mm is not None:
        square = square + (lung.depth_mm / np.float32(patch.depth_mm)) ** 2
    return (np.float32(patch.radius_mm) * (1 - np.sqrt(square))).astype(np.float32)


def _densities(level: NodeField, owner: np.ndarray, patches: tuple[Patch, ...]) -> tuple[NodeField, NodeField]:
    """HU and septal strength of the patch that a node belongs to."""
    hu, core_hu, core_mm, septa = (
        np.array(values, dtype=np.float32)[owner]
        for values in (
            [patch.hu for patch in patches],
            [patch.core_hu for patch in patches],
            [max(patch.core * patch.radius_mm, 2.0) for patch in patches],
            [patch.septa for patch in patches],
        )
    )
    ring = np.array([patch.kind == "reversed_halo" for patch in patches])[owner]
    inner = np.clip((level - core_mm) / np.float32(6.0) + np.float32(0.5), 0, 1)
    dense = np.where(ring, 1 - inner, inner)
    return (hu + (core_hu - hu) * dense).astype(np.float32), septa


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: Float32[np.ndarray, "3"]) -> NodeField:
    """Smooth Gaussian noise of variance 1: a random part of a periodic tile, some axes turned round."""
    i, j, k = (round(float(value), 1) for value in sigma)
    tile = noise_tile((i, j, k), NODE_SIDE)
    shift, turned = rng.integers(0, NODE_SIDE, 3), rng.random(3) < 0.5
    ways = np.where(turned, -1, 1)
    return tile[np.ix_(*((shift[axis] + ways[axis] * np.arange(shape[axis])) % NODE_SIDE for axis in range(3)))]
