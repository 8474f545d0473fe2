"""Where the structures of a label map lie, how large they are and how dense: what names are held against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from synthex.core import Volume
from synthex.core.arrays import Flags, Point3

MOST_VOXELS = 4_000_000
"""Larger maps are measured on every second (third, …) voxel: places and medians need no more."""

BONE_HU = 150
"""Denser than muscle, liver and unenhanced blood (at most 80 HU) by a margin; cortical bone starts at about 300."""

AIR_HU = -500
"""Between lung and air on one side, fat (-100 HU) on the other."""


@dataclass(frozen=True, eq=False)
class Part:
    """One structure of a label map.

    Attributes:
        voxels: How many were measured.
        cm3: Its volume.
        center: Mean position, RAS mm.
        low: 2nd percentile of its positions along each axis, RAS mm.
        high: 98th percentile.
        cut_low: Whether it reaches the first voxels of the map along each axis, so may go on beyond them.
        cut_high: Whether it reaches the last ones.
        hu: Median HU; None without a CT.
    """

    voxels: int
    cm3: float
    center: Point3
    low: Point3
    high: Point3
    cut_low: Flags
    cut_high: Flags
    hu: float | None = None

    @property
    def extent(self) -> Point3:
        """Edges of its box, mm."""
        return self.high - self.low


def measure_parts(labels: Volume, ct: Volume | None = None) -> dict[int, Part]:
    """Every id of a label map but 0, with its place, size and HU.

    Args:
        labels: Whole-number ids, in the world of the CT.
        ct: HU on the same grid; None where there is none.
    """
    step = _step(labels)
    ids = labels.data[::step, ::step, ::step]
    places = np.flatnonzero(ids)
    if not places.size:
        return {}
    values = ids.ravel()[places]
    order = np.argsort(values, kind="stable")
    values, places = values[order], places[order]
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    hu = None if ct is None else ct.data[::step, ::step, ::step].ravel()[places]
    voxel_cm3 = abs(float(np.linalg.det(labels.world_from_ijk.linear))) * step**3 / 1000
    parts: dict[int, Part] = {}
    for start, end in zip(starts, (*starts[1:], len(values)), strict=True):
        ijk = np.stack(np.unravel_index(places[start:end], ids.shape), axis=1)
        points = labels.world_from_ijk.apply(ijk.astype(np.float64) * step)
        low, high = np.percentile(points, (2, 98), axis=0)
        parts[int(values[start])] = Part(
            voxels=int(end - start),
            cm3=float(end - start) * voxel_cm3,
            center=points.mean(axis=0),
            low=low,
            high=high,
            cut_low=ijk.min(axis=0) == 0,
            cut_high=ijk.max(axis=0) == np.array(ids.shape) - 1,
            hu=None if hu is None else float(np.median(hu[start:end])),
        )
    return parts


def named_parts(parts: Mapping[int, Part], names: Mapping[str, tuple[int, ...]]) -> dict[str, Part]:
    """The parts by name, several ids of one name united; names without a voxel are left out."""
    found = {name: [parts[number] for number in ids if number in parts] for name, ids in names.items()}
    return {name: _united(several) for name, several in found.items() if several}


@dataclass(frozen=True)
class Density:
    """How bone-like the voxels of some ids are, and what surrounds them.

    Attributes:
        median_hu: Inside.
        bone: Share of them above :data:`BONE_HU`.
        bone_around: The same of a shell, two to three (measured) voxels thick, that starts one voxel outside.
        air: Share of them below :data:`AIR_HU`.
    """

    median_hu: float
    bone: float
    bone_around: float
    air: float


def measure_density(labels: Volume, ct: Volume, ids: Iterable[int]) -> Density | None:
    """The HU under some ids and around them; None where they have no voxel."""
    from scipy import ndimage

    step = _step(labels)
    found, hu = labels.data[::step, ::step, ::step], ct.data[::step, ::step, ::step]
    inside = np.isin(found, list(ids))
    if not inside.any():
        return None
    near = ndimage.binary_dilation(inside)
    shell = ndimage.binary_dilation(near, iterations=2) & ~near & (found == 0)
    around = float((hu[shell] > BONE_HU).mean()) if shell.any() else 0.0
    seen = hu[inside]
    return Density(float(np.median(seen)), float((seen > BONE_HU).mean()), around, float((seen < AIR_HU).mean()))


def _step(labels: Volume) -> int:
    return max(1, int(np.ceil((labels.data.size / MOST_VOXELS) ** (1 / 3))))


def _united(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    weights = np.array([part.voxels for part in parts], dtype=np.float64)
    largest = max(parts, key=lambda part: part.voxels)
    return Part(
        voxels=int(weights.sum()),
        cm3=sum(part.cm3 for part in parts),
        center=np.average([part.center for part in parts], axis=0, weights=weights),
        low=np.min([part.low for part in parts], axis=0),
        high=np.max([part.high for part in parts], axis=0),
        cut_low=np.any([part.cut_low for part in parts], axis=0),
        cut_high=np.any([part.cut_high for part in parts], axis=0),
        hu=largest.hu,
    )
