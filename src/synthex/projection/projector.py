"""The projector: line integrals of a CT and of its labels in one pass over the rays."""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthex.core import Camera, Solid, Volume
from synthex.core.arrays import Image, PathStack, QuantityStack, SolidStack
from synthex.projection.hu_table import HuTable
from synthex.projection.rays import IndexRays
from synthex.projection.solids import displace, trace_solids

Backend = Literal["auto", "numba", "torch"]


@dataclass(frozen=True, eq=False)
class Projection:
    """Line integrals along every pixel's ray, from the source to the detector.

    Attributes:
        water_path_mm: H x W float32, integral of max(HU + 1000, 0) / 1000: the mm of water that weigh the
            same. Every voxel is clamped before interpolation; outside the grid there is air.
        label_path_mm: S x H x W float32, mm of the ray in each label (nearest voxel at the same samples);
            solids do not shorten them.
        quantity_mm: M x H x W float32, integral of each quantity of the HU table (unit of the table times mm);
            M is 0 without a table.
        solid_path_mm: N x H x W float32, mm of the ray in each solid; what lies inside a solid counts neither in
            ``water_path_mm`` nor in ``quantity_mm``.
    """

    water_path_mm: Image
    label_path_mm: PathStack
    quantity_mm: QuantityStack
    solid_path_mm: SolidStack


def project(
    ct: Volume,
    labels: Volume | None,
    label_ids: Sequence[int],
    camera: Camera,
    *,
    table: HuTable | None = None,
    solids: Sequence[Solid] = (),
    backend: Backend = "auto",
    threads: int | None = None,
) -> Projection:
    """Project a CT, and the paths through its labels, with Joseph's method.

    Args:
        ct: Hounsfield units, int16; any affine. Read in place, memory maps too, when its axes are stored
            in some contiguous order.
        labels: Structure ids, uint8, on the grid of ``ct``; None when ``label_ids`` is empty.
        label_ids: Labels wanted, in the order of the channels of the result; 0 is what has no label.
        camera: Any camera; the source may be inside the volume.
        table: Quantities per HU to integrate beside water.
        solids: Bodies that displace the voxels they lie in.
        backend: ``numba`` (what ``auto`` means on a CPU) or ``torch``, the slow differentiable twin of
            :mod:`synthex.projection.reference`.
        threads: CPU threads; None is one in a child process (data loading) and all cores otherwise.
            The result is bitwise the same for any number.

    Raises:
        ValueError: Wrong dtypes, labels on another grid, ids outside 0..255 or twice, unknown backend.
    """
    ids = [int(label) for label in label_ids]
    _check(ct, labels, ids)
    if backend == "torch" or table is not None:
        from synthex.projection.reference import project_reference

        return Projection(*project_reference(ct, labels, ids, camera, table, solids))
    if backend not in ("auto", "numba"):
        raise ValueError(f"projection backend is 'auto', 'numba' or 'torch', got {backend!r}")
    threads = default_threads() if threads is None else max(1, threads)
    plain = _project_numba(ct, labels, ids, camera, threads)
    if not solids:
        return plain
    rays = trace_solids(solids, camera)
    water, quantity = displace(plain.water_path_mm, plain.quantity_mm, rays, ct, camera, table, threads)
    return Projection(water, plain.label_path_mm, quantity, rays.path_mm)


def default_threads() -> int:
    """One in a child process (a data loader's worker has its core), else every core of the process."""
    if multiprocessing.parent_process() is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(ct: Volume, labels: Volume | None, ids: list[int]) -> None:
    if ct.data.dtype != np.int16:
        raise ValueError(f"the projector reads int16 HU, got {ct.data.dtype}")
    if len(set(ids)) != len(ids) or not all(0 <= label <= 255 for label in ids):
        raise ValueError(f"label ids must be distinct and in 0..255, got {ids}")
    if not ids:
        return
    if labels is None:
        raise ValueError(f"paths of labels {ids} are wanted but no labels are given")
    if labels.data.dtype != np.uint8 or not labels.same_grid(ct):
        raise ValueError(f"labels must be uint8 on the grid of the CT, got {labels.data.dtype} {labels.shape}")


