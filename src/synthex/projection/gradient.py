"""Derivatives of line integrals by the camera and by the voxels, on the CPU: what registration descends on.

The six numbers of a pose, a focal length and a principal point act on a ray only through its source and its
direction. The kernel returns the derivatives by these two (three numbers each, in world mm) in the pass that forms
the image; everything else is a product per pixel. So a whole Jacobian costs less than twice the image.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32

from synthex.core import Camera, Volume
from synthex.core.arrays import Image, Point3
from synthex.projection.projector import default_threads, packets_upright
from synthex.projection.rays import IndexRays
from synthex.projection.storage import flat_voxels, storage_order, voxel_steps


@dataclass(frozen=True, eq=False)
class RayDerivatives:
    """Water paths of an image and how they change with its rays.

    Attributes:
        water_path_mm: H x W float32, as :class:`synthex.projection.Projection` has it.
        by_source: 3 x H x W, per mm that the source moves in the world, directions held.
        by_direction: 3 x H x W, per mm that a ray's direction (per mm of depth) changes in the world, source held.
        camera: The camera.
    """

    water_path_mm: Image
    by_source: Float32[np.ndarray, "3 H W"]
    by_direction: Float32[np.ndarray, "3 H W"]
    camera: Camera = field(repr=False)

    def by_motion(self, pivot_world: Point3) -> Float32[np.ndarray, "6 H W"]:
        """Derivatives by a small motion of the body: turned about a point, then moved.

        A motion takes a point x to ``pivot + R(omega) (x - pivot) + t``; the body moves, the camera stays, which is
        ``camera_from_world @ motion`` as the new pose.

        Args:
            pivot_world: RAS mm.

        Returns:
            Rows 0 to 2 per radian of the rotation vector omega, 3 to 5 per mm of t, in world axes.
        """
        source = self.camera.source_world
        direction = self.directions()
        arm = (source - pivot_world).astype(np.float32)
        turned = np.stack(_cross(arm, self.by_source)) + np.stack(_cross(direction, self.by_direction))
        return np.concatenate((-turned, -self.by_source))

    def by_log_focal(self) -> Image:
        """Derivative by a relative change of fx and fy (both the same, H x W)."""
        return -np.einsum("cij,cij->ij", self.by_direction, self._along(np.diag((1.0, 1.0, 0.0))))

    def by_principal_point(self) -> Float32[np.ndarray, "2 H W"]:
        """Derivatives per pixel that the principal point moves along columns and rows."""
        inverse = np.linalg.inv(self.camera.intrinsics)
        moves = self.camera.camera_from_world.linear.T @ inverse[:, :2]
        return -np.einsum("ck,cij->kij", moves.astype(np.float32), self.by_direction)

    def directions(self) -> Float32[np.ndarray, "3 H W"]:
        """Each pixel's ray in the world per mm of depth."""
        return self._along(np.eye(3))

    def _along(self, part: Float[np.ndarray, "3 3"]) -> Float32[np.ndarray, "3 H W"]:
        """World directions of a part of the rays in the camera's axes."""
        camera = self.camera
        matrix = camera.camera_from_world.linear.T @ part @ np.linalg.inv(camera.intrinsics)
        columns, rows = np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5
        across = matrix[:, 0, None, None] * columns + matrix[:, 1, None, None] * rows[:, None]
        return (across + matrix[:, 2, None, None]).astype(np.float32)


def project_with_derivatives(ct: Volume, camera: Camera, threads: int | None = None) -> RayDerivatives:
    """Water paths through a CT and their derivatives by every ray.

    Args:
        ct: Hounsfield units, int16; any affine.
        camera: Any camera.
        threads: As :func:`synthex.projection.project` takes it; the result does not depend on it.

    Raises:
        ValueError: The CT is not int16.
    """
    if ct.data.dtype != np.int16:
        raise ValueError(f"the projector reads int16 HU, got {ct.data.dtype}")
    from synthex.projection.cpu_kernel import packets_of
    from synthex.projection.gradient_kernel import differentiate_packets

    rays = IndexRays.of(camera, ct.world_from_ijk)
    upright = packets_upright(rays, camera, storage_order(ct.data))
    shape = np.array(ct.shape, dtype=np.int64)
    grid = (flat_voxels(ct.data), shape, voxel_steps(ct.data), *_geometry(rays), rays.max_depth, upright)
    image = (camera.height, camera.width)
    water = np.empty(image, dtype=np.float32)
    by_source, by_direction = np.empty((2, 3, *image), dtype=np.float32)

    def run(packet0: int, packet1: int) -> None:
        differentiate_packets(*grid, packet0, packet1, water, by_source, by_direction)

    packets = int(packets_of(*(image if upright else image[::-1])))
    _in_parts(run, packets, threads)
    # From voxels to the world; a longer step in the world is a longer path in the same voxels.
    index_from_world = ct.world_from_ijk.inverse().linear.astype(np.float32)
    by_source = np.einsum("kc,kij->cij", index_from_world, by_source)
    by_direction = np.einsum("kc,kij->cij", index_from_world, by_direction)
    found = RayDerivatives(water, by_source, by_direction, camera)
    direction = found.directions()
    by_direction += direction * (water / np.einsum("cij,cij->ij", direction, direction))
    return found


def back_project(
    ct: Volume, camera: Camera, weights: Image, threads: int | None = None
) -> Float32[np.ndarray, "I J K"]:
    """Gradient of ``(weights * water_path_mm).sum()`` by the HU of every voxel, in mm of water per HU.

    Args:
        ct: Hounsfield units, int16; any affine.
        camera: Any camera.
        weights: H x W.
        threads: As :func:`synthex.projection.project` takes it; the result does not depend on it.

    Returns:
        I x J x K in the storage order of the CT; 0 where its HU are clamped to air.

    Raises:
        ValueError: The CT is not int16, or the weights are not the camera's image.
    """
    if ct.data.dtype != np.int16 or weights.shape != (camera.height, camera.width):
        raise ValueError(
            f"back projection needs int16 HU and one weight a pixel, got {ct.data.dtype} and {weights.shape}"
        )
    from synthex.projection.gradient_kernel import back_project_planes, forget_air

    rays = IndexRays.of(camera, ct.world_from_ijk)
    shape = np.array(ct.shape, dtype=np.int64)
    order = storage_order(ct.data)
    flat = np.zeros(ct.data.size, dtype=np.float32)
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    upright = packets_upright(rays, camera, order)
    grid = (shape, voxel_steps(ct.data), *_geometry(rays), rays.max_depth, upright)
    for axis in range(3):

        def run(low: int, high: int, axis: int = axis) -> None:
            back_project_planes(*grid, axis, low, high, weights, flat)

        _in_parts(run, ct.shape[axis], threads, 2)
    voxels = flat_voxels(ct.data)
    _in_parts(lambda low, high: forget_air(voxels, flat, low, high), len(flat), threads)
    return flat.reshape([ct.shape[axis] for axis in order]).transpose(np.argsort(order))


def _geometry(rays: IndexRays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    source, index, world = (
        np.ascontiguousarray(part) for part in (rays.source, rays.index_from_pixel, rays.world_from_pixel)
    )
    return source, index, world


def _in_parts(run: Callable[[int, int], None], count: int, threads: int | None, share: int = 8) -> None:
    """``run(first, beyond)`` over ``count`` things, in ``share`` parts a thread."""
    threads = min(default_threads() if threads is None else max(1, threads), count)
    if threads == 1:
        run(0, count)
        return
    bounds = np.linspace(0, count, min(share * threads, count) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, bounds[:-1], bounds[1:]))


def _cross(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cross product along the first axis."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
