"""Branching trees of pulmonary arteries and veins that fill a lung: the lung markings.

A tree is grown from the hilum towards points spread over the lung: the points are split in two across their
longest extent again and again, and each branch runs part of the way to the middle of its points. Radii follow
Murray's law (PNAS 1926): the parent's radius to the power 3 is the sum of the children's, here with the exponent
2.9, our choice: with it a hilar artery of 8 mm and twigs of 0.8 mm belong to one tree.
"""

import numpy as np
from jaxtyping import Float

from synthex.anatomy.chest_phantom.tube_kernel import TUBE_ROW
from synthex.core.arrays import Point3, Points3

_EXPONENT = 2.9


def grow_tree(
    root: Point3, targets: Points3, twig_mm: float, rng: np.random.Generator
) -> Float[np.ndarray, "segments 8"]:
    """A tree of tapering segments from ``root`` to every target.

    Args:
        root: Where the tree begins, world mm.
        targets: Ends of its twigs, world mm; at least one.
        twig_mm: Radius of a twig.
        rng: Draws how branches divide and bend.

    Returns:
        One row a segment: start, end (world mm) and both radii (mm).
    """
    rows: list[np.ndarray] = []
    stack = [(np.asarray(root, dtype=np.float64), np.asarray(targets, dtype=np.float64))]
    whole = len(targets)
    while stack:
        start, points = stack.pop()
        count = len(points)
        radius = twig_mm * count ** (1 / _EXPONENT)
        if count == 1:
            rows.append(np.array((*start, *points[0], radius, 0.6 * radius)))
            continue
        centre = points.mean(axis=0)
        share = rng.uniform(0.08, 0.16) if count > whole / 3 else rng.uniform(0.3, 0.5)
        way = share * (centre - start)
        end = start + way + 0.16 * np.linalg.norm(way) * rng.normal(size=3)
        rows.append(np.array((*start, *end, radius, radius)))
        spread = points - centre
        extent = np.linalg.eigh(spread.T @ spread)[1][:, -1]
        along = spread @ extent
        order = np.argsort(along)
        cut = min(max(1, round(count * rng.uniform(0.3, 0.7))), count - 1)
        stack.append((end, points[order[:cut]]))
        stack.append((end, points[order[cut:]]))
    return np.stack(rows).reshape(-1, TUBE_ROW)


def lung_vessels(
    lung: Points3, hilum: Point3, twigs: int, calibre: float, rng: np.random.Generator
) -> Float[np.ndarray, "segments 8"]:
    """Arteries and veins of one lung, drawn apart.

    Args:
        lung: Centres of the lung's voxels, world mm.
        hilum: Where its vessels begin.
        twigs: Ends of each tree.
        calibre: Factor on all radii.
        rng: Draws the ends and the branching.
    """
    trees = []
    for offset, radius in (((0.0, 0.0, 0.0), 0.72), ((0.0, 6.0, -14.0), 0.66)):
        ends = lung[rng.choice(len(lung), twigs, replace=len(lung) < twigs)]
        trees.append(grow_tree(hilum + np.array(offset), ends, radius * calibre, rng))
    return np.concatenate(trees)
