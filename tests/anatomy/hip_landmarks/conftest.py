"""Real label maps for the landmark tests: the 3 mm CT and the voxelised bone meshes."""

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import trimesh

from synthex.core import Affine, Volume

IDS = {"hip_left": 1, "hip_right": 2, "vertebrae": 3, "sacrum": 4, "femur_left": 5, "femur_right": 6}
MESHES = {"pelvis_left": 1, "pelvis_right": 2, "sacrum": 4, "femur_left": 5, "femur_right": 6}


@pytest.fixture(scope="session")
def ids():
    return IDS


@pytest.fixture(scope="session")
def real_ct(shared_data):
    """Label volume and annotated landmarks (RAS mm) of the real CT."""
    image = sitk.ReadImage(shared_data / "pelvis_ct" / "labels.nii.gz")
    lps_to_ras = np.diag((-1.0, -1.0, 1.0))
    linear = lps_to_ras @ np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    data = sitk.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.uint8)
    with open(shared_data / "pelvis_ct" / "landmarks.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["in_volume"] == "1"]
    truth = {row["name"]: np.array([float(row[f"{a}_ras_mm"]) for a in "xyz"]) for row in rows}
    return Volume(data, Affine.from_parts(linear, lps_to_ras @ np.array(image.GetOrigin()))), truth


@pytest.fixture(scope="session")
def mesh_pelvis(shared_data):
    """Function (spacing, world rotation 3 x 3) -> label volume and landmarks of the mesh skeleton."""
    with open(shared_data / "bones" / "landmarks.mrk.json") as file:
        markups = json.load(file)["markups"]
    truth = {p["label"]: np.array(p["position"], dtype=float) for m in markups for p in m["controlPoints"]}

    @cache
    def build(spacing_mm: float, turn: tuple[float, ...] = tuple(np.eye(3).ravel())):
        rotation = np.reshape(turn, (3, 3))
        meshes = [(_triangles(shared_data / "bones" / f"{name}.ply"), index) for name, index in MESHES.items()]
        meshes = [(_above(triangles, -90.0) @ rotation.T, index) for triangles, index in meshes]
        corners = np.concatenate([triangles.reshape(-1, 3) for triangles, _ in meshes])
        low = corners.min(axis=0) - 3 * spacing_mm
        shape = tuple(np.ceil((corners.max(axis=0) - low) / spacing_mm).astype(int) + 3)
        labels = np.zeros(shape, dtype=np.uint8)
        for triangles, index in meshes:
            labels[_fill((triangles - low) / spacing_mm, shape) & (labels == 0)] = index
        volume = Volume(labels, Affine.from_parts(np.eye(3) * spacing_mm, low))
        return volume, {name: rotation @ point for name, point in truth.items()}

    return build


def _triangles(path: Path) -> np.ndarray:
    return np.array(trimesh.load(path).triangles)


def _above(triangles: np.ndarray, level: float) -> np.ndarray:
    """Flatten what lies below: the femoral shafts end there, still closed."""
    flat = triangles.copy()
    flat[..., 2] = np.maximum(flat[..., 2], level)
    return flat


def _fill(triangles: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Voxels inside a closed surface given in voxel indices: parity of crossings along k."""
    crossings = np.zeros(shape, dtype=np.int32)
    for a, b, c in triangles:
        low = np.floor(np.minimum(np.minimum(a, b), c)[:2]).astype(int)
        high = np.ceil(np.maximum(np.maximum(a, b), c)[:2]).astype(int)
        i, j = np.meshgrid(*(np.arange(u, v + 1) for u, v in zip(low, high, strict=True)), indexing="ij")
        x, y = i + 1.3e-4, j + 2.7e-4  # off the grid, so that no ray meets an edge
        area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(area) < 1e-12:
            continue
        u = ((b[1] - c[1]) * (x - c[0]) + (c[0] - b[0]) * (y - c[1])) / area
        v = ((c[1] - a[1]) * (x - c[0]) + (a[0] - c[0]) * (y - c[1])) / area
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        k = np.ceil(u * a[2] + v * b[2] + (1 - u - v) * c[2]).astype(int)[hit]
        np.add.at(crossings, (i[hit], j[hit], k), 1)
    return np.cumsum(crossings, axis=2) % 2 == 1
