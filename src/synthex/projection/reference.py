"""The projector in plain PyTorch: the definition to read, to differentiate and to test kernels with.

Same definition as the kernels (Joseph's method: one bilinear sample on every voxel plane across each
ray's dominant index axis, air outside the grid), written for clarity. Differentiable with respect to
the volume and to the pose; the choice of dominant axis and of planes is piecewise constant.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synthex.core import Camera, Solid, Volume
from synthex.projection.hu_table import FIRST_HU, HuTable
from synthex.projection.solids import RAY_OFFSET


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
    removed: Tensor | None = None,
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
        removed: (H * W) x E x 2 disjoint depth ranges of each ray in mm, left out of the integral: a sample
            stands for half a plane to either side and loses what a range covers of that. See :func:`solid_spans`.
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
            gone = None if removed is None else removed[rays]
            total = _along_axis(volume, axis, source, directions[rays], sdd_mm, nearest, table, gone)
            image = image.index_copy(1, rays, total * (lengths[rays] / directions[rays, axis].abs()))
    return image.reshape(-1, height, width)


def _along_axis(
    volume: Tensor,
    axis: int,
    source: Tensor,
    directions: Tensor,
    sdd_mm: float,
    nearest: bool,
    table: Tensor | None,
    removed: Tensor | None,
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
    values = samples if table is None else look_up(samples[0], table)
    if removed is not None:
        values = values * (1 - _covered(source[axis], directions[:, axis], planes, removed, sdd_mm))
    return values.sum(dim=1)


def _covered(source: Tensor, main: Tensor, planes: Tensor, removed: Tensor, sdd_mm: float) -> Tensor:
    """Part of each plane's slab (plane number +-0.5) that depth ranges cover: planes x N."""
    # What a slab has beyond the ends of a ray belongs to the range that reaches the end.
    beyond = 1 / main.abs()[:, None]
    near = torch.where(removed[..., 0] <= 0, -beyond, removed[..., 0])
    far = torch.where(removed[..., 1] >= sdd_mm, sdd_mm + beyond, removed[..., 1])
    ends = source + torch.stack((near, far)) * main[:, None]
    low, high = ends.amin(dim=0), ends.amax(dim=0)
    covered = torch.zeros(len(planes), len(main), dtype=main.dtype)
    for span in range(removed.shape[1]):
        overlap = torch.minimum(high[:, span], planes[:, None] + 0.5) - torch.maximum(
            low[:, span], planes[:, None] - 0.5
        )
        # An empty range at an end of the ray takes nothing.
        taken = overlap.clamp(min=0) * (removed[:, span, 1] > removed[:, span, 0])
        covered = covered + taken
    return covered


def solid_spans(
    vertices: Tensor,
    faces: Tensor,
    owners: Tensor,
    solids: int,
    camera_from_world: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    sdd_mm: float,
    *,
    chunk: int = 512,
) -> tuple[Tensor, Tensor]:
    """Where rays run through closed surfaces, every triangle against every ray.

    Differentiable with respect to vertices and pose, except where a ray grazes a surface.

    Args:
        vertices: V x 3, RAS mm.
        faces: F x 3 vertices of triangles.
        owners: F, the solid that each triangle bounds; where solids overlap the larger number has the space.
        solids: Number N of solids.
        camera_from_world: 4 x 4 rigid pose.
        intrinsics: 3 x 3 in pixels.
        height: Rows.
        width: Columns.
        sdd_mm: Depth at which rays end, mm.
        chunk: Rays worked on at a time.

    Returns:
        N x H x W mm in each solid, and (H * W) x E x 2 disjoint depth ranges inside any of them (mm; a range
        of no length where a ray has less than E).
    """
    dtype = vertices.dtype
    camera = vertices @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    homogeneous = camera @ intrinsics.T
    rows, columns = torch.meshgrid(torch.arange(height, dtype=dtype), torch.arange(width, dtype=dtype), indexing="ij")
    pixels = torch.stack((columns, rows), dim=-1).reshape(-1, 2) + 0.5
    centers = torch.cat((pixels, torch.ones_like(pixels[:, :1])), dim=1)
    lengths = torch.linalg.norm(centers @ torch.linalg.inv(intrinsics).T, dim=1)
    parts = [
        _spans_of_rays(homogeneous[faces], owners, solids, rays, sdd_mm)
        for rays in (pixels + torch.tensor(RAY_OFFSET, dtype=dtype)).split(chunk)
    ]
    most = max(spans.shape[1] for _, spans in parts)
    spans = torch.cat([torch.nn.functional.pad(part, (0, 0, 0, most - part.shape[1])) for _, part in parts])
    depth = torch.cat([inside for inside, _ in parts])
    return (depth * lengths[:, None]).T.reshape(solids, height, width), spans


