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
from synthex.projection.storage import flat_voxels, storage_order, voxel_steps

Backend = Literal["auto", "numba", "cuda", "torch"]


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
        backend: ``numba`` (what ``auto`` means), ``cuda`` (for batches, and results that stay on the device, see
            :func:`synthex.projection.cuda.project_cuda`) or ``torch``, the slow differentiable twin of
            :mod:`synthex.projection.reference`.
        threads: CPU threads; None is one in a child process (data loading) and all cores otherwise.
            The result is bitwise the same for any number.

    Raises:
        ValueError: Wrong dtypes, labels on another grid, ids outside 0..255 or twice, unknown backend.
        UserError: ``cuda`` without a CUDA device that Numba can drive.
    """
    ids = [int(label) for label in label_ids]
    _check(ct, labels, ids)
    if backend not in ("auto", "numba", "cuda", "torch"):
        raise ValueError(f"projection backend is 'auto', 'numba', 'cuda' or 'torch', got {backend!r}")
    if backend == "torch":
        from synthex.projection.reference import project_reference

        return Projection(*project_reference(ct, labels, ids, camera, table, solids))
    threads = default_threads() if threads is None else max(1, threads)
    if backend == "cuda":
        from synthex.projection.cuda import project_cuda

        stack = project_cuda(ct, labels, ids, [camera], table=table).to_host()[0]
        water, label_path, quantity = stack[0], stack[1 : 1 + len(ids)], stack[1 + len(ids) :]
    else:
        water, label_path, quantity = _project_numba(ct, labels, ids, camera, table, threads)
    solid_path = np.zeros((0, camera.height, camera.width), dtype=np.float32)
    if solids:
        rays = trace_solids(solids, camera)
        water, quantity = displace(water, quantity, rays, ct, camera, table, threads)
        solid_path = rays.path_mm
    return Projection(water, label_path, quantity, solid_path)


def default_threads() -> int:
    """One in a child process (a data loader's worker has its core), else every core of the process.

    ``NUMBA_NUM_THREADS`` or, without it, ``OMP_NUM_THREADS`` says if there are to be fewer.
    """
    if multiprocessing.parent_process() is not None:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("NUMBA_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    return min(cores, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else cores


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


def _project_numba(
    ct: Volume, labels: Volume | None, ids: list[int], camera: Camera, table: HuTable | None, threads: int
) -> tuple[Image, PathStack, QuantityStack]:
    # Imported here: loading Numba takes most of a second, which importing the package should not cost.
    from synthex.projection.cpu_kernel import packets_of, project_packets

    order = storage_order(ct.data)
    label_voxels = np.zeros(4, dtype=np.uint8)
    if labels is not None and ids:
        label_voxels = flat_voxels(labels.data, order)
        if len(label_voxels) < 4:  # The kernel reads words of four voxels.
            label_voxels = np.pad(label_voxels, (0, 4 - len(label_voxels)))
    label_voxels.flags.writeable = False
    slots = np.full(257, len(ids), dtype=np.int64)
    slots[ids] = np.arange(len(ids))
    shape = np.array(ct.shape, dtype=np.int64)
    rays = IndexRays.of(camera, ct.world_from_ijk)
    upright = packets_upright(rays, camera, order)
    grid = (
        flat_voxels(ct.data),
        label_voxels,
        slots,
        _padded_rows(table),
        shape,
        voxel_steps(ct.data),
        *(np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)),
        rays.max_depth,
        upright,
    )
    image = (camera.height, camera.width)
    water = np.empty(image, dtype=np.float32)
    quantities = np.empty((0 if table is None else table.quantities, *image), dtype=np.float32)
    paths = np.empty((len(ids), *image), dtype=np.float32)

    def run(packet0: int, packet1: int) -> None:
        project_packets(*grid, packet0, packet1, water, quantities, paths)  # type: ignore[call-arg]

    packets = int(packets_of(*(image if upright else image[::-1])))  # type: ignore[call-arg]
    threads = min(threads, packets)
    if threads == 1:
        run(0, packets)
    else:
        # More parts than threads even out rays that miss the body.
        bounds = np.linspace(0, packets, min(8 * threads, packets) + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
    return water, paths, quantities


def packets_upright(rays: IndexRays, camera: Camera, order: tuple[int, ...]) -> bool:
    """Whether packets of rays should lie along the image's columns to keep them close in memory.

    Args:
        rays: The rays in the index space of the volume.
        camera: Their camera.
        order: Axes of the volume, the one with the largest stride first.
    """
    direction = rays.index_from_pixel @ (camera.width / 2, camera.height / 2, 1)
    main = int(np.argmax(np.abs(direction)))
    # How far a pixel to the right or down moves the ray in a voxel plane: along the axis of the
    # smallest stride in the plane neighbours share cache lines.
    moves = rays.index_from_pixel[:, :2] - np.outer(direction / direction[main], rays.index_from_pixel[main, :2])
    near, far = [axis for axis in reversed(order) if axis != main]
    along_near = np.abs(moves[near]) / (np.abs(moves[near]) + np.abs(moves[far]) + 1e-12)
    return bool(along_near[1] > along_near[0])


def _padded_rows(table: HuTable | None) -> np.ndarray:
    """The table as the kernel reads it: flat, 8 columns, read-only; empty for None."""
    from synthex.projection.simd_kernel import QUANTITIES

    if table is None:
        rows = np.zeros(0, dtype=np.float32)
    else:
        rows = np.pad(table.values, ((0, 0), (0, QUANTITIES - table.quantities))).reshape(-1)
    rows.flags.writeable = False
    return rows
