"""Closed surfaces in the beam: the path through each solid, and what the voxels inside them had added.

A ray is divided among the solids and the voxels: every point of it belongs to the last solid that it lies
in, or else to the volume. The integral of the volume over the parts inside solids is taken with the samples of
Joseph's method, each of which stands for the slab of half a voxel plane to either side: a part of a ray
counts a sample by how much of its slab it covers. Parts that make up a ray therefore add up to the whole
integral, and what solids displace can be subtracted.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from synthex.core import Camera, Solid, Volume
from synthex.core.arrays import Image, Points3, QuantityStack, SolidStack
from synthex.projection.hu_table import HuTable
from synthex.projection.rays import IndexRays
from synthex.projection.storage import flat_voxels, voxel_steps

RAY_OFFSET = (1.37e-7, 0.71e-7)
"""Columns and rows by which the rays that are tested against triangles pass beside the pixels' centres: our
choice. Far below any effect on a path, far above rounding (1e-12), it keeps rays off vertices and edges of
meshes that are aligned with the camera, where rounding would decide which triangles are hit."""

_RAYS_A_THREAD = 4096


@dataclass(frozen=True, eq=False)
class SolidRays:
    """The parts of the rays that lie in solids.

    Attributes:
        path_mm: N x H x W, mm of the ray in each solid; no point of a ray counts twice.
        pixels: Numbers (row times width plus column) of the pixels whose rays meet a solid, ascending.
        spans: Ray r's spans are ``spans[r]`` to ``spans[r + 1]`` of the next two.
        near: Where spans begin, mm of depth along the central axis; ascending and disjoint along a ray.
        far: Where they end, at most the depth of the detector.
    """

    path_mm: SolidStack
    pixels: Int[np.ndarray, "R"]
    spans: Int[np.ndarray, "R+1"]
    near: Float[np.ndarray, "K"]
    far: Float[np.ndarray, "K"]


def trace_solids(solids: Sequence[Solid], camera: Camera) -> SolidRays:
    """Find where the rays of all pixels run through solids.

    Exact for any closed surfaces: the source may be inside, and parts may lie behind it or beyond the detector.
    """
    from synthex.projection.solid_kernel import order_by_pixel, share_rays

    pixels, depths, codes = _crossings(solids, camera)
    starts = np.zeros(camera.height * camera.width + 1, dtype=np.int64)
    depths, codes = order_by_pixel(pixels, depths, codes, starts)
    path = np.zeros((len(solids), camera.height * camera.width), dtype=np.float32)
    source = camera.source_world
    around = np.array([winding_number(solid, source) for solid in solids], dtype=np.int64)
    # Mirrored pixels turn every triangle's winding, as the kernel sees it, the other way.
    around *= int(np.sign(camera.intrinsics[0, 0]))
    hit_pixels, near, far = np.empty(len(depths), dtype=np.int64), np.empty_like(depths), np.empty_like(depths)
    spans = np.zeros(len(depths) + 1, dtype=np.int64)
    directions = np.ascontiguousarray(camera.world_from_pixel)
    rays, count = share_rays(
        starts, depths, codes, around, directions, camera.sdd_mm, camera.width, path, hit_pixels, spans, near, far
    )
    stack = path.reshape(len(solids), camera.height, camera.width)
    return SolidRays(stack, hit_pixels[:rays], spans[: rays + 1], near[:count], far[:count])


def displace(
    water_mm: Image,
    quantity_mm: QuantityStack,
    solid_rays: SolidRays,
    ct: Volume,
    camera: Camera,
    table: HuTable | None = None,
    threads: int = 1,
    *,
    blend: bool = False,
) -> tuple[Image, QuantityStack]:
    """Line integrals without what lies inside solids.

    Args:
        water_mm: H x W water path of ``ct``, as if there were no solids.
        quantity_mm: M x H x W integrals of ``table``, likewise.
        solid_rays: Where the solids are.
        ct: The volume, int16 HU.
        camera: The camera of all of these.
        table: The table of ``quantity_mm``; None where M is 0.
        threads: Python threads to share the rays.
        blend: ``quantity_mm`` was looked up linearly between the rows of the table, as the twin does, rather
            than in the nearest row, as the kernels do.

    Returns:
        New arrays in place of the first two. Rounding below 0 is cut off (quantities too, where the table
        has no negative value).
    """
    inside = integrals_in_solids(solid_rays, ct, camera, table, threads, blend=blend).astype(np.float32)
    rows, columns = np.divmod(solid_rays.pixels, camera.width)
    water, quantity = water_mm.copy(), quantity_mm.copy()
    water[rows, columns] = np.maximum(water[rows, columns] - inside[0], 0)
    if table is not None:
        quantity[:, rows, columns] -= inside[1:]
        if table.values.min() >= 0:
            quantity[:, rows, columns] = np.maximum(quantity[:, rows, columns], 0)
    return water, quantity


def integrals_in_solids(
    solid_rays: SolidRays,
    ct: Volume,
    camera: Camera,
    table: HuTable | None = None,
    threads: int = 1,
    *,
    blend: bool = False,
) -> Float[np.ndarray, "Q R"]:
    """The volume's integrals over the spans of each ray: row 0 the water path in mm, row 1 + m quantity m."""
    from synthex.projection.solid_kernel import integrate_spans

    rays = IndexRays.of(camera, ct.world_from_ijk)
    values = np.zeros((2, 0), dtype=np.float32) if table is None else table.values.copy()
    sums = np.zeros((1 + values.shape[1], len(solid_rays.pixels)))

    def run(ray0: int, ray1: int) -> None:
        integrate_spans(  # type: ignore[call-arg]
            flat_voxels(ct.data),
            np.array(ct.shape, dtype=np.int64),
            voxel_steps(ct.data),
            *(np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)),
            rays.max_depth,
            camera.width,
            values,
            blend,
            solid_rays.pixels,
            solid_rays.spans,
            solid_rays.near,
            solid_rays.far,
            ray0,
            ray1,
            sums,
        )

    _share(run, sums.shape[1], threads)
    return sums


