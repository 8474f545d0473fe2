"""From a label map to the shapes that are painted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from synthex.anatomy.io.grid import TurnedArray
from synthex.anatomy.label_maps.shapes import blurred, on_grid, sides, smooth_surface, solid_bone
from synthex.anatomy.label_maps.tissues import Meaning, meaning
from synthex.anatomy.painting.body import Body, Bone
from synthex.anatomy.painting.bony_points import find_joints, find_landmarks
from synthex.anatomy.painting.paint import MAX_GROWN_MM
from synthex.anatomy.painting.soft_shapes import (
    abdominal_cavity,
    bone_mask,
    discs_and_cartilage,
    grown_body,
    skin_distance,
)
from synthex.anatomy.voxel_grid import Grid
from synthex.core import Affine, InputError
from synthex.core.arrays import VoxelArray

_ABOVE_HIPS_MM, _BELOW_HIPS_MM = 75.0, 130.0
"""What is kept of the person above and below the hip bones: what a picture of the pelvis can show."""

_UNSKINNED_FAT_MM = 14.0


def prepare_body(
    path: Path,
    ids: VoxelArray,
    names: Mapping[str, tuple[int, ...]],
    world_from_ijk: Affine,
    body: Bool[np.ndarray, "I J K"] | None,
    spacing_mm: float,
) -> Body:
    """Shapes of a person on a cubic grid.

    Args:
        path: The label file, for messages.
        ids: Labels, RAS order.
        names: Ids by name.
        world_from_ijk: Of the voxels.
        body: Mask of everything under the skin on the same voxels; None: a body is grown.
        spacing_mm: Edge of the new voxels.

    Raises:
        InputError: No hip bone or femur is labelled.
    """
    meanings = {name: meaning(name) for name in names}
    ids, body, world_from_ijk = _cropped(path, ids, names, meanings, world_from_ijk, body)
    spacing = np.linalg.norm(world_from_ijk.linear, axis=0)
    masks = _bone_masks(ids, names, meanings)
    grid = _grid(ids if body is None else body, world_from_ijk, spacing_mm)
    bones: dict[str, Bone] = {}
    for name, (kind, side, structure, mask) in masks.items():
        surface = smooth_surface(solid_bone(mask, kind, spacing), world_from_ijk, grid)
        if surface is not None and (surface[1] < 0).any():
            bones[name] = Bone(kind, structure, *surface, side)
    landmarks, absent = find_landmarks(path, bones, grid)
    joints = find_joints(bones, landmarks, grid)
    labelled = on_grid((ids > 0).view(np.uint8), world_from_ijk, grid, nearest=True) > 0
    if body is not None:
        # Thicker slices leave steps in the skin: the blurred mask has none.
        full = blurred(body | (ids > 0), spacing, max(1.5, 0.5 * float(spacing.max())))
        skin, meat = skin_distance(on_grid(full, world_from_ijk, grid) > 0.5, grid), None
    else:
        skin, meat = grown_body(labelled, joints, grid, _UNSKINNED_FAT_MM)
    muscle = _muscle(ids, names, meanings, world_from_ijk, grid)
    organ_names = tuple(sorted(name for name, what in meanings.items() if what.tissue == "organ"))
    organs = _organs(ids, names, organ_names, world_from_ijk, grid)
    skeleton = bone_mask(bones, grid)
    cavity, envelope = abdominal_cavity(skeleton | (muscle > 0.5), organs > 0, joints, grid)
    outside = np.clip(cavity / 4.0 + 0.5, 0, 1)
    if meat is not None:
        muscle = np.maximum(muscle, np.clip(0.5 - meat / 3.0, 0, 1) * outside * 0.92)
    # What lies between muscles unnamed is fascia, vessels and small muscles.
    muscle = np.maximum(muscle, 0.3 * np.clip(0.5 - envelope / 4.0, 0, 1) * outside)
    return Body(
        grid=grid,
        bones=bones,
        skin=skin,
        muscle=muscle.astype(np.float32),
        cavity=cavity,
        organs=organs,
        organ_names=organ_names,
        discs=discs_and_cartilage(bones, grid),
        joints=joints,
        landmarks=landmarks,
        absent=absent,
    )


def _table(names: Mapping[str, tuple[int, ...]], wanted: Mapping[str, int], size: int) -> np.ndarray:
    """Look-up table from file ids to new ids."""
    table = np.zeros(size, np.uint8)
    for name, number in wanted.items():
        for index in names[name]:
            if index < size:
                table[index] = number
    return table


def _cropped(
    path: Path,
    ids: VoxelArray,
    names: Mapping[str, tuple[int, ...]],
    meanings: Mapping[str, Meaning],
    world_from_ijk: Affine,
    body: np.ndarray | None,
) -> tuple[TurnedArray, np.ndarray | None, Affine]:
    """The part around the pelvis, and no air beside it."""
    pelvic = {name: 1 for name, what in meanings.items() if what.bone == "hip"}
    hips = _table(names, pelvic, int(ids.max()) + 1)[ids] > 0
    if not hips.any():
        raise InputError(path, "no hip bone among its labels", "name the ids in labels.yaml ('hip_left: 77')")
    spacing = np.linalg.norm(world_from_ijk.linear, axis=0)
    levels = np.nonzero(hips.any(axis=(0, 1)))[0]
    low = max(0, int(levels[0] - _BELOW_HIPS_MM / spacing[2]))
    high = min(ids.shape[2], int(levels[-1] + _ABOVE_HIPS_MM / spacing[2]) + 1)
    filled = (ids if body is None else body)[:, :, low:high] > 0
    across = [np.nonzero(filled.any(axis=axes))[0] for axes in ((1, 2), (0, 2))]
    part = (
        *(slice(max(0, int(found[0]) - 3), int(found[-1]) + 4) for found in across),
        slice(low, high),
    )
    first = np.array([s.start for s in part], dtype=np.float64)
    affine = Affine.from_parts(world_from_ijk.linear, world_from_ijk.apply(first[None])[0])
    return np.ascontiguousarray(ids[part]), None if body is None else np.ascontiguousarray(body[part]), affine


def _bone_masks(
    ids: VoxelArray, names: Mapping[str, tuple[int, ...]], meanings: Mapping[str, Meaning]
) -> dict[str, tuple[str, str, str, np.ndarray]]:
    """Kind, side, structure and mask of each bone; labels of the same bone are one."""
    merged: dict[tuple[str, str, str], list[int]] = {}
    for name, what in meanings.items():
        if what.tissue == "bone":
            merged.setdefault((what.bone, what.side, what.structure), []).extend(names[name])
    found: dict[str, tuple[str, str, str, np.ndarray]] = {}
    for (kind, side, structure), numbers in merged.items():
        table = np.zeros(int(ids.max()) + 1, bool)
        table[[n for n in numbers if n < len(table)]] = True
        mask = table[ids]
        if not mask.any():
            continue
        for key, part in (sides(mask) if side == "both" else {side: mask}).items():
            paired = kind in ("hip", "femur")
            name = f"{kind}_{key}" if key else f"{kind}_{structure or 'unlabelled'}"
            found[name] = (kind, key, f"{structure}_{key}" if paired else structure, part)
    return found


def _grid(filled: np.ndarray, world_from_ijk: Affine, spacing_mm: float) -> Grid:
    """A grid with room for fat under the skin at the sides, in front and behind."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in filled.shape])).reshape(3, -1).T
    world = world_from_ijk.apply(corners)
    room = MAX_GROWN_MM + 4 + (_UNSKINNED_FAT_MM + 30 if filled.dtype != bool else 0)
    side = np.array((room, room, 0.0))
    return Grid.around(world.min(axis=0) - side, world.max(axis=0) + side, spacing_mm)


