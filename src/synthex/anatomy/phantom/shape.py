"""Shapes of real pelves as a law for the phantoms: how far points of the template move, and together with which others.

The table holds numbers alone: nodes on the template's right hip bone, the mean of where eight people have them, and
the principal components of their hips (``tools/fit_pelvis_shape.py`` makes it; docs/shape.md says from whom).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.interpolate import RBFInterpolator

from synthex.core.arrays import Points3

Displacement = Callable[[Points3], Points3]

TABLE = Path(__file__).with_name("shape.npz")

LOCAL_CENTRES = {
    "notch": (56.0, -42.0, 52.0),
    "posterior_spines": (46.0, -78.0, 72.0),
    "crest": (118.0, 30.0, 128.0),
    "anterior_spine": (117.0, 51.0, 72.0),
    "superior_ramus": (40.0, 24.0, 0.0),
    "symphysis": (8.0, 22.0, -26.0),
    "inferior_ramus": (27.0, -13.0, -50.0),
    "ischium": (50.0, -38.0, -44.0),
}
"""Where local deformations are centred, template frame, mm."""

LOCAL_REACH_MM = 20.0
"""Sigma of a local deformation; it leaves the hip centre where it is (at most 3 % at the nearest centre)."""


@dataclass(frozen=True, eq=False)
class ShapeLaw:
    """Displacements of nodes on the template's right hip bone; sizes and the hip distance are taken out.

    Attributes:
        nodes: K x 3, template frame, mm.
        mean: K x 3, mean displacement over people, mm.
        modes: M x K x 3, displacement of one standard deviation of each principal component, mm.
        half_mean: Mean half distance of the hip centres at size 1, mm.
        half_modes: M, what each component adds to it, mm.
    """

    nodes: Float[np.ndarray, "K 3"]
    mean: Float[np.ndarray, "K 3"]
    modes: Float[np.ndarray, "M K 3"]
    half_mean: float
    half_modes: Float[np.ndarray, " M"]


@cache
def shape_law() -> ShapeLaw:
    """The table that comes with the package."""
    with np.load(TABLE, allow_pickle=False) as table:
        stored = {name: np.asarray(table[name], dtype=np.float64) for name in table.files}
    half_mean = float(stored.pop("half_mean"))
    return ShapeLaw(half_mean=half_mean, **stored)


def displacement(modes: Sequence[float], local_mm: Sequence[float]) -> Displacement:
    """Displacement of template points in mm.

    Args:
        modes: Standard deviations along each principal component; empty: the template as it is.
        local_mm: Three numbers a place of :data:`LOCAL_CENTRES`, in that order, mm; empty: none.
    """
    parts: list[Displacement] = []
    if len(modes):
        law = shape_law()
        moved = law.mean + np.tensordot(np.asarray(modes), law.modes, axes=1)
        parts.append(RBFInterpolator(law.nodes, moved, kernel="linear", degree=0))
    if len(local_mm):
        centres = np.array(tuple(LOCAL_CENTRES.values()))
        offsets = np.asarray(local_mm, dtype=np.float64).reshape(-1, 3)

        def local(points: Points3) -> Points3:
            squared = ((points[:, None] - centres) ** 2).sum(axis=2)
            return np.exp(-squared / (2 * LOCAL_REACH_MM**2)) @ offsets

        parts.append(local)
    return lambda points: sum((part(points) for part in parts), np.zeros_like(points))
