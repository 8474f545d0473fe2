"""The femurs of a subject as an instrument meets them: heads, necks, and the bone around them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from synthex.anatomy.hip_landmarks import find_hip_landmarks
from synthex.core import Affine, Anatomy, UserError, Volume
from synthex.core.arrays import Point3, Points3

REACH_MM = 120.0
"""Bone within this distance of the head is looked at: more than along the neck to the lateral cortex, which is 63 to
83 mm in the phantoms."""

HEAD_RADIUS_MM = (15.0, 33.0)
"""As :mod:`synthex.anatomy.hip_landmarks` accepts them (Milner and Boldsen, J Forensic Sci 2012, and a margin)."""

NECK_SHELL = (1.2, 1.6)
"""The neck is what the femur has between these distances from the head's centre, in head radii. The head ends at 1;
the tip of the greater trochanter comes no nearer than 1.7 in the phantoms."""

LEAST_NECK_MM = 6.0
"""A neck that is somewhere thinner than this radius is not drilled: our choice; the thinnest of the phantoms has 10
mm, that of a CT of 3 mm too."""

FINEST_MM = 2.0
"""Every other voxel of labels finer than half of this is enough, and so on: the distance map of a femur then has
less than 3 MB (0.4 MB at voxels of 1 and 2 mm)."""

AIR_HU = -500
"""Skin begins where a voxel from the front has more: half way from air to water."""

BONE_HU = 250
"""Tissue from here on counts as bone where no label says so: above muscle and blood, below most cortices."""


@dataclass(frozen=True, eq=False)
class Femur:
    """One proximal femur.

    Attributes:
        side: ``left`` or ``right``.
        head_center: RAS mm.
        head_radius_mm: Of the head's sphere.
        axis: Unit vector of the neck's axis, from the head outwards.
        neck_center: Middle of the neck's narrowest place on that axis, RAS mm.
        neck_radius_mm: Distance from there to the neck's surface.
        exit: Where the axis leaves the bone through the lateral cortex, or the scan where that ends before, RAS mm.
        inside_mm: Distance of each voxel of a box to the bone's surface; half a voxel below 0 outside of it.
        box_from_world: Maps RAS mm to the indices of ``inside_mm``.
    """

    side: str
    head_center: Point3
    head_radius_mm: float
    axis: Point3
    neck_center: Point3
    neck_radius_mm: float
    exit: Point3
    inside_mm: Float32[np.ndarray, "I J K"]
    box_from_world: Affine

    def depth_mm(self, points: Points3) -> Float[np.ndarray, " N"]:
        """Distance of points inside the bone to its surface (trilinear), below 0 outside."""
        return _interpolate(self.inside_mm, self.box_from_world, points)


@lru_cache(maxsize=256)
def femurs_of(anatomy: Anatomy) -> tuple[Femur, ...]:
    """The femurs of a subject whose head and neck lie within the scan.

    Head centres are the subject's landmarks ``FH-l`` and ``FH-r``, or found by geometry where they are not
    annotated. A pure function of the anatomy, remembered for the last 256.
    """
    centers = _head_centers(anatomy)
    found = []
    for side in ("left", "right"):
        label, center = anatomy.structures.get(f"femur_{side}"), centers.get(f"FH-{side[0]}")
        femur = None if label is None or center is None else _femur(anatomy.labels, label, center, side)
        if femur is not None:
            found.append(femur)
    return tuple(found)


@lru_cache(maxsize=64)
def bare(anatomy: Anatomy, side: str) -> Anatomy:
    """A subject of whom nothing but one femur is left, in air: voxels labelled so, and one around them."""
    label = anatomy.structures[f"femur_{side}"]
    found = ndimage.find_objects((np.asarray(anatomy.labels.data) == label).astype(np.uint8))[0]
    box = tuple(
        slice(max(part.start - 2, 0), min(part.stop + 2, size))
        for part, size in zip(found, anatomy.ct.shape, strict=True)
    )
    start = np.array([part.start for part in box], dtype=np.float64)
    labels = np.where(anatomy.labels.data[box] == label, np.uint8(label), np.uint8(0))
    near = ndimage.binary_dilation(labels > 0)
    ct = np.where(near, anatomy.ct.data[box], np.int16(-1000))
    world_from_box = anatomy.ct.world_from_ijk @ Affine.from_parts(np.eye(3), start)
    return replace(anatomy, ct=Volume(ct, world_from_box), labels=Volume(labels, world_from_box))


def skin_front(ct: Volume, point: Point3, inner: Point3) -> Point3:
    """The skin before ``point``: the most anterior voxel on the line along A that is not air, RAS mm.

    Where there is nothing but air on that line, it is moved towards ``inner`` in quarters of the way. With air
    there too, it is ``inner``.
    """
    step = float(ct.spacing_mm.min())
    reach = float(np.linalg.norm(ct.spacing_mm * ct.shape))
    ahead = np.arange(-reach, reach, step)[:, None] * np.array((0.0, 1.0, 0.0))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        line = point + share * (inner - point) + ahead
        tissue = np.flatnonzero(_nearest(ct, line, -1000.0) > AIR_HU)
        if len(tissue):
            return line[tissue[-1]]
    return np.array(inner, dtype=np.float64)


def in_bone(anatomy: Anatomy, points: Points3) -> Bool[np.ndarray, " N"]:
    """Whether points lie in tissue of bone or metal, by their HU."""
    return _nearest(anatomy.ct, points, -1000.0) > BONE_HU


def _nearest(volume: Volume, points: Points3, outside: float) -> Float[np.ndarray, " N"]:
    """Nearest voxels at points of the world."""
    index = np.rint(volume.world_from_ijk.inverse().apply(points)).astype(np.int64)
    within = ((index >= 0) & (index < volume.shape)).all(axis=1)
    values = np.full(len(points), outside)
    i, j, k = index[within].T
    values[within] = volume.data[i, j, k]
    return values


def _interpolate(
    inside: Float32[np.ndarray, "I J K"], box_from_world: Affine, points: Points3
) -> Float[np.ndarray, " N"]:
    """A distance map at points of the world, trilinear; -1 beyond it."""
    index = box_from_world.apply(points).T
    found = ndimage.map_coordinates(inside, index, order=1, mode="constant", cval=-1.0, prefilter=False)
    return np.asarray(found, dtype=np.float64)


def _head_centers(anatomy: Anatomy) -> Mapping[str, Point3]:
    names = [f"FH-{side[0]}" for side in ("left", "right") if f"femur_{side}" in anatomy.structures]
    unknown = [name for name in names if name not in anatomy.landmarks and name not in anatomy.absent]
    if not unknown:
        return anatomy.landmarks
    try:
        found = find_hip_landmarks(anatomy.labels, anatomy.structures).positions
    except UserError:  # the structures have no voxels
        return anatomy.landmarks
    return {**found, **anatomy.landmarks}


def _femur(labels: Volume, label: int, center: Point3, side: str) -> Femur | None:
    """The geometry around a head's centre; None where it shows no head or no neck."""
    inside, box_from_world = _distance_map(labels, label, center)
    if not (inside > 0).any():
        return None
    world_from_box = box_from_world.inverse()
    voxels = world_from_box.apply(np.argwhere(inside > 0).astype(np.float64))
    radius = _head_radius(inside, box_from_world, center)
    if not HEAD_RADIUS_MM[0] <= radius <= HEAD_RADIUS_MM[1]:
        return None
    away = voxels - center
    distance = np.linalg.norm(away, axis=1)
    neck = (distance > NECK_SHELL[0] * radius) & (distance < NECK_SHELL[1] * radius)
    if not neck.any():
        return None
    # The mean of directions: every distance has the same say, however wide the neck is there.
    mean = (away[neck] / distance[neck, None]).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.5:  # not one bundle of directions: no neck
        return None
    axis = mean / length
    along = np.arange(0.0, REACH_MM, 0.5)
    line = center + along[:, None] * axis
    depth = _interpolate(inside, box_from_world, line)
    out = np.flatnonzero(depth <= 0)
    if not len(out) or along[out[0]] < NECK_SHELL[1] * radius:  # the scan ends in the neck, or all is one lump
        return None
    narrow = np.flatnonzero((along > NECK_SHELL[0] * radius) & (along < NECK_SHELL[1] * radius))
    if depth[narrow].min() < LEAST_NECK_MM:
        return None
    waist = narrow[int(np.argmin(depth[narrow]))]
    return Femur(
        side=side,
        head_center=np.array(center, dtype=np.float64),
        head_radius_mm=radius,
        axis=axis,
        neck_center=line[waist],
        neck_radius_mm=float(depth[waist]),
        exit=line[out[0]],
        inside_mm=inside,
        box_from_world=box_from_world,
    )