def _project_numba(ct: Volume, labels: Volume | None, ids: list[int], camera: Camera, threads: int) -> Projection:
    # Imported here: loading Numba takes most of a second, which importing the package should not cost.
    from synthex.projection.cpu_kernel import project_rows

    order = tuple(int(axis) for axis in np.argsort([-abs(stride) for stride in ct.data.strides], kind="stable"))
    hu = _flat(ct.data, order)
    shape = np.array(ct.shape, dtype=np.int64)
    label_voxels, bricks = np.zeros(0, dtype=np.uint8), np.zeros((1, 1, 1), dtype=np.uint8)
    if labels is not None and ids:
        label_voxels = _flat(labels.data, order)
        bricks = brick_distances(label_voxels, shape[list(order)], skip=0 not in ids)
    label_voxels.flags.writeable = False
    slots = np.full(256, len(ids), dtype=np.int64)
    slots[ids] = np.arange(len(ids))
    rays = IndexRays.of(camera, ct.world_from_ijk)
    grid = (
        hu,
        label_voxels,
        slots,
        bricks.reshape(-1),
        shape,
        _strides(shape[list(order)], order),
        _strides(np.array(bricks.shape), order),
        *(np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)),
        rays.max_depth,
    )
    water = np.empty((camera.height, camera.width), dtype=np.float32)
    paths = np.empty((len(ids), camera.height, camera.width), dtype=np.float32)

    def run(row0: int, row1: int) -> None:
        project_rows(*grid, row0, row1, water, paths)  # type: ignore[call-arg]

    threads = min(threads, camera.height)
    if threads == 1:
        run(0, camera.height)
    else:
        # More tiles than threads even out rows that miss the body.
        bounds = np.linspace(0, camera.height, min(4 * threads, camera.height) + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
    return Projection(water, paths, *(np.zeros((0, camera.height, camera.width), dtype=np.float32) for _ in range(2)))


def _flat(data: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """All voxels, slowest axis first, as a read-only 1-D view (a copy only of non-contiguous storage).

    Read-only always, so that Numba sees one type for arrays and memory maps and compiles once.
    """
    flat = np.ascontiguousarray(np.asarray(data).transpose(order)).reshape(-1).view(np.ndarray)
    flat.flags.writeable = False
    return flat


def _strides(stored_shape: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Elements between neighbours along i, j, k for C-ordered storage of the axes in ``order``."""
    strides = np.empty(3, dtype=np.int64)
    strides[list(order)] = (stored_shape[1] * stored_shape[2], stored_shape[2], 1)
    return strides


def brick_distances(labels: np.ndarray, shape: np.ndarray, *, skip: bool = True, cap: int = 4) -> np.ndarray:
    """How many bricks away, along the farthest axis, the nearest labelled voxel is.

    Args:
        labels: Flat uint8, C order.
        shape: Voxels along the stored axes.
        skip: False gives all zeros: nothing may be skipped because background is wanted too.
        cap: Largest distance told.

    Returns:
        uint8, one value a brick: 0 where the brick holds a label, at most ``cap``.
    """
    from synthex.projection.cpu_kernel import BRICK_BITS, occupied_bricks

    bricks = np.zeros([(int(n) - 1 >> BRICK_BITS) + 1 for n in shape], dtype=np.uint8)
    if not skip:
        return bricks
    occupied_bricks(labels, shape, bricks)
    distance = np.zeros_like(bricks)
    for _ in range(cap):
        distance += 1 - bricks
        for axis in range(3):
            grown, view = bricks.copy(), np.moveaxis(bricks, axis, 0)
            spread = np.moveaxis(grown, axis, 0)
            spread[1:] |= view[:-1]
            spread[:-1] |= view[1:]
            bricks = grown
    return distance
