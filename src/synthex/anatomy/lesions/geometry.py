"""Where things are in a lung: a coarse grid of nodes with depth under the pleura and zones, made once a subject."""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy.ndimage import distance_transform_edt

from synthex.anatomy.box_kernel import box_of
from synthex.core import Anatomy, ConfigError

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

NODE_MM = 4.0
"""Spacing of the nodes (to the next whole voxel): our choice. Borders of lesions are soft over more than that."""

_OUTER_SHARE = 1 / 3
"""Subpleural is the outer third of the depth (the definition radiologists score by)."""

_MEDIASTINAL = 0.6
"""Surface whose direction from a node points so much towards the midline (cosine) faces the mediastinum, and lung
beneath it does not count as subpleural: our choice."""


@dataclass(frozen=True, eq=False)
class LungGeometry:
    """One lung on a coarse grid.

    Attributes:
        label: Id of the lung.
        low: First voxel of the lung's box, per axis.
        high: One past its last voxel.
        start: Voxel of node (0, 0, 0); may lie before the first voxel of the CT.
        stride: Voxels from node to node, per axis.
        position_mm: World position of the nodes, 3 x A x B x C (RAS mm).
        depth_mm: Distance of the nodes from the lung's surface, 0 outside, A x B x C.
        inside: Whether a node is in the lung, A x B x C.
        peripheral: Whether a node in the lung is subpleural, for the N nodes inside.
        lower: Whether it lies in the lower half of the lung's height.
        posterior: Whether it lies in the back half.
        air: Median share of air of the lung's voxels, in (0, 1].
        volume_mm3: Volume of the lung.
    """

    label: int
    low: tuple[int, int, int]
    high: tuple[int, int, int]
    start: tuple[int, int, int]
    stride: tuple[int, int, int]
    position_mm: Float32[np.ndarray, "3 A B C"]
    depth_mm: Float32[np.ndarray, "A B C"]
    inside: Bool[np.ndarray, "A B C"]
    peripheral: Bool[np.ndarray, "N"]
    lower: Bool[np.ndarray, "N"]
    posterior: Bool[np.ndarray, "N"]
    air: float
    volume_mm3: float

    @property
    def median_hu(self) -> float:
        """Median HU of the lung."""
        return -1000.0 * self.air


# Weak, because an anatomy holds a whole CT that nobody else may need any more.
_CACHE: "weakref.WeakKeyDictionary[Anatomy, dict[Side, LungGeometry]]" = weakref.WeakKeyDictionary()


def lung_geometry(anatomy: Anatomy, side: Side) -> LungGeometry:
    """The geometry of one lung; made at the first call for an anatomy and kept as long as that lives.

    Raises:
        ConfigError: The lung is not labelled, has no voxels, or is full of something denser than water.
    """
    made = _CACHE.setdefault(anatomy, {})
    if side not in made:
        made[side] = _make(anatomy, side)
    return made[side]


def share_geometry(changed: Anatomy, anatomy: Anatomy, sides: Iterable[Side]) -> None:
    """Give a changed subject the geometry of those lungs that did not change."""
    _CACHE.setdefault(changed, {}).update({side: lung_geometry(anatomy, side) for side in sides})


def _make(anatomy: Anatomy, side: Side) -> LungGeometry:
    name = f"lung_{side}"
    remedy = "lesions need the labels lung_left and lung_right (structures=chest reads them from a CT)"
    if name not in anatomy.structures:
        raise ConfigError(f"subject {anatomy.subject_id} has no label for {name}; {remedy}")
    label = anatomy.structures[name]
    whole = box_of(anatomy.labels.data, label)
    if whole is None:
        raise ConfigError(f"subject {anatomy.subject_id} has no voxel labelled {name}; {remedy}")
    low, high = whole
    mask = anatomy.labels.data[tuple(slice(low[axis], high[axis]) for axis in range(3))] == label
    spacing = anatomy.ct.spacing_mm
    stride = np.maximum(1, np.rint(NODE_MM / spacing)).astype(int)
    start = low - stride
    count = -(-(high - start) // stride) + 2
    nodes = [start[axis] + stride[axis] * np.arange(count[axis]) for axis in range(3)]
    inside = _sampled(mask, [index - low[axis] for axis, index in enumerate(nodes)])
    if not inside.any():
        raise ConfigError(f"subject {anatomy.subject_id} has only {int(mask.sum())} voxels of {name}; {remedy}")
    distance, surface = distance_transform_edt(inside, sampling=spacing * stride, return_indices=True)
    depth = distance.astype(np.float32)
    nearest = np.ravel_multi_index(tuple(surface), inside.shape).ravel()
    linear, origin = anatomy.ct.world_from_ijk.linear, anatomy.ct.world_from_ijk.translation
    i, j, k = np.ix_(*nodes)
    position = np.stack([origin[r] + linear[r, 0] * i + linear[r, 1] * j + linear[r, 2] * k for r in range(3)])
    position = position.astype(np.float32)
    at = position[:, inside]
    # A sample is enough for a median.
    box = tuple(slice(low[axis], high[axis], stride[axis]) for axis in range(3))
    values = np.asarray(anatomy.ct.data[box])[mask[tuple(slice(None, None, stride[axis]) for axis in range(3))]]
    air = float(np.clip(-np.median(values) / 1000.0, 0.0, 1.0))
    if air <= 0:
        raise ConfigError(f"subject {anatomy.subject_id}: {name} is not filled with air; check labels and HU of the CT")
    height, back = _fraction(at[2]), _fraction(at[1])
    # Towards the midline from a node to the nearest surface: the right lung has it on its left, at lower R.
    to_surface = position[0].ravel()[nearest[inside.ravel()]] - at[0]
    medial = (to_surface if side == "left" else -to_surface) / depth[inside]
    peripheral = (depth[inside] <= _OUTER_SHARE * depth.max()) & (medial <= _MEDIASTINAL)
    return LungGeometry(
        label=label,
        low=_three(low),
        high=_three(high),
        start=_three(start),
        stride=_three(stride),
        position_mm=position,
        depth_mm=depth,
        inside=inside,
        peripheral=peripheral,
        lower=height < 0.5,
        posterior=back < 0.5,
        air=air,
        volume_mm3=float(mask.sum() * abs(np.linalg.det(linear))),
    )


def _sampled(mask: Bool[np.ndarray, "I J K"], nodes: list[np.ndarray]) -> Bool[np.ndarray, "A B C"]:
    """A mask at the voxels of the nodes; False outside of it."""
    within = [(index >= 0) & (index < size) for index, size in zip(nodes, mask.shape, strict=True)]
    clipped = [np.clip(index, 0, size - 1) for index, size in zip(nodes, mask.shape, strict=True)]
    sampled: np.ndarray = mask[np.ix_(*clipped)]
    return sampled & within[0][:, None, None] & within[1][None, :, None] & within[2][None, None, :]


def _fraction(values: Float32[np.ndarray, "N"]) -> Float32[np.ndarray, "N"]:
    """From 0 at the lowest to 1 at the highest value."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / max(high - low, 1e-6)).astype(np.float32)


def _three(values: Int[np.ndarray, "3"]) -> tuple[int, int, int]:
    i, j, k = (int(value) for value in values)
    return i, j, k
