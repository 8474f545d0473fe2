"""The projector in plain PyTorch: the definition to read, to differentiate and to test kernels with.

Same definition as the kernels (Joseph's method: one bilinear sample on every voxel plane across each
ray's dominant index axis, air outside the grid), written for clarity. Differentiable with respect to
the volume and to the pose; the choice of dominant axis and of planes is piecewise constant.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synthex.core import Camera, Volume
from synthex.projection.hu_table import FIRST_HU, HuTable


def joseph(
    volume: Tensor,
    ijk_from_world: Tensor,
    camera_from_world: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    sdd_mm: float,
    *,
    nearest: bool = False,
    table: Tensor | None = None,
    chunk: int = 8192,
) -> Tensor:
    """Line integrals of a volume along every pixel's ray from the source to the detector.

    Args:
        volume: C x I x J x K values per mm.
        ijk_from_world: 4 x 4, voxel indices from RAS mm.
        camera_from_world: 4 x 4 rigid pose.
        intrinsics: 3 x 3 in pixels.
        height: Rows.
        width: Columns.
        sdd_mm: Depth at which rays end, mm.
        nearest: Take the nearest voxel of the plane instead of the bilinear blend.
        table: N x M; every sample (of a volume of one channel) is looked up in it, linearly between rows and
            clamped to its ends, and the M quantities are integrated instead.
        chunk: Rays worked on at a time.

    Returns:
        C x H x W integrals (M x H x W with a table), in the dtype of ``volume``.
    """
    dtype = volume.dtype
    rotation, translation = camera_from_world[:3, :3], camera_from_world[:3, 3]
    source_world = -rotation.T @ translation
    source = ijk_from_world[:3, :3] @ source_world + ijk_from_world[:3, 3]
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=dtype) + 0.5, torch.arange(width, dtype=dtype) + 0.5, indexing="ij"
    )
    pixels = torch.stack((columns, rows, torch.ones_like(rows)), dim=-1).reshape(-1, 3)
    world = pixels @ (rotation.T @ torch.linalg.inv(intrinsics)).T
    directions = world @ ijk_from_world[:3, :3].T
    lengths = torch.linalg.norm(world, dim=1)
    # Ties go to the earlier axis, as argmax does.
    dominant = directions.detach().abs().argmax(dim=1)
    image = volume.new_zeros(len(volume) if table is None else table.shape[1], height * width)
    for axis in range(3):
        for rays in torch.nonzero(dominant == axis)[:, 0].split(chunk):
            total = _along_axis(volume, axis, source, directions[rays], sdd_mm, nearest, table)
            image = image.index_copy(1, rays, total * (lengths[rays] / directions[rays, axis].abs()))
    return image.reshape(-1, height, width)


def _along_axis(
    volume: Tensor, axis: int, source: Tensor, directions: Tensor, sdd_mm: float, nearest: bool, table: Tensor | None
) -> Tensor:
    """Sum of the samples on all planes across ``axis``: C x N (with a table M x N) for N rays."""
    axis_u, axis_v = (other for other in range(3) if other != axis)
    slabs = volume.movedim(1 + axis, 1)
    planes = torch.arange(slabs.shape[1])
    depth = (planes.to(volume.dtype)[:, None] - source[axis]) / directions[:, axis]
    seen = (depth >= 0) & (depth <= sdd_mm)
    u = source[axis_u] + depth * directions[:, axis_u]
    v = source[axis_v] + depth * directions[:, axis_v]
    corner_u, corner_v = torch.floor(u.detach() + 0.5 * nearest), torch.floor(v.detach() + 0.5 * nearest)
    samples = volume.new_zeros(len(volume), *depth.shape)
    for step_u in range(1 if nearest else 2):
        for step_v in range(1 if nearest else 2):
            index_u, index_v = corner_u + step_u, corner_v + step_v
            inside = seen & (index_u >= 0) & (index_u < slabs.shape[2]) & (index_v >= 0) & (index_v < slabs.shape[3])
            at_u = index_u.clamp(0, slabs.shape[2] - 1).long()
            at_v = index_v.clamp(0, slabs.shape[3] - 1).long()
            values = slabs[:, planes[:, None], at_u, at_v] * inside
            if not nearest:
                values = values * ((1 - (u - index_u).abs()) * (1 - (v - index_v).abs()))
            samples = samples + values
    return samples.sum(dim=1) if table is None else look_up(samples[0], table).sum(dim=1)


def look_up(values: Tensor, table: Tensor) -> Tensor:
    """Rows of an N x M table at fractional row numbers of any shape, linear between rows: M x that shape."""
    at = values.clamp(0, len(table) - 1)
    row = at.detach().floor().clamp(max=len(table) - 2).long()
    fraction = (at - row)[..., None]
    return (table[row] * (1 - fraction) + table[row + 1] * fraction).movedim(-1, 0)


def project_reference(
    ct: Volume, labels: Volume | None, label_ids: Sequence[int], camera: Camera, table: HuTable | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrays of :class:`~synthex.projection.projector.Projection` in its order, computed in float64."""
    view = (
        torch.from_numpy(ct.world_from_ijk.inverse().matrix.copy()),
        torch.from_numpy(camera.camera_from_world.matrix.copy()),
        torch.from_numpy(camera.intrinsics.copy()),
        camera.height,
        camera.width,
        camera.sdd_mm,
    )
    above_air = torch.from_numpy(np.maximum(np.asarray(ct.data, dtype=np.float64) - FIRST_HU, 0))
    water = joseph(above_air[None], *view)[0] / 1000
    quantities = torch.zeros(0, camera.height, camera.width)
    if table is not None:
        quantities = joseph(above_air[None], *view, table=torch.from_numpy(table.values.astype(np.float64)))
    if labels is None or not label_ids:
        paths = np.zeros((0, camera.height, camera.width), dtype=np.float32)
    else:
        channels = np.stack([np.asarray(labels.data) == label for label in label_ids]).astype(np.float64)
        paths = joseph(torch.from_numpy(channels), *view, nearest=True).numpy().astype(np.float32)
    return water.numpy().astype(np.float32), paths, quantities.numpy().astype(np.float32)
