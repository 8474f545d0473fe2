"""Bodies that go on where their scan ends, so that rays of a wide or oblique view do not end in air."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

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

_BLUR = 0.15
"""Standard deviation of what goes on, over its distance from the scan: a gas bubble or a cortex drawn out for 80 mm
would be a streak that no radiograph has."""

_ENDING = ("hip_left", "hip_right", "sacrum")
"""Structures that end soon below a scan that cuts them: neither they nor their labels go on."""


def continued(anatomy: Anatomy, beyond_mm: float | int) -> Anatomy:
    """The subject with its body continued beyond the scan.

    At the ends along the body the last slices go on: thighs with their shafts, a trunk with its spine, blurred
    within the body's outline the more the farther they are. Hips and sacrum end, as they would soon below.
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
    ending = np.array([anatomy.structures[name] for name in _ENDING if name in anatomy.structures], dtype=np.uint8)
    ends = [_end(ct, labels, along, last, averaged, ending) for last in (False, True)]
    distance_mm = (np.arange(count) + 0.5) * spacing[along]
    across_mm = np.delete(spacing, along)
    beyond = [_gone_on(slice_, distance_mm, across_mm) for slice_, _ in ends]
    ct = np.concatenate((np.moveaxis(beyond[0][::-1], 0, along), ct, np.moveaxis(beyond[1], 0, along)), axis=along)
    first, last = (np.repeat(np.expand_dims(ids, along), count, axis=along) for _, ids in ends)
    labels = np.concatenate((first, labels, last), axis=along)
    origin = grid.apply(-before[None].astype(np.float64))[0]
    wider = Affine.from_parts(grid.linear, origin)
    return replace(anatomy, ct=Volume(ct, wider), labels=Volume(labels, wider))


def _end(
    ct: HuArray, labels: VoxelArray, axis: int, last: bool, averaged: int, ending: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What goes on at an end of an axis: the mean of its ``averaged`` last slices, and the labels of the last.

    Voxels of structures that are ``ending`` become soft tissue without a label.
    """
    length = ct.shape[axis]
    slices = range(length - averaged, length) if last else range(averaged)
    mean = np.take(ct, slices, axis=axis).mean(axis=axis)
    ended = np.isin(np.take(labels, slices, axis=axis), ending).any(axis=axis)
    ids = np.take(labels, length - 1 if last else 0, axis=axis)
    return np.where(ended, np.clip(mean, *_SOFT_HU), mean), np.where(np.isin(ids, ending), 0, ids).astype(ids.dtype)


def _gone_on(hu: np.ndarray, distance_mm: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """An end slice at each distance from it, N x A x B: blurred within the outline of its body, outside as it is."""
    body = (hu > BODY_HU).astype(np.float64)
    slices = np.empty((len(distance_mm), *hu.shape), dtype=np.int16)
    for index, distance in enumerate(distance_mm):
        sigma = _BLUR * distance / spacing_mm
        share = gaussian_filter(body, sigma, mode="nearest")
        blurred = gaussian_filter(hu * body, sigma, mode="nearest") / np.maximum(share, 1e-6)
        slices[index] = np.rint(np.where(body > 0, blurred, hu))
    return slices


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
    low, high = np.where(touching, low, 0), np.where(touching, high, 0)
    middle, half = (low + high) / 2, (high - low + 1) / 2
    reach_mm = np.minimum(half * spacing[across], beyond_mm)
    depth_mm = reach_mm * np.sqrt(np.maximum(1 - ((index - middle) / half) ** 2, 0)) * (touching & (face > BODY_HU))
    count = int(np.ceil(depth_mm.max() / spacing[axis]))
    distance = (np.arange(count, dtype=np.float64) + 0.5) * spacing[axis]
    distance = (distance if last else distance[::-1]).reshape([-1 if n == axis else 1 for n in range(3)])
    soft = np.clip(face, *_SOFT_HU)
    return np.where(distance <= depth_mm, soft, np.int16(_AIR_HU)).astype(np.int16)
