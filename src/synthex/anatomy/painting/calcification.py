"""Calcified arteries and phleboliths."""

import numpy as np

from synthex.anatomy.painting.body import Body
from synthex.core.arrays import Points3

_SHARE = 0.35
"""Of adults whose iliac and femoral arteries show calcium on radiographs; rises with age."""


def add_calcifications(hu: np.ndarray, body: Body, rng: np.random.Generator) -> None:
    """Lay calcium into ``hu``, in place: plaques of the iliac and femoral arteries, and stones in pelvic veins."""
    calcified, stones = rng.random() < _SHARE, int(rng.poisson(1.2))
    if len(body.joints) < 2:
        return
    left, right = body.joints["left"].head, body.joints["right"].head
    middle, half = (left + right) / 2, float(np.linalg.norm(right - left)) / 2
    if calcified:
        amount = float(rng.uniform(0.1, 0.6))
        for outward in (-1.0, 1.0):
            _plaques(hu, body, _artery(middle, half, outward, rng), amount * float(rng.uniform(0.5, 1.2)), rng)
    for _ in range(stones):
        side = rng.choice((-1.0, 1.0))
        center = middle + np.array((side * half * rng.uniform(0.35, 0.75), rng.uniform(-35, 5), rng.uniform(-20, 25)))
        radius = float(rng.uniform(1.2, 3.0))
        offsets = rng.normal(size=(200, 3))
        offsets *= radius * rng.random((200, 1)) ** (1 / 3) / np.linalg.norm(offsets, axis=1, keepdims=True)
        _lay(hu, body, center + offsets, float(rng.uniform(350, 1000)))


def _artery(middle: np.ndarray, half: float, outward: float, rng: np.random.Generator) -> Points3:
    """Centre line from the aorta's end at L4 along the brim, over the head's front, down the thigh; every 1 mm."""
    knots = np.array(
        (
            (4, 10, 115),
            (0.35 * half, 12, 85),
            (0.62 * half, 22, 50),
            (0.8 * half, 40, 22),
            (0.84 * half, 40, -5),
            (0.88 * half, 30, -60),
            (0.86 * half, 15, -130),
        )
    )
    knots = knots + rng.normal(0, 3, knots.shape)
    knots[:, 0] *= outward
    from scipy.interpolate import CubicSpline

    along = np.concatenate(((0,), np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))))
    line: Points3 = middle + CubicSpline(along, knots)(np.arange(0, along[-1], 1.0))
    return line


def _plaques(hu: np.ndarray, body: Body, line: Points3, amount: float, rng: np.random.Generator) -> None:
    """Calcium in patches of the wall along a centre line."""
    count = len(line)
    patches = rng.normal(size=(count // 4 + 2, 6))
    place, angle = rng.uniform(0, count - 1, 60 * count), rng.uniform(0, 2 * np.pi, 60 * count)
    dense = patches[(place / 4).astype(int), (angle / (2 * np.pi) * 6).astype(int)]
    keep = dense > np.quantile(patches, 1 - amount)
    place, angle = place[keep], angle[keep]
    low = place.astype(int)
    center = line[low] + (place - low)[:, None] * (line[np.minimum(low + 1, count - 1)] - line[low])
    tangent = np.gradient(line, axis=0)[low]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    first = np.cross(tangent, (0.0, 1.0, 0.0))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(tangent, first)
    radius = np.interp(place, (0, count), (5.5, 3.2))[:, None]
    _lay(hu, body, center + radius * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second), 420.0)


def _lay(hu: np.ndarray, body: Body, points: Points3, value: float) -> None:
    """Write calcium into the soft tissue at points, by the share of the voxel that they fill."""
    index = np.rint((points - body.grid.origin_mm) / body.grid.spacing_mm).astype(int)
    index = index[((index >= 0) & (index < body.grid.shape)).all(axis=1)]
    flat, counts = np.unique(np.ravel_multi_index(tuple(index.T), body.grid.shape), return_counts=True)
    where = np.unravel_index(flat, body.grid.shape)
    soft = (hu[where] < 150) & (body.skin[where] < -5)
    where = tuple(axis[soft] for axis in where)
    hu[where] += value * np.minimum(1.0, counts[soft] / np.median(counts)) if soft.any() else 0.0
