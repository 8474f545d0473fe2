"""Bodies that go on where their scan ends, so that rays of a wide or oblique view do not end in air."""

from dataclasses import replace

import numpy as np

from synthex.core import Affine, Anatomy, Volume
from synthex.core.arrays import HuArray, VoxelArray

BODY_HU = -300
"""Above it a voxel is body rather than air: half-way between fat and lung."""

_TOUCHING = 0.002
"""Share of a side of the grid from which a body that lies there counts as cut."""

_END_MM = 6.0
"""Slices of so many mm at an end are averaged: a single slice's noise would become streaks."""

_SOFT_HU = (-150, 100)
"""What is added at the sides is soft tissue: bone and gas that touch them do not go on."""

_AIR_HU = -1000


def continued(anatomy: Anatomy, beyond_mm: float | int) -> Anatomy:
    """The subject with its body continued beyond the scan.

    At the ends along the body the last slices go on as they are: thighs with their shafts, a trunk with its spine.
    At the sides, where a body wider than the field of view touches the border, soft tissue rounds it off as an
    ellipse would, over the touching part's height. Landmarks stay, and those that are absent stay absent.

    Args:
        anatomy: The subject; its arrays are not changed.
        beyond_mm: How far it goes on at each end, and at most at each side, mm; 0 returns the subject as it is.

    Raises:
        ValueError: ``beyond_mm`` is negative.
    """
    if beyond_mm < 0:
        raise ValueError(f"a body cannot be continued by {beyond_mm} mm; give 0 or more")
    if beyond_mm == 0:
        return anatomy
    ct, labels, grid = anatomy.ct.data, anatomy.labels.data, anatomy.ct.world_from_ijk
    along = int(np.argmax(np.abs(grid.linear[2])))
    spacing = anatomy.ct.spacing_mm
    before = np.zeros(3, dtype=int)
    for axis in (other for other in range(3) if other != along):
        across = 3 - axis - along
        grown = [_side(ct, axis, across, last, float(beyond_mm), spacing) for last in (False, True)]
        before[axis] = grown[0].shape[axis]
        ct = np.concatenate((grown[0], ct, grown[1]), axis=axis)
        empty = [np.zeros(part.shape, dtype=np.uint8) for part in grown]
        labels = np.concatenate((empty[0], labels, empty[1]), axis=axis)
    count = int(np.ceil(beyond_mm / spacing[along]))
    averaged = max(1, min(round(_END_MM / spacing[along]), ct.shape[along]))
    before[along] = count
    ct = _with_ends(ct, along, count, averaged)
    labels = _with_ends(labels, along, count, 1)
    origin = grid.apply(-before[None].astype(np.float64))[0]
    wider = Affine.from_parts(grid.linear, origin)
    return replace(anatomy, ct=Volume(ct, wider), labels=Volume(labels, wider))


def _with_ends(data: VoxelArray, axis: int, count: int, averaged: int) -> np.ndarray:
    """``count`` slices more at both ends of an axis, each the mean of the ``averaged`` last ones."""

    def end(first: int) -> np.ndarray:
        part = np.take(data, range(first, first + averaged), axis=axis)
        mean = part if averaged == 1 else np.rint(part.mean(axis=axis, keepdims=True)).astype(data.dtype)
        return np.repeat(mean, count, axis=axis)

    return np.concatenate((end(0), data, end(data.shape[axis] - averaged)), axis=axis)


def _side(ct: HuArray, axis: int, across: int, last: bool, beyond_mm: float, spacing: np.ndarray) -> np.ndarray:
    """What a side of the grid gains: soft tissue behind the body that touches it; no voxels where none does.

    Args:
        ct: HU.
        axis: The axis that the side ends.
        across: The other axis of an axial slice.
        last: The side of the greatest index.
        beyond_mm: At most so much.
        spacing: Voxel edges, mm.
    """
    face = np.take(ct, [ct.shape[axis] - 1 if last else 0], axis=axis)
    body = face > BODY_HU
    if body.mean() < _TOUCHING:
        return np.take(ct, [], axis=axis)
    index = np.arange(ct.shape[across], dtype=np.float64).reshape([-1 if n == across else 1 for n in range(3)])
    touching = body.any(axis=across, keepdims=True)
    low = np.where(body, index, np.inf).min(axis=across, keepdims=True)
    high = np.where(body, index, -np.inf).max(axis=across, keepdims=True)
    middle, half = np.where(touching, (low + high) / 2, 0), np.where(touching, (high - low + 1) / 2, 1)
    reach_mm = np.minimum(half * spacing[across], beyond_mm)
    depth_mm = reach_mm * np.sqrt(np.maximum(1 - ((index - middle) / half) ** 2, 0)) * (touching & (face > BODY_HU))
    count = int(np.ceil(depth_mm.max() / spacing[axis]))
    distance = (np.arange(count, dtype=np.float64) + 0.5) * spacing[axis]
    distance = (distance if last else distance[::-1]).reshape([-1 if n == axis else 1 for n in range(3)])
    soft = np.clip(face, *_SOFT_HU)
    return np.where(distance <= depth_mm, soft, np.int16(_AIR_HU)).astype(np.int16)
