"""Real pelves as label maps on one grid, for fitting the phantoms' shapes and the prior; see docs/shape.md.

Reads the folders of label maps and bone surfaces that are given; nothing of them but fitted numbers is written.
"""

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage

from synthex.anatomy.meshes.loading import Surface, read_surface
from synthex.anatomy.meshes.names import STRUCTURES
from synthex.anatomy.meshes.voxelise import inside
from synthex.core import Affine, Volume

SPACING_MM = 1.5
LPS = np.array((-1.0, -1.0, 1.0))
RAS = np.ones(3)
SHAFT_MM = 110.0


def people(data: Path) -> dict[str, Volume]:
    """Every real pelvis under ``data`` (``anatomy/label_maps``, ``anatomy/meshes``, ``bones``) by name."""
    found: dict[str, Volume] = {}
    maps, meshes = data / "anatomy" / "label_maps", data / "anatomy" / "meshes"
    reference = {name: int(number) for number, name in json.loads((maps / "pelvic_ref_ids.json").read_text()).items()}
    for folder in sorted(maps.glob("pelvic_ref_*/")):
        found[folder.name] = _reference(folder / "labels.nii.gz", reference)
    total = json.loads((maps / "totalseg_ids.json").read_text())
    for folder in sorted(maps.glob("totalseg_*/")):
        found[folder.name] = _totalsegmentator(folder / "labels.nii.gz", total)
    names = {"Hip_L": "hip_left", "Hip_R": "hip_right", "Femur_L": "femur_left", "Femur_R": "femur_right"}
    for folder in sorted(meshes.glob("vsd_*/")):
        found[folder.name] = voxelised({names[stem]: folder / f"{stem}.ply" for stem in names}, LPS)
    names = {f"pelvis_{s}": f"hip_{s}" for s in ("left", "right")} | {
        f"femur_{s}": f"femur_{s}" for s in ("left", "right")
    }
    found["gait2392"] = voxelised({names[stem]: data / "bones" / f"{stem}.ply" for stem in names}, RAS)
    return found


def voxelised(files: dict[str, Path], signs: np.ndarray) -> Volume:
    """Label map of closed surfaces; ``signs`` turn their axes to RAS; shafts end 110 mm below the hip bones' end."""
    surfaces = {}
    for name, path in files.items():
        surface = read_surface(path)
        surfaces[name] = Surface(surface.vertices * signs, surface.faces)
    low = np.min([surface.vertices.min(axis=0) for surface in surfaces.values()], axis=0)
    high = np.max([surface.vertices.max(axis=0) for surface in surfaces.values()], axis=0) + 6
    hips = [surface.vertices[:, 2].min() for name, surface in surfaces.items() if name.startswith("hip")]
    low = np.maximum(low, (-np.inf, -np.inf, max(hips) - SHAFT_MM)) - 6
    size = np.ceil((high - low) / SPACING_MM).astype(int) + 1
    labels = np.zeros(size, dtype=np.uint8)
    for name, surface in surfaces.items():
        solid = inside(surface, low, SPACING_MM, (int(size[0]), int(size[1]), int(size[2])))
        labels[solid & (labels == 0)] = STRUCTURES[name]
    return Volume(labels, Affine.from_parts(np.eye(3) * SPACING_MM, low))


def _reference(path: Path, ids: dict[str, int]) -> Volume:
    data, spacing, origin = _read(path)
    right, left = halves(data == ids["pelvis"], spacing)
    femur_right, femur_left = halves(data == ids["femur"], spacing)
    masks = {"hip_left": left, "hip_right": right, "femur_left": femur_left, "femur_right": femur_right}
    masks |= {"sacrum": data == ids["sacrum"], "vertebrae": data == ids["spine"]}
    return _even(masks, spacing, origin)


def _totalsegmentator(path: Path, ids: dict[str, int]) -> Volume:
    data, spacing, origin = _read(path)
    masks = {name: data == ids[name] for name in ("hip_left", "hip_right", "femur_left", "femur_right")}
    masks["sacrum"] = np.isin(data, (ids["sacrum"], ids["vertebrae_S1"]))
    masks["vertebrae"] = np.isin(data, [ids[f"vertebrae_L{level}"] for level in (3, 4, 5)])
    rows = np.flatnonzero(np.any(list(masks.values()), axis=0).any(axis=(0, 1)))
    masks = {name: mask[:, :, rows[0] : rows[-1] + 1] for name, mask in masks.items()}
    return _even(masks, spacing, origin + np.array((0.0, 0.0, rows[0] * spacing[2])))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with axes to the right, front and up, spacing and the first voxel's centre (RAS mm)."""
    image = sitk.DICOMOrient(sitk.ReadImage(path), "RAS")
    return (
        sitk.GetArrayFromImage(image).transpose(2, 1, 0),
        np.array(image.GetSpacing()),
        np.array(image.GetOrigin()) * LPS,
    )


def halves(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right and left part of a mask that holds both sides, cut where it is thinnest if they touch.

    Seeds are the two largest parts of what is left when the surface is taken off, deeper and deeper until there are
    two; every voxel then goes to the nearer seed.
    """
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    whole, mask = mask, mask[box]
    depth = ndimage.distance_transform_edt(mask, sampling=spacing)
    for least in (0.0, *np.arange(0.8, 8.0, 0.4)):
        parts, count = ndimage.label(depth > least)
        sizes = np.bincount(parts.ravel())[1:]
        if count < 2:
            continue
        first, second = np.argsort(sizes)[::-1][:2] + 1
        if sizes[second - 1] > 0.3 * sizes[first - 1]:
            break
    else:
        raise ValueError("the two sides cannot be told apart")
    seeds = np.where(parts == first, 1, np.where(parts == second, 2, 0))
    nearest = ndimage.distance_transform_edt(seeds == 0, sampling=spacing, return_distances=False, return_indices=True)
    side = seeds[tuple(nearest)]
    places = [np.flatnonzero((seeds == n).any(axis=(1, 2))).mean() for n in (1, 2)]
    right, left = (1, 2) if places[0] > places[1] else (2, 1)
    sides = []
    for number in (right, left):
        sides.append(np.zeros_like(whole))
        sides[-1][box] = mask & (side == number)
    return sides[0], sides[1]


def _even(masks: dict[str, np.ndarray], spacing: np.ndarray, origin: np.ndarray) -> Volume:
    """The masks on cubic voxels: the largest smoothed one above a half."""
    shape = next(iter(masks.values())).shape
    size = [round((n - 1) * step / SPACING_MM) + 1 for n, step in zip(shape, spacing, strict=True)]
    labels, best = np.zeros(size, dtype=np.uint8), np.full(size, 0.5, dtype=np.float32)
    for name, mask in masks.items():
        smooth = ndimage.gaussian_filter(mask.astype(np.float32), [0.8 / s if s < 2 else 0.35 for s in spacing])
        share = ndimage.zoom(smooth, [new / old for old, new in zip(shape, size, strict=True)], order=1)
        labels[share > best] = STRUCTURES[name]
        np.maximum(best, share, out=best)
    return Volume(labels, Affine.from_parts(np.eye(3) * SPACING_MM, origin))