def _distance_map(labels: Volume, label: int, center: Point3) -> tuple[Float32[np.ndarray, "I J K"], Affine]:
    """Distances to the surface of a bone within :data:`REACH_MM` of a point, and the map to their indices."""
    spacing = labels.spacing_mm
    middle = labels.world_from_ijk.inverse().apply(center[None])[0]
    shape = np.array(labels.shape)
    low = np.clip(np.floor(middle - REACH_MM / spacing), 0, shape - 1).astype(np.int64)
    high = np.clip(np.ceil(middle + REACH_MM / spacing), low + 1, shape).astype(np.int64)
    stride = np.maximum(1, np.floor(FINEST_MM / spacing + 0.01)).astype(np.int64)
    cut = tuple(slice(int(a), int(b), int(s)) for a, b, s in zip(low, high, stride, strict=True))
    mask = np.asarray(labels.data[cut]) == label
    box = ndimage.find_objects(mask.astype(np.uint8))
    if not box:
        return np.zeros((1, 1, 1), dtype=np.float32), Affine.identity()
    # Background all round, but not beyond the scan's end, where the bone goes on and has no surface.
    ends = [
        ((part.start == 0 and a == 0), (part.stop == mask.shape[axis] and b == shape[axis]))
        for axis, (part, a, b) in enumerate(zip(box[0], low, high, strict=True))
    ]
    padded = np.pad(mask[box[0]], [(int(not first), int(not last)) for first, last in ends])
    padded = np.pad(padded, [(int(first), int(last)) for first, last in ends], mode="edge")
    start = np.array([part.start for part in box[0]]) - 1
    distance = ndimage.distance_transform_edt(padded, sampling=spacing * stride)
    # The surface runs midway between the last voxel inside and the first one outside.
    half = 0.5 * float((spacing * stride).mean())
    inside = np.where(distance > 0, distance - half, -half)
    world_from_box = labels.world_from_ijk @ Affine.from_parts(np.diag(stride.astype(np.float64)), low + start * stride)
    return inside.astype(np.float32), world_from_box.inverse()


def _head_radius(inside: Float32[np.ndarray, "I J K"], box_from_world: Affine, center: Point3) -> float:
    """Median distance from the centre to where the bone ends, over 200 even directions (Fibonacci lattice).

    The neck takes a quarter of the directions at most, so that the median is the head's.
    """
    k = np.arange(200) + 0.5
    polar, turn = np.arccos(1 - k / 100), np.pi * (1 + 5**0.5) * k
    ways = np.column_stack((np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)))
    steps = np.arange(0.0, HEAD_RADIUS_MM[1] + 5.0, 0.5)
    points = center + (steps[:, None, None] * ways).reshape(-1, 3)
    solid = _interpolate(inside, box_from_world, points) > 0
    ends = np.where(solid.reshape(len(steps), -1), steps[-1], steps[:, None]).min(axis=0)
    return float(np.median(ends))