def winding_number(solid: Solid, point_world: Float[np.ndarray, "3"]) -> int:
    """How often the surface winds around a point: the sum of its triangles' signed solid angles over 4 pi.

    Solid angles after van Oosterom and Strackee (1983, IEEE Trans. Biomed. Eng. 30:125).
    """
    vertices: Points3 = solid.vertices_world - point_world
    if (vertices.min(axis=0) > 0).any() or (vertices.max(axis=0) < 0).any():
        return 0
    a, b, c = (vertices[solid.faces[:, corner]] for corner in range(3))
    la, lb, lc = (np.linalg.norm(corner, axis=1) for corner in (a, b, c))
    volume = np.einsum("fi,fi->f", a, np.cross(b, c))
    spread = la * lb * lc + (a * b).sum(axis=1) * lc + (b * c).sum(axis=1) * la + (c * a).sum(axis=1) * lb
    return round(float(np.arctan2(volume, spread).sum()) / (2 * np.pi))


def _crossings(solids: Sequence[Solid], camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel, depth and code of every crossing of a ray with a triangle, in the order of the triangles."""
    from synthex.projection.solid_kernel import cross_triangles

    numbers = np.cumsum([0, *(len(solid.vertices_world) for solid in solids)])
    points = np.concatenate([np.zeros((0, 3)), *(solid.vertices_world for solid in solids)])
    points = np.ascontiguousarray(camera.camera_from_world.apply(points) @ camera.intrinsics.T)
    faces = np.concatenate(
        [np.zeros((0, 3), dtype=np.int64), *(s.faces + first for s, first in zip(solids, numbers, strict=False))]
    )
    owners = np.repeat(np.arange(len(solids)), [len(solid.faces) for solid in solids])
    centre = 0.5 + np.array(RAY_OFFSET)
    room = 4 * camera.height * camera.width
    while True:
        pixels = np.empty(room, dtype=np.int64)
        depths = np.empty(room)
        codes = np.empty(room, dtype=np.int64)
        count = cross_triangles(points, faces, owners, centre, camera.height, camera.width, pixels, depths, codes)
        if count <= room:
            return pixels[:count], depths[:count], codes[:count]
        room = count


def _share(run: Callable[[int, int], None], rays: int, threads: int) -> None:
    threads = min(threads, rays // _RAYS_A_THREAD + 1)
    bounds = np.linspace(0, rays, 4 * threads + 1 if threads > 1 else 2).astype(int).tolist()
    if threads == 1:
        run(*bounds)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, bounds[:-1], bounds[1:]))