def _muscle(
    ids: VoxelArray,
    names: Mapping[str, tuple[int, ...]],
    meanings: Mapping[str, Meaning],
    world_from_ijk: Affine,
    grid: Grid,
) -> np.ndarray:
    """Share of muscle, with planes of fat where two muscles touch."""
    muscles = [name for name, what in meanings.items() if what.tissue == "muscle"]
    numbered = _table(names, {name: n for n, name in enumerate(muscles, start=1)}, int(ids.max()) + 1)[ids]
    share = (numbered > 0).astype(np.float32)
    for axis in (0, 1):
        first, second = np.moveaxis(numbered, axis, 0)[:-1], np.moveaxis(numbered, axis, 0)[1:]
        border = (first != second) & (first > 0) & (second > 0)
        along = np.moveaxis(share, axis, 0)
        along[:-1][border] = 0.2
        along[1:][border] = 0.2
    spacing = np.linalg.norm(world_from_ijk.linear, axis=0)
    smooth = blurred(share, spacing, max(0.7, 0.4 * float(spacing.max())))
    return np.clip((on_grid(smooth, world_from_ijk, grid) - 0.2) / 0.6, 0, 1).astype(np.float32)


def _organs(
    ids: VoxelArray,
    names: Mapping[str, tuple[int, ...]],
    organ_names: tuple[str, ...],
    world_from_ijk: Affine,
    grid: Grid,
) -> np.ndarray:
    """Organ ids on the grid, without the steps of coarse voxels."""
    wanted = {name: number for number, name in enumerate(organ_names, start=1)}
    numbered = _table(names, wanted, int(ids.max()) + 1)[ids]
    organs = on_grid(numbered, world_from_ijk, grid, nearest=True)
    return ndimage.median_filter(organs, size=3) if organs.any() else organs
