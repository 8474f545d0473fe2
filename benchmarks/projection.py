"""Our projector beside a plain Numba Joseph loop, interleaved in rounds in one process.

    python benchmarks/projection.py [CT] [--labels FILE] [--size 384] [--rounds 7] [--threads 2] [--accuracy]

The scene of the projector's bars: source 850 mm from the centre of the CT, SDD 1020 mm, a detector of 400 mm,
three views. Both read the same voxels twice: as :func:`synthex.anatomy.io.ct.read_ct` stores them (the axis
towards the head fastest) and with the axis across the patient fastest, which is what most files hold and what
suits the plain loop best. Times are medians; CPU ms are those of all threads, which other processes disturb
less. Without a CT a synthetic trunk of 512 x 512 x 133 voxels is taken. ``--accuracy`` adds the relative
L2 distance to the line integral of the trilinear volume in steps of a quarter voxel, in float64 (minutes).
"""

import argparse
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Numba reads this once, when it is first imported.
os.environ.setdefault("NUMBA_NUM_THREADS", str(len(os.sched_getaffinity(0))))

from numba import njit, prange, set_num_threads

from synthex.anatomy.io.ct import read_any, read_ct
from synthex.anatomy.io.grid import to_ras
from synthex.core import Affine, Camera, Volume
from synthex.geometry import CArm
from synthex.projection import HuTable, project
from synthex.projection.rays import IndexRays

VIEWS = {"frontal": (0.0, 0.0), "oblique": (35.0, 15.0), "lateral": (90.0, 0.0)}
SHAPE, SPACING_MM = (512, 512, 133), (0.703125, 0.703125, 2.5)
COLUMNS = "voxels     view   size renderer  materials masks  wall ms  CPU ms  wall/plain  CPU/plain  CPU/single"


