"""From voxels of a label to smooth signed distances on another grid."""

import numpy as np
from jaxtyping import Bool, Float32, Shaped
from scipy import ndimage

from synthex.anatomy.io.images import simpleitk
from synthex.anatomy.painting.body import BAND_MM
from synthex.anatomy.voxel_grid import Box, Grid
from synthex.core import Affine

_SMOOTH_MM = 0.8
"""Sigma within fine slices: takes the steps of voxels away and leaves spines and rims."""

_SMOOTH_SLICES = 0.6
"""Sigma across slices that are thicker, as a share of their distance: outlines drawn by hand wander from slice to
slice."""

_LARGEST_HOLE_MM2 = {"femur": 2000.0, "hip": 600.0, "vertebra": 60.0}
_LARGEST_HOLE_OTHERS_MM2 = 30.0
"""Larger holes of a slice are the vertebral canal (200 mm2 and more), sacral foramina, …"""


def signed_distance(mask: Bool[np.ndarray, "I J K"], spacing_mm: np.ndarray) -> Float32[np.ndarray, "I J K"]:
    """Signed distance to the border of a mask in mm, negative inside; all inside or outside: the band's width.

    Maurer's distance is to the centres of the outermost voxels inside, half a voxel from the border between them
    and their neighbours.
    """
    if not mask.any():
        return np.full(mask.shape, BAND_MM, np.float32)
    if mask.all():
        return np.full(mask.shape, -BAND_MM, np.float32)
    sitk = simpleitk()
    image = sitk.GetImageFromArray(mask.T.astype(np.uint8))
    image.SetSpacing(tuple(float(value) for value in spacing_mm))
    distance = sitk.SignedMaurerDistanceMap(image, False, False, True)
    found: Float32[np.ndarray, "I J K"] = np.ascontiguousarray(sitk.GetArrayFromImage(distance).T)
    return found - np.float32(0.5 * float(np.min(spacing_mm)))


def blurred(
    share: Shaped[np.ndarray, "I J K"], spacing_mm: np.ndarray, sigma_mm: float
) -> Float32[np.ndarray, "I J K"]:
    """A mask, or shares of voxels, blurred by a Gaussian."""
    sitk = simpleitk()
    image = sitk.GetImageFromArray(share.T.astype(np.float32))
    image.SetSpacing(tuple(float(value) for value in spacing_mm))
    smooth = sitk.SmoothingRecursiveGaussian(image, sigma_mm)
    found: Float32[np.ndarray, "I J K"] = np.ascontiguousarray(sitk.GetArrayFromImage(smooth).T)
    return found


def on_grid(
    field: np.ndarray, world_from_field: Affine, grid: Grid, box: Box | None = None, nearest: bool = False
) -> np.ndarray:
    """A field read at the voxels of a grid (or of a box of it); beyond its border it goes on as it ends.

    Args:
        field: Values on any grid.
        world_from_field: Of its voxels, RAS mm.
        grid: Where to read it.
        box: Which part.
        nearest: Take the nearest value instead of interpolating linearly.
    """
    whole = box or Box((0, 0, 0), grid.shape)
    shift = Affine.from_parts(np.eye(3) * grid.spacing_mm, grid.origin_mm + grid.spacing_mm * np.array(whole.start))
    field_from_grid = world_from_field.inverse() @ shift
    return ndimage.affine_transform(
        field,
        field_from_grid.linear,
        field_from_grid.matrix[:3, 3],
        output_shape=whole.shape,
        order=0 if nearest else 1,
        mode="nearest",
    )


def smooth_surface(
    mask: Bool[np.ndarray, "I J K"], world_from_ijk: Affine, grid: Grid
) -> tuple[Box, Float32[np.ndarray, "A B C"]] | None:
    """The box of a bone on a grid, and its signed distance over that box; None where it is outside.

    Signed distances of the mask are smoothed, interpolated between slices (shape-based interpolation, Raya and Udupa
    1990, IEEE Trans Med Imaging 9:32), and made distances again. Where a bone is cut by the end of the scan, the cut
    is no surface: it has no shell.

    Args:
        mask: The bone on its own grid.
        world_from_ijk: Of that grid.
        grid: Where the distance is wanted.
    """
    spacing = np.linalg.norm(world_from_ijk.linear, axis=0)
    found = ndimage.find_objects(mask.view(np.uint8))
    if not found:
        return None
    margin = np.ceil((BAND_MM + 3) / spacing).astype(int)
    part = tuple(
        slice(max(0, s.start - m), min(n, s.stop + m)) for s, m, n in zip(found[0], margin, mask.shape, strict=True)
    )
    start = np.array([s.start for s in part], dtype=np.float64)
    distance = np.clip(signed_distance(mask[part], spacing), -BAND_MM, BAND_MM)
    sigma = np.where(spacing > 1.6 * spacing.min(), _SMOOTH_SLICES * spacing, _SMOOTH_MM) / spacing
    distance = ndimage.gaussian_filter(distance, sigma, mode="nearest", truncate=3)
    world_from_part = Affine.from_parts(world_from_ijk.linear, world_from_ijk.apply(start[None])[0])
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in distance.shape])).reshape(3, -1).T.astype(np.float64)
    box = grid.box(world_from_part.apply(corners), 0.0)
    if box is None:
        return None
    return box, exact_distance(on_grid(distance, world_from_part, grid, box), grid.spacing_mm)


