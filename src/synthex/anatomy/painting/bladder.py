"""The urinary bladder of bodies in which none is labelled."""

import numpy as np

from synthex.anatomy.painting.body import Body

_WALL_MM, _WALL_HU = 3.0, 38.0
_CONTRASTED = 0.06
"""Share of bladders that hold contrast medium: our choice; on films after urography or CT they do."""


def urine_hu(rng: np.random.Generator) -> float:
    """HU of what fills a bladder: urine, now and then contrast medium."""
    return float(rng.uniform(150, 700) if rng.random() < _CONTRASTED else rng.uniform(-2, 18))


def add_bladder(hu: np.ndarray, body: Body, rng: np.random.Generator) -> None:
    """Lay an ellipsoid of urine behind and above the symphysis into ``hu``, in place, within the cavity.

    Nearly empty to full, by half axes of 14 to 50 mm: our choice. Bodies with a bladder among their organs, and those
    whose symphysis is not known, stay as they are.
    """
    half = np.array((rng.uniform(22, 50), rng.uniform(18, 40), rng.uniform(14, 38)))
    shift = np.array((rng.normal(0, 3), -rng.uniform(6, 14) - half[1], rng.uniform(-8, 4) + half[2]))
    filling = urine_hu(rng)
    points = [body.landmarks.get(name) for name in ("SPS-l", "SPS-r")]
    if any("bladder" in name for name in body.organ_names) or points[0] is None or points[1] is None:
        return
    center = (points[0] + points[1]) / 2 + shift
    box = body.grid.box(np.stack((center - half, center + half)), _WALL_MM + 2)
    if box is None:
        return
    offsets = [(axis - c) / h for axis, c, h in zip(body.grid.axes(box), center, half, strict=True)]
    depth = (np.sqrt(sum(offset**2 for offset in offsets)) - 1) * float(half.min())
    depth = np.maximum(depth, body.cavity[box.slices] + _WALL_MM)
    part = hu[box.slices]
    for edge, value in ((_WALL_MM, _WALL_HU), (0.0, filling)):
        share = np.clip(0.5 - (depth - edge) / body.grid.spacing_mm, 0, 1)
        part += share * (value - part)