@njit(parallel=True, cache=True)
def plain_joseph(
    density: np.ndarray,
    shape: tuple[int, int, int],
    strides: tuple[int, int, int],
    source: np.ndarray,
    index_from_pixel: np.ndarray,
    world_from_pixel: np.ndarray,
    image: np.ndarray,
) -> None:
    """The textbook loop: a flat float32 volume, a ray at a time, every plane, bounds tested at every sample."""
    height, width = image.shape
    for row in prange(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            d0 = index_from_pixel[0, 0] * x + index_from_pixel[0, 1] * y + index_from_pixel[0, 2]
            d1 = index_from_pixel[1, 0] * x + index_from_pixel[1, 1] * y + index_from_pixel[1, 2]
            d2 = index_from_pixel[2, 0] * x + index_from_pixel[2, 1] * y + index_from_pixel[2, 2]
            axis, axis_u, axis_v, main, side_u, side_v = 0, 1, 2, d0, d1, d2
            if abs(d1) > abs(d0) and abs(d1) >= abs(d2):
                axis, axis_u, axis_v, main, side_u, side_v = 1, 0, 2, d1, d0, d2
            elif abs(d2) > abs(d0) and abs(d2) > abs(d1):
                axis, axis_u, axis_v, main, side_u, side_v = 2, 0, 1, d2, d0, d1
            slope_u, slope_v = side_u / main, side_v / main
            base_u = source[axis_u] - source[axis] * slope_u
            base_v = source[axis_v] - source[axis] * slope_v
            last_u, last_v = shape[axis_u] - 1, shape[axis_v] - 1
            stride, stride_u, stride_v = strides[axis], strides[axis_u], strides[axis_v]
            total = np.float32(0)
            for plane in range(shape[axis]):
                u = base_u + plane * slope_u
                v = base_v + plane * slope_v
                iu, iv = math.floor(u), math.floor(v)
                if iu < 0 or iv < 0 or iu >= last_u or iv >= last_v:
                    continue
                fu, fv = np.float32(u - iu), np.float32(v - iv)
                at = plane * stride + iu * stride_u + iv * stride_v
                a, b = density[at], density[at + stride_v]
                c, d = density[at + stride_u], density[at + stride_u + stride_v]
                low, high = a + fv * (b - a), c + fv * (d - c)
                total += low + fu * (high - low)
            w0 = world_from_pixel[0, 0] * x + world_from_pixel[0, 1] * y + world_from_pixel[0, 2]
            w1 = world_from_pixel[1, 0] * x + world_from_pixel[1, 1] * y + world_from_pixel[1, 2]
            w2 = world_from_pixel[2, 0] * x + world_from_pixel[2, 1] * y + world_from_pixel[2, 2]
            image[row, column] = total * math.sqrt(w0 * w0 + w1 * w1 + w2 * w2) / abs(main)


def plain(ct: Volume, camera: Camera) -> Callable[[], np.ndarray]:
    """A call that draws the view with the plain loop; the conversion to float32 density is not timed."""
    order = np.argsort([-stride for stride in ct.data.strides])
    stored = np.ascontiguousarray(np.asarray(ct.data).transpose(order))
    density = (np.maximum(stored.astype(np.float32) + 1000, 0) / 1000).reshape(-1)
    strides = tuple(stride // ct.data.itemsize for stride in ct.data.strides)
    rays = IndexRays.of(camera, ct.world_from_ijk)
    geometry = [np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)]
    image = np.empty((camera.height, camera.width), dtype=np.float32)

    def call() -> np.ndarray:
        plain_joseph(density, ct.shape, strides, *geometry, image)
        return image

    return call


def trunk() -> tuple[Volume, Volume]:
    """A synthetic trunk on the grid of a chest CT, with six structures."""
    axes = [((np.arange(n) - (n - 1) / 2) * h).astype(np.float32) for n, h in zip(SHAPE, SPACING_MM, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    body = np.broadcast_to((x / 160) ** 2 + (y / 110) ** 2 < 1, SHAPE)
    hu = np.where(body, np.random.default_rng(0).integers(-20, 100, SHAPE, dtype=np.int16), np.int16(-1000))
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for label, (cx, cy, cz, rx, ry, rz, value) in enumerate(
        (
            (-75, 0, 0, 55, 75, 120, -850),
            (75, 0, 0, 55, 75, 120, -850),
            (0, 80, 0, 20, 20, 400, 500),
            (20, -20, -20, 45, 45, 50, 60),
            (-120, 0, 60, 15, 15, 30, 700),
            (120, 0, 60, 15, 15, 30, 700),
        ),
        start=1,
    ):
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1
        labels[inside] = label
        hu[inside] = value
    affine = Affine.from_parts(np.diag(SPACING_MM), -0.5 * (np.array(SHAPE) - 1) * SPACING_MM)
    return Volume(hu, affine), Volume(labels, affine)


def materials(count: int) -> HuTable:
    """Densities of ``count`` materials that blend into each other over HU."""
    hu = np.arange(4096)[:, None]
    centers = np.linspace(0, 2500, count)
    share = np.maximum(1 - np.abs(hu - centers) / (centers[1] - centers[0]), 0)
    return HuTable((share * hu / 1000).astype(np.float32))


def line_integral(ct: Volume, camera: Camera) -> np.ndarray:
    """Water path (H, W) in mm of the trilinear volume in steps of a quarter voxel, float64."""
    from scipy.ndimage import map_coordinates

    rays = IndexRays.of(camera, ct.world_from_ijk)
    density = np.maximum(np.asarray(ct.data, dtype=np.float64) + 1000, 0) / 1000
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack((columns, rows, np.ones_like(rows))).reshape(3, -1)
    direction = rays.index_from_pixel @ pixels
    length = np.linalg.norm(rays.world_from_pixel @ pixels, axis=0)
    step = float(ct.spacing_mm.min()) / 4
    reach = np.linalg.norm(np.array(ct.shape) * ct.spacing_mm) / 2
    middle = float(camera.depth(ct.center_world[None])[0])
    total = np.zeros(pixels.shape[1])
    for depth in np.arange(max(0.0, middle - reach), min(rays.max_depth, middle + reach), step) + step / 2:
        total += map_coordinates(density, rays.source[:, None] + depth * direction, order=1, mode="grid-constant")
    return (total * length * step).reshape(camera.height, camera.width)


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU milliseconds of each call, taken in turns after one untimed round."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            if turn:
                times[name].append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    return {name: tuple(np.median(found, axis=0)) for name, found in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ct", nargs="?", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=list(VIEWS))
    parser.add_argument("--accuracy", action="store_true")
    options = parser.parse_args()
    set_num_threads(options.threads)
    ct, labels = trunk()
    if options.ct is not None:
        ct = read_ct(options.ct)
        labels = Volume(np.zeros(ct.shape, dtype=np.uint8), ct.world_from_ijk)
    if options.labels is not None:
        raw = read_any(options.labels)
        data, affine = to_ras(raw.data, raw.world_from_ijk)
        labels = Volume(np.ascontiguousarray(data, dtype=np.uint8), affine)
    sizes = np.bincount(np.asarray(labels.data).reshape(-1), minlength=256)
    ids = [int(label) for label in np.argsort(-sizes[1:])[:6] + 1]
    table = materials(6)
    arm = CArm(options.size, options.size, 400 / options.size, 1020, 850)
    print(COLUMNS)
    for layout, arrange in (("as read", np.ascontiguousarray), ("x fastest", np.asfortranarray)):
        voxels, marks = (Volume(arrange(volume.data), volume.world_from_ijk) for volume in (ct, labels))
        for view in options.views:
            camera = arm.camera(arm.view(ct.center_world, *VIEWS[view]))
            calls: dict[str, Callable[[], object]] = {"plain": plain(voxels, camera)}
            for wanted, chosen in ((0, ()), (0, ids), (6, ()), (6, ids)):
                calls[f"synthex {wanted} {len(chosen)}"] = lambda c=camera, v=voxels, m=marks, i=chosen, w=wanted: (
                    project(v, m, i, c, table=table if w else None, threads=options.threads)
                )
            found = interleaved(calls, options.rounds)
            base, single = found["plain"], found["synthex 0 0"]
            for name, (wall, cpu) in found.items():
                renderer, wanted, masks = (*name.split(), "0", "0")[:3]
                print(
                    f"{layout:>9} {view:>9} {options.size:>5} {renderer:>8} {wanted:>10} {masks:>5} {wall:>8.1f} "
                    f"{cpu:>7.1f} {wall / base[0]:>11.2f} {cpu / base[1]:>10.2f} {cpu / single[1]:>11.2f}",
                    flush=True,
                )
            if options.accuracy:
                expected = line_integral(voxels, camera)
                got = project(voxels, None, (), camera).water_path_mm
                error = float(np.linalg.norm(got - expected) / np.linalg.norm(expected))
                print(f"{layout:>9} {view:>9} {options.size:>5} relative L2 {100 * error:.3f} %", flush=True)


if __name__ == "__main__":
    main()
