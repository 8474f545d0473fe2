"""Bowel: loops laid into the abdominal cavity, or given by labels, with fluid, gas and stool in them."""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage
from scipy.spatial import cKDTree

from synthex.anatomy.painting.body import Body
from synthex.anatomy.painting.bowel_kernel import FLUID, GAS, STOOL, fill_bowel, lay_capsule
from synthex.anatomy.painting.soft_kernel import NO_CONTENT
from synthex.anatomy.voxel_grid import Box
from synthex.core.arrays import Point3

LABELLED = ("colon", "small_bowel", "duodenum", "stomach")
"""Organs with contents."""

_MARGIN_MM = 3.0


def bowel_hu(body: Body, table: np.ndarray, rng: np.random.Generator) -> Float32[np.ndarray, "I J K"]:
    """HU of bowel on the grid, ``NO_CONTENT`` where there is none.

    The person lies supine: gas gathers in front. Loops are capsules along random walks in the cavity; the colon runs
    wide along the flanks, the rectum in front of the sacrum, small bowel in between. Where bowel is labelled, its own
    shape is used and cut into pieces at random.
    """
    out = np.full(body.grid.shape, NO_CONTENT, np.float32)
    numbers = [n for n, name in enumerate(body.organ_names, start=1) if name in LABELLED]
    labelled = np.isin(body.organs, numbers)
    if labelled.any():
        _labelled(out, body, labelled, table, rng)
    elif (body.cavity < -8).any():
        _laid(out, body, table, rng)
    return out


def _contents(wide: bool, count: int, rng: np.random.Generator) -> np.ndarray:
    """What is in each of ``count`` pieces, colon (wide) or small bowel."""
    gas = rng.uniform(0.15, 0.5) if wide else rng.uniform(0.02, 0.25)
    stool = rng.uniform(0.25, 0.7) if wide else 0.0
    draw = rng.random(count)
    return np.where(draw < gas, GAS, np.where(draw < gas + stool, STOOL, FLUID))


def _labelled(out: np.ndarray, body: Body, mask: np.ndarray, table: np.ndarray, rng: np.random.Generator) -> None:
    where = ndimage.find_objects(mask.astype(np.uint8))[0]
    part = mask[where]
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1, 1:-1] * body.grid.spacing_mm
    voxels = np.argwhere(part)
    count = max(6, len(voxels) * int(body.grid.spacing_mm**3) // 20000)
    seeds = voxels[rng.choice(len(voxels), min(count, len(voxels)), replace=False)]
    ids = np.zeros(part.shape, np.int32)
    ids[part] = cKDTree(seeds).query(voxels)[1]
    names = body.organs[where][tuple(seeds.T)]
    wide = np.array([body.organ_names[n - 1] == "colon" for n in names])
    kinds = np.where(wide, _contents(True, len(seeds), rng), _contents(False, len(seeds), rng))
    start = np.array([s.start for s in where])
    front = body.grid.origin_mm[1] + body.grid.spacing_mm * (start[1] + seeds[:, 1])
    levels = front + rng.uniform(-25, 12, len(seeds))
    surface = np.where(part, 0.5 * body.grid.spacing_mm - depth, 10.0).astype(np.float32)
    fill_bowel(out, surface, ids, start, body.grid.origin_mm, body.grid.spacing_mm, kinds, levels, table)


def _laid(out: np.ndarray, body: Body, table: np.ndarray, rng: np.random.Generator) -> None:
    spacing = body.grid.spacing_mm
    found = ndimage.find_objects((body.cavity < 0).astype(np.uint8))[0]
    box = Box(tuple(s.start for s in found), tuple(s.stop for s in found))
    room = body.cavity[box.slices]
    low = body.grid.origin_mm + spacing * np.array(box.start)
    surface = np.full(room.shape, 10.0, np.float32)
    nearest = np.full(room.shape, 99.0, np.float32)
    ids = np.zeros(room.shape, np.int32)
    kinds: list[int] = []
    levels: list[float] = []
    for points, radii, wide in _walks(room, low, spacing, rng):
        # Contents change every few steps.
        content = np.repeat(_contents(wide, len(points) // 3 + 1, rng), 3)
        for n in range(len(points) - 1):
            kinds.append(int(content[n]))
            levels.append(float(points[n][1] + rng.uniform(-0.9, 0.3) * radii[n]))
            lay_capsule(
                surface, nearest, ids, points[n], points[n + 1], float(radii[n]), len(kinds) - 1, low, spacing, table
            )
    surface = np.maximum(surface, room + _MARGIN_MM)
    if kinds:
        arrays = np.array(kinds), np.array(levels)
        fill_bowel(out, surface, ids, np.array(box.start), body.grid.origin_mm, spacing, *arrays, table)


def _walks(
    room: np.ndarray, low: Point3, spacing: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Points (N x 3, mm), radii and whether it is colon, for each loop."""
    inside = np.argwhere(room < -8)
    size = np.array(room.shape)
    walks: list[tuple[np.ndarray, np.ndarray, bool]] = []

    def walk(start: np.ndarray, steps: int, length: float, drift: np.ndarray, radius: float, wide: bool) -> None:
        points = [start * 1.0]
        heading = drift + rng.normal(0, 0.5, 3)
        for _ in range(steps):
            heading = 0.75 * heading + 0.35 * drift + rng.normal(0, 0.45, 3)
            heading /= np.linalg.norm(heading) + 1e-9
            step = points[-1] + heading * length / spacing
            at = np.clip(np.rint(step).astype(int), 0, size - 1)
            if room[tuple(at)] > -0.5 * radius:
                # Turn back from the wall.
                heading = -heading + rng.normal(0, 0.8, 3)
                continue
            points.append(step)
        if len(points) > 1:
            bulge = 1 + (0.22 if wide else 0.1) * np.sin(np.arange(len(points)) * 2.1 + rng.uniform(0, 6))
            walks.append((low + spacing * np.array(points), radius * bulge, wide))

    if not len(inside):
        return walks
    still = np.zeros(3)
    for _ in range(int(rng.integers(7, 14))):
        start = inside[rng.integers(len(inside))]
        walk(start, int(rng.integers(10, 26)), 8.0, still, float(rng.uniform(7, 13)), wide=False)
    for right in (False, True):
        # Ascending colon and caecum on the right (high x), descending colon on the left.
        flank = inside[inside[:, 0] > 0.72 * size[0]] if right else inside[inside[:, 0] < 0.28 * size[0]]
        if len(flank):
            start = flank[np.argmax(flank[:, 2] + rng.uniform(0, 0.3 * size[2], len(flank)))]
            radius = float(rng.uniform(17, 29) if right else rng.uniform(12, 22))
            walk(start, int(rng.integers(8, 16)), 11.0, np.array((0, 0, -1.0)), radius, wide=True)
    lowest = inside[inside[:, 2] < np.quantile(inside[:, 2], 0.18)]
    behind = lowest[lowest[:, 1] <= np.quantile(lowest[:, 1], 0.25)]
    start = behind[rng.integers(len(behind))]
    walk(start, int(rng.integers(6, 14)), 9.0, np.array((0, 0.1, 0.7)), float(rng.uniform(10, 22)), wide=True)
    if rng.random() < 0.6:
        across = inside[rng.integers(len(inside))]
        walk(across, int(rng.integers(8, 18)), 11.0, np.array((0.6, 0.2, 0)), float(rng.uniform(13, 24)), wide=True)
    return walks
