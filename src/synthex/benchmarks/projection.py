"""Our projector, a plain loop and the installed peers, timed in turn on one scene."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from synthex import __version__
from synthex.benchmarks.kernel import dense_trilinear, plain_joseph
from synthex.benchmarks.memory import available, memory_of, peak_mib, reset_peak
from synthex.benchmarks.peers import Shot, prepare_peer
from synthex.benchmarks.scene import BenchmarkScene
from synthex.core import Camera, Volume
from synthex.core.arrays import Image
from synthex.core.terminal import machine, track
from synthex.projection import project
from synthex.projection.rays import IndexRays

PLAIN = "plain Numba loop"
REFERENCE_ROWS = 48
"""Rows of the image that the dense reference is computed for, evenly spread."""
REFERENCE_STEP = 0.3
"""Its step as a share of the smallest voxel edge; halving it changes the reference of a chest CT by 2e-5."""


@dataclass
class Renderer:
    """A renderer of one image size, and what was measured of it.

    Attributes:
        name: As shown.
        size: Rows and columns.
        prepare: Makes the function that makes an image; what it allocates is held.
        materials: Material integrals it makes beside water.
        masks: Label masks it makes.
        seconds: Of every round.
    """

    name: str
    size: int
    prepare: Callable[[], Shot]
    materials: int = 0
    masks: int = 0
    seconds: list[float] = field(default_factory=list)
    shot: Shot | None = None
    held_mib: float | None = None
    peak_mib: float | None = None
    relative_l2: float = float("nan")


def collect(
    scene: BenchmarkScene, peers: tuple[str, ...], *, size: int, twin: int, materials: int, masks: int, threads: int
) -> list[Renderer]:
    """What is timed: everything at ``size``, and at ``twin`` (0: nowhere) the PyTorch twin beside loop and kernel."""
    found = [Renderer(PLAIN, size, lambda: plain_loop(density(scene), scene.camera(size)))]
    for some, few in dict.fromkeys(((0, 0), (0, masks), (materials, 0), (materials, masks))):
        found.append(Renderer("synthex", size, ours(scene, size, some, few, threads), some, few))
    found += [
        Renderer(peer, size, lambda peer=peer: prepare_peer(peer, density(scene), scene.camera(size), threads))
        for peer in peers
    ]
    if twin:
        found.append(Renderer(PLAIN, twin, lambda: plain_loop(density(scene), scene.camera(twin))))
        found.append(Renderer("synthex", twin, ours(scene, twin, 0, 0, threads)))
        found.append(Renderer("synthex PyTorch twin", twin, ours(scene, twin, 0, 0, threads, backend="torch")))
    return found


def density(scene: BenchmarkScene) -> Volume:
    """The CT as density relative to water, float32, which is what every other renderer takes."""
    return Volume(np.maximum(scene.ct.data.astype(np.float32) + 1000, 0) / 1000, scene.ct.world_from_ijk)


def ours(
    scene: BenchmarkScene, size: int, materials: int, masks: int, threads: int, **options: Any
) -> Callable[[], Shot]:
    """Our projector, as simulators call it."""

    def prepare() -> Shot:
        camera = scene.camera(size)
        labels, ids = (scene.labels, scene.label_ids) if masks else (None, ())
        table = scene.table if materials else None
        return lambda: project(scene.ct, labels, ids, camera, table=table, threads=threads, **options).water_path_mm

    return prepare


def plain_loop(volume: Volume, camera: Camera) -> Shot:
    """The yardstick: columns of voxels fastest in memory, as files store them, with a margin of air."""
    voxels = np.pad(np.ascontiguousarray(volume.data.transpose(2, 1, 0)), 1)
    rays = IndexRays.of(camera, volume.world_from_ijk)
    central = rays.index_from_pixel @ (camera.width / 2, camera.height / 2, 1)
    axis = int(np.argmax(np.abs(central)))
    source = np.ascontiguousarray(rays.source + 1)
    to_index, to_world = np.ascontiguousarray(rays.index_from_pixel), np.ascontiguousarray(rays.world_from_pixel)

    def shoot() -> Image:
        image = np.empty((camera.height, camera.width), dtype=np.float32)
        plain_joseph(voxels, axis, source, to_index, to_world, rays.max_depth, image)
        return image

    return shoot


def measure(renderers: list[Renderer], scene: BenchmarkScene, rounds: int) -> None:
    """Warm up, look at the picture and the memory of each, then time them in turn."""
    references = {size: reference(scene.ct, scene.camera(size)) for size in {renderer.size for renderer in renderers}}
    for renderer in track(renderers, "warming up"):
        before = _rss()
        renderer.shot = renderer.prepare()
        image = renderer.shot()  # compiles, and fills whatever cache the renderer keeps
        rows, wanted = references[renderer.size]
        renderer.relative_l2 = relative_l2(image[rows], wanted)
        now = _rss()
        if before is not None and now is not None:
            renderer.held_mib = max(0.0, now - before)
        if now is not None and reset_peak():
            renderer.shot()
            renderer.peak_mib = max(0.0, peak_mib() - now)
    for _ in track(range(rounds), "rounds"):
        for renderer in renderers:
            shot = renderer.shot or renderer.prepare()
            start = time.perf_counter()
            shot()
            renderer.seconds.append(time.perf_counter() - start)


def relative_l2(image: np.ndarray, wanted: np.ndarray) -> float:
    """Norm of the difference over that of what is wanted; 0 of two empty images."""
    norm = float(np.linalg.norm(wanted))
    difference = float(np.linalg.norm(image - wanted))
    return difference / norm if norm else difference


def _rss() -> float | None:
    """Resident memory of this process, MiB; None where the system does not tell."""
    gc.collect()
    return memory_of(["self"]).rss if available() else None


def reference(ct: Volume, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the image, and there the water path in double precision, in steps well below a voxel."""
    rays = IndexRays.of(camera, ct.world_from_ijk)
    rows = np.unique(np.linspace(0, camera.height - 1, min(camera.height, REFERENCE_ROWS)).astype(np.int64))
    image = np.empty((len(rows), camera.width))
    geometry = [np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)]
    step_mm = REFERENCE_STEP * float(ct.spacing_mm.min())
    voxels = np.asarray(ct.data)
    dense_trilinear(voxels, *geometry, rays.max_depth, step_mm, rows, image)  # type: ignore[call-arg]
    return rows, image


def table_rows(renderers: list[Renderer], scene: BenchmarkScene, threads: int) -> list[dict[str, Any]]:
    """One row a renderer; ratios are to the plain loop of the same size."""
    yardstick = {renderer.size: median(renderer.seconds) for renderer in renderers if renderer.name == PLAIN}
    return [
        {
            "renderer": renderer.name,
            "size": renderer.size,
            "materials": renderer.materials,
            "masks": renderer.masks,
            "median_seconds": median(renderer.seconds),
            "ratio_to_plain": median(renderer.seconds) / yardstick[renderer.size],
            "relative_l2": renderer.relative_l2,
            "held_mib": renderer.held_mib,
            "peak_mib": renderer.peak_mib,
            "fastest_seconds": min(renderer.seconds),
            "rounds": len(renderer.seconds),
            "threads": threads,
            "scene": scene.name,
            "machine": machine(),
            "synthex": __version__,
        }
        for renderer in renderers
    ]