def _spans_of_rays(
    triangles: Tensor, owners: Tensor, solids: int, rays: Tensor, sdd_mm: float
) -> tuple[Tensor, Tensor]:
    """Depth of R rays in each solid, R x N, and depth ranges in any solid, R x E x 2.

    ``triangles`` is F x 3 x 3: (column x depth, row x depth, depth) of each corner.
    """
    # Corners as seen from the ray; a triangle is hit if the ray passes its edges all on one side.
    x, y = (triangles[None, :, :, axis] - rays[:, None, None, axis] * triangles[None, :, :, 2] for axis in range(2))
    following, last = [1, 2, 0], [2, 0, 1]
    weights = x[..., following] * y[..., last] - x[..., last] * y[..., following]
    total = weights.sum(dim=2)
    crossed = (weights > 0).all(dim=2) | (weights < 0).all(dim=2)
    depth = (weights * triangles[None, :, :, 2]).sum(dim=2) / torch.where(crossed, total, torch.ones_like(total))
    crossed = crossed & (depth > 0)
    most = int(crossed.sum(dim=1).max())
    depth, order = torch.where(crossed, depth, sdd_mm).clamp(max=sdd_mm).sort(dim=1)
    sign = torch.where(crossed, torch.sign(total.detach()), 0.0)
    bounds = torch.nn.functional.one_hot(owners, solids).to(sign.dtype)
    # From outside everything, backwards: a surface that is left ahead is one that the ray is inside of here.
    # Crossings beyond the detector are all clamped to it and sort in any order, which no range with a length sees.
    signs = (sign[:, :, None] * bounds).gather(1, order[:, :, None].expand(-1, -1, solids))
    winding = signs.flip(1).cumsum(dim=1).flip(1)
    inside = winding.round() != 0
    owner = (inside * torch.arange(1, solids + 1)).amax(dim=2) - 1
    edges = torch.cat((torch.zeros_like(depth[:, :1]), depth), dim=1)
    step = edges.diff(dim=1)
    share = torch.stack([(step * (owner == solid)).sum(dim=1) for solid in range(solids)], dim=1)
    occupied = (owner >= 0)[..., None]
    spans = torch.stack((edges[:, :-1], edges[:, 1:]), dim=2)[:, : max(1, most)]
    return share, torch.where(occupied[:, : max(1, most)], spans, 0.0)


def look_up(values: Tensor, table: Tensor) -> Tensor:
    """Rows of an N x M table at fractional row numbers of any shape, linear between rows: M x that shape."""
    at = values.clamp(0, len(table) - 1)
    row = at.detach().floor().clamp(max=len(table) - 2).long()
    fraction = (at - row)[..., None]
    return (table[row] * (1 - fraction) + table[row + 1] * fraction).movedim(-1, 0)


def project_reference(
    ct: Volume,
    labels: Volume | None,
    label_ids: Sequence[int],
    camera: Camera,
    table: HuTable | None = None,
    solids: Sequence[Solid] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arrays of :class:`~synthex.projection.projector.Projection` in its order, computed in float64."""
    view = (
        torch.from_numpy(ct.world_from_ijk.inverse().matrix.copy()),
        torch.from_numpy(camera.camera_from_world.matrix.copy()),
        torch.from_numpy(camera.intrinsics.copy()),
        camera.height,
        camera.width,
        camera.sdd_mm,
    )
    solid_paths, removed = torch.zeros(0, camera.height, camera.width), None
    if solids:
        first = np.cumsum([0, *(len(solid.vertices_world) for solid in solids[:-1])])
        solid_paths, removed = solid_spans(
            torch.from_numpy(np.concatenate([solid.vertices_world for solid in solids])),
            torch.from_numpy(np.concatenate([s.faces + n for s, n in zip(solids, first, strict=True)])),
            torch.from_numpy(np.repeat(np.arange(len(solids)), [len(solid.faces) for solid in solids])),
            len(solids),
            *view[1:],
        )
    above_air = torch.from_numpy(np.maximum(np.asarray(ct.data, dtype=np.float64) - FIRST_HU, 0))
    water = joseph(above_air[None], *view, removed=removed)[0] / 1000
    quantities = torch.zeros(0, camera.height, camera.width)
    if table is not None:
        quantities = joseph(
            above_air[None], *view, table=torch.from_numpy(table.values.astype(np.float64)), removed=removed
        )
    if labels is None or not label_ids:
        paths = np.zeros((0, camera.height, camera.width), dtype=np.float32)
    else:
        channels = np.stack([np.asarray(labels.data) == label for label in label_ids]).astype(np.float64)
        paths = joseph(torch.from_numpy(channels), *view, nearest=True).numpy().astype(np.float32)
    return (
        water.numpy().astype(np.float32),
        paths,
        quantities.numpy().astype(np.float32),
        solid_paths.numpy().astype(np.float32),
    )
