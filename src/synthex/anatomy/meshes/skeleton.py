"""Bones on a grid: signed distances with joint gaps, then labels, cortex and marrow."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from synthex.anatomy.meshes.loading import Surface
from synthex.anatomy.meshes.names import bone_kind, spine_order, structure_id
from synthex.anatomy.meshes.voxelise import signed_distance
from synthex.anatomy.voxel_grid import Box, Grid

BAND_MM = 9.0
"""Distances are exact to here and cut off beyond; deeper than any cortex, wider than any joint gap."""

DISC_HU = 80.0


@dataclass(frozen=True, eq=False)
class SolidBone:
    """One bone on the grid.

    Attributes:
        box: The voxels within :data:`BAND_MM` of it.
        distance: Signed distance to its surface in mm over that box, negative inside.
    """

    box: Box
    distance: Float32[np.ndarray, "I J K"]


def joint_gap_mm(first: str, second: str) -> float:
    """Width to which the joint between two bones is opened where the surfaces touch or overlap.

    Hip joint space 3-5 mm with 2.5 mm as a lower normal limit (Lequesne et al. 2004, Ann Rheum Dis
    63:1145); symphysis about 4 mm; sacro-iliac joint 2-3 mm (Gray's).
    """
    kinds = {first.split("_")[0], second.split("_")[0]}
    if kinds == {"hip", "femur"}:
        return 2.5
    if kinds == {"hip"}:
        return 4.0
    if kinds in ({"hip", "sacrum"}, {"vertebra", "sacrum"}):
        return 2.0
    return 1.5


def solid_bones(surfaces: Mapping[str, Surface], grid: Grid) -> dict[str, SolidBone]:
    """Put all bones on the grid and open the joints between them.

    In the hip joint the socket gives way, so that the femoral head stays a sphere; elsewhere both bones
    retreat from the surface midway between them. Bones outside the grid are left out.
    """
    whole: dict[str, SolidBone] = {}
    for bone, surface in surfaces.items():
        box = grid.box(surface.vertices, BAND_MM)
        if box is not None:
            origin = grid.origin_mm + grid.spacing_mm * np.array(box.start)
            whole[bone] = SolidBone(box, signed_distance(surface, origin, grid.spacing_mm, box.shape, BAND_MM))
    carved = {bone: SolidBone(solid.box, solid.distance.copy()) for bone, solid in whole.items()}
    for first, second in combinations(whole, 2):
        common = whole[first].box.intersect(whole[second].box)
        if common is None:
            continue
        gap = joint_gap_mm(first, second)
        pair = (first, second)
        near = [whole[bone].distance[common.within(whole[bone].box)] for bone in pair]
        kinds = {bone.split("_")[0] for bone in pair}
        for bone, own, other in ((first, near[0], near[1]), (second, near[1], near[0])):
            if kinds == {"hip", "femur"}:
                if bone.startswith("femur"):
                    continue
                limit = gap - other
            else:
                limit = (own - other) / 2 + gap / 2
            part = carved[bone].distance[common.within(carved[bone].box)]
            np.maximum(part, limit, out=part)
    return {bone: solid for bone, solid in carved.items() if (solid.distance < 0).any()}


def label_map(bones: Mapping[str, SolidBone], grid: Grid, labelled_vertebrae: tuple[str, ...]) -> np.ndarray:
    """Structure ids on the grid, uint8; a voxel belongs to the bone in which it lies deepest."""
    labels = np.zeros(grid.shape, np.uint8)
    deepest = np.zeros(grid.shape, np.float32)
    for bone, solid in bones.items():
        depth = deepest[solid.box.slices]
        inner = solid.distance < depth
        labels[solid.box.slices][inner] = structure_id(bone, labelled_vertebrae)
        depth[inner] = solid.distance[inner]
    return labels


def render_bones(
    tissue_hu: Float32[np.ndarray, "I J K"],
    bones: Mapping[str, SolidBone],
    surfaces: Mapping[str, Surface],
    grid: Grid,
    density: float,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "I J K"]:
    """Soft tissue with the bones in it: compact shell, spongy or fatty interior, partial volume at edges.

    Args:
        tissue_hu: What surrounds the bones, HU.
        bones: Solids of :func:`solid_bones`.
        surfaces: Their surfaces (for the long axes).
        grid: The grid.
        density: Bone mineral density relative to a middle-aged adult.
        rng: Texture of the spongy bone.
    """
    result = tissue_hu.copy()
    for bone, solid in bones.items():
        kind = bone_kind(bone)
        if bone.startswith("femur"):
            cortex_mm, cortex_hu, spongy_hu = _femur(surfaces[bone], grid, solid.box)
        else:
            constants = (kind.cortex_mm, kind.cortex_hu, kind.spongy_hu)
            cortex_mm, cortex_hu, spongy_hu = (np.full((1, 1, 1), value, np.float32) for value in constants)
        noise = ndimage.gaussian_filter(rng.standard_normal(solid.box.shape).astype(np.float32), 2.0 / grid.spacing_mm)
        texture = 1 + 0.15 * noise / max(float(noise.std()), 1e-6)
        filled = _share(solid.distance, grid.spacing_mm)
        interior = np.minimum(_share(solid.distance + cortex_mm, grid.spacing_mm), filled)
        # Marrow fat has no mineral to scale: only the excess over it follows the density.
        spongy = np.where(spongy_hu > 0, density * spongy_hu * texture, spongy_hu)
        part = result[solid.box.slices]
        part[:] = part * (1 - filled) + (filled - interior) * cortex_hu * density**0.5 + interior * spongy
    return result


def discs(bones: Mapping[str, SolidBone], grid: Grid) -> Float32[np.ndarray, "I J K"]:
    """Share of each voxel that is intervertebral disc: between neighbouring bodies, in front of the canal."""
    share = np.zeros(grid.shape, np.float32)
    spine = [*spine_order(list(bones)), *(["sacrum"] if "sacrum" in bones else [])]
    for upper, lower in pairwise(spine):
        common = bones[upper].box.intersect(bones[lower].box)
        if common is None:
            continue
        above, below = (bones[bone].distance[common.within(bones[bone].box)] for bone in (upper, lower))
        _, y, _ = grid.axes(common)
        # The body is the front half of a vertebra; processes and canal are behind it.
        solid = np.nonzero((bones[upper].distance < 0).any(axis=(0, 2)))[0] + bones[upper].box.start[1]
        ends = grid.origin_mm[1] + grid.spacing_mm * solid[[0, -1]]
        near = _share(above + below - 14.0, 2.0) * ((above < BAND_MM) & (below < BAND_MM))
        part = share[common.slices]
        np.maximum(part, near * _share(ends[0] + 0.5 * (ends[1] - ends[0]) - y, 4.0), out=part)
    return share


def _share(distance: Float[np.ndarray, "..."], width: float) -> Float32[np.ndarray, "..."]:
    """Share of a voxel of edge ``width`` that lies inside a surface at signed distance ``distance``."""
    return np.clip(0.5 - distance / width, 0, 1).astype(np.float32)


def _femur(
    surface: Surface, grid: Grid, box: Box
) -> tuple[Float32[np.ndarray, "I J K"], Float32[np.ndarray, "I J K"], Float32[np.ndarray, "I J K"]]:
    """Cortex thickness (mm), cortex HU and interior HU along a femur, over a box.

    Thin shell and dense spongy bone in the head, a 5-6 mm tube filled with fatty marrow in the shaft
    (Treece et al. 2010, Med Image Anal 14:276; Croker et al. 2009).
    """
    centered = surface.vertices - surface.vertices.mean(axis=0)
    axis = np.linalg.svd(centered, full_matrices=False)[2][0]
    axis = axis if axis[2] > 0 else -axis
    top = float((surface.vertices @ axis).max())
    x, y, z = grid.axes(box)
    below = (top - (x * axis[0] + y * axis[1] + z * axis[2])).astype(np.float32)
    stations = (0.0, 45.0, 80.0, 130.0, 170.0)
    cortex = np.interp(below, stations, (1.2, 1.4, 2.5, 5.0, 5.8)).astype(np.float32)
    hardness = np.interp(below, stations, (1000, 1100, 1300, 1500, 1600)).astype(np.float32)
    interior = np.interp(below, stations, (330, 240, 90, -30, -60)).astype(np.float32)
    return cortex, hardness, interior
