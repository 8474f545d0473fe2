"""Our projector beside a plain Numba Joseph loop and the PyTorch twin, in one run.

    python benchmarks/projection.py [--repeats 5] [--threads 1] [--skip-torch]

Every row is the best of the repeats after a warm-up, for a 200 x 160 x 180 volume of 1.7 mm (a body of
water with six structures of 30 voxels radius); the peers do the same views in the same process.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numba import njit

from synthex.core import Affine, Camera, Volume
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.projection.rays import IndexRays

SHAPE = (200, 160, 180)
CENTERS = ((60, 70, 60), (140, 70, 60), (100, 100, 150), (100, 110, 90), (50, 80, 20), (150, 80, 20))
COLUMNS = "size     view labels  synthex ms  plain ms  torch ms  plain x  torch x"
VIEWS = {"frontal": (0, 0), "oblique": (35, 15), "lateral": (90, 0)}


@njit(cache=True)
def _plain_joseph(
    density: np.ndarray,
    labels: np.ndarray,
    count: int,
    source: np.ndarray,
    to_index: np.ndarray,
    to_world: np.ndarray,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    # The textbook loop: float32 volume, every plane of the grid, bounds tested at every sample.
    image = np.zeros((height, width), np.float32)
    paths = np.zeros((count, height, width), np.float32)
    for row in range(height):
        for column in range(width):
            pixel = np.array((column + 0.5, row + 0.5, 1.0))
            direction = to_index @ pixel
            axis = np.argmax(np.abs(direction))
            u, v = (axis + 1) % 3, (axis + 2) % 3
            step = np.linalg.norm(to_world @ pixel) / abs(direction[axis])
            index = np.zeros(3, np.int64)
            for plane in range(density.shape[axis]):
                depth = (plane - source[axis]) / direction[axis]
                at_u = source[u] + depth * direction[u]
                at_v = source[v] + depth * direction[v]
                iu, iv = int(np.floor(at_u)), int(np.floor(at_v))
                if depth < 0 or iu < 0 or iv < 0 or iu + 1 >= density.shape[u] or iv + 1 >= density.shape[v]:
                    continue
                fu, fv = at_u - iu, at_v - iv
                index[axis] = plane
                for du in range(2):
                    for dv in range(2):
                        index[u], index[v] = iu + du, iv + dv
                        weight = (fu if du else 1 - fu) * (fv if dv else 1 - fv)
                        image[row, column] += weight * density[index[0], index[1], index[2]] * step
                if count:
                    index[u], index[v] = int(at_u + 0.5), int(at_v + 0.5)
                    label = labels[index[0], index[1], index[2]]
                    if label:
                        paths[label - 1, row, column] += step
    return image, paths


def scene() -> tuple[Volume, Volume]:
    points = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    body = ((points[..., :2] - (100, 80)) ** 2 / np.array((90, 70)) ** 2).sum(axis=-1) < 1
    hu = np.where(body, np.random.default_rng(0).integers(-100, 100, SHAPE), -1000).astype(np.int16)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for label, center in enumerate(
        ((60, 70, 60), (140, 70, 60), (100, 100, 150), (100, 110, 90), (50, 80, 20), (150, 80, 20))
    ):
        inside = ((points - center) ** 2).sum(axis=-1) < 30**2
        labels[inside] = label + 1
        hu[inside] += 700
    affine = Affine.from_parts(np.diag((1.7, 1.7, 1.7)), -0.85 * np.array(SHAPE))
    return Volume(hu, affine), Volume(labels, affine)


def best_ms(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def plain(ct: Volume, labels: Volume, count: int, camera: Camera) -> Callable[[], object]:
    density = (np.maximum(ct.data.astype(np.float32) + 1000, 0) / 1000).astype(np.float32)
    rays = IndexRays.of(camera, ct.world_from_ijk)
    geometry = tuple(np.ascontiguousarray(m) for m in (rays.source, rays.index_from_pixel, rays.world_from_pixel))
    return lambda: _plain_joseph(density, labels.data, count, *geometry, camera.height, camera.width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads of our kernel and of PyTorch")
    parser.add_argument("--skip-torch", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    ct, labels = scene()
    print(COLUMNS)
    for size in (192, 384):
        for name, angles in VIEWS.items():
            camera = CArm().binned(size).camera(View(np.zeros(3), *angles))
            for ids in ((), (1, 2, 3, 4, 5, 6)):
                ours = best_ms(
                    lambda c=camera, i=ids: project(ct, labels, i, c, threads=options.threads), options.repeats
                )
                peer = best_ms(plain(ct, labels, len(ids), camera), min(2, options.repeats))
                twin = float("nan")
                if not options.skip_torch:
                    start = time.perf_counter()
                    project(ct, labels, ids, camera, backend="torch")
                    twin = 1e3 * (time.perf_counter() - start)
                print(
                    f"{size:>4} {name:>8} {len(ids):>6} {ours:>11.1f} {peer:>9.1f} {twin:>9.0f} "
                    f"{peer / ours:>8.1f} {twin / ours:>8.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
