"""Shapes that label maps leave out: the skin where it is missing, the abdominal cavity, discs and cartilage."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from synthex.anatomy.hip_geometry import HipJoint
from synthex.anatomy.painting.body import Bone
from synthex.anatomy.voxel_grid import Grid, upsample

Field = Float32[np.ndarray, "I J K"]


def coarse_view(field: np.ndarray, grid: Grid, factor: int) -> tuple[np.ndarray, Grid]:
    """Every ``factor``-th voxel of a field, on :meth:`~synthex.anatomy.voxel_grid.Grid.coarser`."""
    nodes = [
        np.minimum(np.arange(n) * factor, size - 1)
        for n, size in zip(grid.coarser(factor).shape, grid.shape, strict=True)
    ]
    return field[np.ix_(*nodes)], grid.coarser(factor)


def bone_mask(bones: Mapping[str, Bone], grid: Grid) -> Bool[np.ndarray, "I J K"]:
    """Where any bone is."""
    mask = np.zeros(grid.shape, bool)
    for bone in bones.values():
        mask[bone.box.slices] |= bone.distance < 0
    return mask


def skin_distance(body: Bool[np.ndarray, "I J K"], grid: Grid) -> Field:
    """Signed distance to the skin of a body's mask, mm, smooth."""
    factor = max(1, round(3.2 / grid.spacing_mm))
    mask, coarse = coarse_view(body, grid, factor)
    mask = _largest(mask)
    distance = _distance(mask, coarse.spacing_mm)
    return upsample(ndimage.gaussian_filter(distance, 3.0 / coarse.spacing_mm, mode="nearest"), factor, grid.shape)


def grown_body(
    labelled: Bool[np.ndarray, "I J K"], joints: Mapping[str, HipJoint], grid: Grid, fat_mm: float
) -> tuple[Field, Field]:
    """A body around labelled tissue, for maps without skin.

    Each gap of the labelled tissue is closed, thighs are put around the femurs, fat covers it, and the back is flat as
    it lies on a table.

    Args:
        labelled: Anything labelled.
        joints: Hip joints, for the thighs.
        grid: Of the result.
        fat_mm: Least fat over the outermost labelled tissue.

    Returns:
        Signed distance to the skin, and to the muscles that fill hips and thighs, mm.
    """
    factor = max(1, round(5.0 / grid.spacing_mm))
    mask, coarse = coarse_view(labelled, grid, factor)
    x, y, z = coarse.axes()
    wall = _closed(_filled_slices(mask), 40.0, coarse.spacing_mm)
    body = _distance(wall, coarse.spacing_mm)
    meat = np.full(body.shape, 99.0, np.float32)
    for joint in joints.values():
        # The axis of the thigh's flesh, inward of the shaft.
        below = joint.base[2] - z
        middle_x = joint.base[0] + below * joint.down[0] / -joint.down[2] - 14 * np.sign(joint.lateral[0])
        middle_y = joint.base[1] + below * joint.down[1] / -joint.down[2] + 4
        around = np.hypot(x - middle_x, (y - middle_y) / 1.05)
        # Flesh tapers upwards from the trochanters to the iliac crest, where the trunk goes on.
        taper = 45 * np.clip((z - joint.head[2] + 20) / 120, 0, 1)
        thigh = np.maximum(around - 68 + taper, z - joint.head[2] - 100)
        meat = np.minimum(meat, np.broadcast_to(thigh, meat.shape))
    meat = np.minimum(meat, np.maximum(body + 2, np.broadcast_to(z, body.shape) - _hip_top(joints, z)))
    skin = _smooth_min(body - fat_mm, meat - 0.8 * fat_mm, 40.0)
    lowest = np.nonzero(mask.any(axis=(0, 2)))[0]
    if len(lowest):
        back = float(y.ravel()[lowest[0]]) - 0.6 * fat_mm
        skin = np.maximum(skin, np.broadcast_to(back - y, skin.shape))
    skin = ndimage.gaussian_filter(skin.astype(np.float32), 6.0 / coarse.spacing_mm, mode="nearest")
    meat = ndimage.gaussian_filter(meat.astype(np.float32), 4.0 / coarse.spacing_mm, mode="nearest")
    return upsample(skin, factor, grid.shape), upsample(meat, factor, grid.shape)