def solid_bone(mask: Bool[np.ndarray, "I J K"], kind: str, spacing_mm: np.ndarray) -> Bool[np.ndarray, "I J K"]:
    """A bone without the holes that thresholds leave in spongy bone, slice by slice; canals and foramina stay open.

    Args:
        mask: The bone, third axis along the body.
        kind: As in :class:`~synthex.anatomy.painting.body.Bone`.
        spacing_mm: Of its voxels.
    """
    found = ndimage.find_objects(mask.view(np.uint8))
    if not found:
        return mask
    part = tuple(slice(max(0, s.start - 3), s.stop + 3) for s in found[0])
    solid = mask.copy()
    largest = _LARGEST_HOLE_MM2.get(kind, _LARGEST_HOLE_OTHERS_MM2) / float(spacing_mm[0] * spacing_mm[1])
    across = ndimage.generate_binary_structure(2, 1)
    for k in range(part[2].start, min(part[2].stop, mask.shape[2])):
        plane = mask[part[0], part[1], k]
        if kind == "vertebra":
            plane = ndimage.binary_closing(plane, across, iterations=max(1, round(2.0 / float(spacing_mm[0])))) | plane
        pieces, count = ndimage.label(~plane)
        if count > 1:
            small = np.bincount(pieces.ravel()) <= largest
            small[0] = small[pieces[0, 0]] = False
            plane = plane | small[pieces]
        solid[part[0], part[1], k] = plane
    return solid


def exact_distance(level: Float32[np.ndarray, "I J K"], spacing_mm: float) -> Float32[np.ndarray, "I J K"]:
    """Signed distance to where a field is 0: near it by the field over its slope, farther by whole voxels."""
    slope = np.sqrt(sum(np.square(g) for g in np.gradient(level, spacing_mm)))
    near = np.clip(level / np.maximum(slope, 0.3), -1.5 * spacing_mm, 1.5 * spacing_mm)
    far = signed_distance(level < 0, np.full(3, spacing_mm))
    distance = np.where(np.abs(near) < 1.3 * spacing_mm, near, far)
    return np.clip(distance, -50.0, BAND_MM).astype(np.float32)


def sides(mask: Bool[np.ndarray, "I J K"]) -> dict[str, Bool[np.ndarray, "I J K"]]:
    """Left and right of a pair that has one label.

    By connected pieces where the two largest are of like size; where the halves touch, at the middle of the whole.

    Args:
        mask: Both, RAS: the first index grows to the patient's right.
    """
    found = ndimage.find_objects(mask.view(np.uint8))
    if found and mask[found[0]].shape != mask.shape:
        whole = {side: np.zeros_like(mask) for side in ("right", "left")}
        for side, half in sides(mask[found[0]]).items():
            whole[side][found[0]] = half
        return whole
    pieces, count = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel())[1:]
    filled = np.nonzero(mask.any(axis=(1, 2)))[0]
    middle = (filled[0] + filled[-1]) / 2
    order = np.argsort(sizes)[::-1]
    x = np.arange(mask.shape[0])[:, None, None]
    if count >= 2 and sizes[order[1]] > 0.3 * sizes[order[0]]:
        centers = np.array(ndimage.center_of_mass(mask, pieces, np.arange(1, count + 1)))[:, 0]
        middle = float(centers[order[:2]].mean())
        on_right = np.concatenate(((False,), centers > middle))[pieces]
    else:
        on_right = np.broadcast_to(x > middle, mask.shape)
    right, left = mask & on_right, mask & ~on_right
    return {"right": right, "left": left}