def abdominal_cavity(
    wall: Bool[np.ndarray, "I J K"], organs: Bool[np.ndarray, "I J K"], joints: Mapping[str, HipJoint], grid: Grid
) -> tuple[Field, Field]:
    """The room for bowel that bones and muscles enclose, above the floor of the pelvis.

    Args:
        wall: Bones and muscles.
        organs: What is labelled inside.
        joints: Hip joints; without both there is no cavity.
        grid: Of the result.

    Returns:
        Signed distance to its wall, and to the envelope of bones and muscles, mm, negative inside.
    """
    factor = max(1, round(5.0 / grid.spacing_mm))
    mask, coarse = coarse_view(wall, grid, factor)
    within, _ = coarse_view(organs, grid, factor)
    envelope = _enclosed(mask | within, coarse.spacing_mm)
    inside = _distance(envelope, coarse.spacing_mm)
    empty = np.full(mask.shape, 99.0, np.float32)
    if len(joints) == 2:
        x, _, z = coarse.axes()
        left, right = joints["left"].head, joints["right"].head
        middle, half = (left + right) / 2, abs(float(right[0] - left[0])) / 2
        # The floor of the pelvis lies somewhat below the hip centres, and the true pelvis is narrow there.
        floor = middle[2] - 18 - z
        narrow = np.abs(x - middle[0]) - np.interp(z, middle[2] + np.array((0.0, 60.0)), (0.72 * half, 1.9 * half))
        allowed = envelope & ~mask & (floor < 0) & (narrow < 0)
        opened = _distance(allowed, coarse.spacing_mm) < -5
        cavity = _largest(ndimage.binary_dilation(opened, iterations=max(1, round(5 / coarse.spacing_mm))) & allowed)
        empty = _distance(cavity, coarse.spacing_mm)
    smooth = (ndimage.gaussian_filter(field, 3.0 / coarse.spacing_mm, mode="nearest") for field in (empty, inside))
    first, second = (upsample(field, factor, grid.shape) for field in smooth)
    return first, second


def discs_and_cartilage(bones: Mapping[str, Bone], grid: Grid) -> Field:
    """Share of disc and cartilage: narrow gaps between vertebrae, and where two bones are close to each other."""
    share = np.zeros(grid.shape, np.float32)
    nearest, second = np.full(grid.shape, 12.0, np.float32), np.full(grid.shape, 12.0, np.float32)
    for bone in bones.values():
        part, next_part = nearest[bone.box.slices], second[bone.box.slices]
        next_part[:] = np.minimum(next_part, np.maximum(part, bone.distance))
        np.minimum(part, bone.distance, out=part)
    np.clip(0.5 - (second - 4.0) / 2.0, 0, 1, out=share)
    factor = max(1, round(3.2 / grid.spacing_mm))
    spine = bone_mask({name: b for name, b in bones.items() if b.kind in ("vertebra", "sacrum")}, grid)
    mask, coarse = coarse_view(spine, grid, factor)
    if mask.any():
        gap = _closed(mask, 7.0, coarse.spacing_mm) & ~mask
        smooth = ndimage.gaussian_filter(gap.astype(np.float32), 0.7)
        np.maximum(share, np.clip(upsample(smooth, factor, grid.shape) * 1.4, 0, 1), out=share)
    return share


def _hip_top(joints: Mapping[str, HipJoint], z: np.ndarray) -> float:
    """Height up to which flesh fills the hips, mm."""
    return max((joint.head[2] + 55 for joint in joints.values()), default=float(z.min()))


def _distance(mask: Bool[np.ndarray, "I J K"], spacing_mm: float) -> Field:
    """Signed distance of a coarse mask."""
    if not mask.any():
        return np.full(mask.shape, 99.0, np.float32)
    outside = ndimage.distance_transform_edt(~mask) - 0.5
    inside = ndimage.distance_transform_edt(mask) - 0.5
    found: Field = (np.where(mask, -inside, outside) * spacing_mm).astype(np.float32)
    return found


def _closed(mask: Bool[np.ndarray, "I J K"], radius_mm: float, spacing_mm: float) -> Bool[np.ndarray, "I J K"]:
    """Morphological closing by a ball; the scan's ends do not open it."""
    reach = int(np.ceil(radius_mm / spacing_mm)) + 1
    padded = np.pad(mask, reach, mode="edge")
    padded[:reach] = padded[-reach:] = False
    padded[:, :reach] = padded[:, -reach:] = False
    near = ndimage.distance_transform_edt(~padded) <= radius_mm / spacing_mm
    closed = ndimage.distance_transform_edt(near) > radius_mm / spacing_mm
    inner = slice(reach, -reach)
    return closed[inner, inner, inner] | mask


def _filled_slices(mask: Bool[np.ndarray, "I J K"]) -> Bool[np.ndarray, "I J K"]:
    """Holes of each slice along z filled."""
    return np.stack([ndimage.binary_fill_holes(mask[:, :, k]) for k in range(mask.shape[2])], axis=2)


def _enclosed(mask: Bool[np.ndarray, "I J K"], spacing_mm: float) -> Bool[np.ndarray, "I J K"]:
    """What a wall encloses, slice by slice, where gaps of the wall are closed; slices with larger ones go by others."""
    filled = _filled_slices(_closed(mask, 26.0, spacing_mm))
    reach = round(45 / spacing_mm)
    # Along the body alone, and beyond its ends as at them.
    padded = np.pad(filled, ((0, 0), (0, 0), (reach, reach)), mode="edge")
    line = np.ones((1, 1, 2 * reach + 1), bool)
    closed = ndimage.binary_erosion(ndimage.binary_dilation(padded, line), line, border_value=1)
    return closed[:, :, reach:-reach] | filled


def _largest(mask: Bool[np.ndarray, "I J K"]) -> Bool[np.ndarray, "I J K"]:
    """The largest connected piece."""
    pieces, count = ndimage.label(mask)
    return mask if count < 2 else pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))


def _smooth_min(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Minimum with a rounded edge (Quilez's polynomial smooth minimum)."""
    blend = np.clip(width - np.abs(first - second), 0, None) / width
    return np.minimum(first, second) - blend**2 * width / 4
