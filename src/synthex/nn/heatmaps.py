"""Landmark heatmaps: drawing them and reading them to a fraction of a pixel.

Points are (column, row) in pixels with pixel centres at +0.5, so the pixel in column ``c`` has the
value of the Gaussian at ``c + 0.5``.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def gaussian_profiles(
    landmarks: Float[Tensor, "B L 2"],
    visible: Bool[Tensor, "B L"],
    size: tuple[int, int],
    sigma_px: float | Float[Tensor, "B"],
) -> tuple[Float[Tensor, "B L W"], Float[Tensor, "B L H"]]:
    """Profiles along columns and rows whose outer product is the peak-1 Gaussian of each landmark.

    Args:
        landmarks: (column, row) in pixels; anything where not visible.
        visible: Landmarks to draw; the others get zero profiles.
        size: (H, W).
        sigma_px: Standard deviation in pixels, of all images or of each.
    """
    sigma = sigma_px[:, None, None] if isinstance(sigma_px, Tensor) else sigma_px
    point = torch.where(visible[..., None], landmarks, 0.0)
    point = point.to(torch.promote_types(point.dtype, torch.float32))
    height, width = size

    def profile(center: Tensor, count: int) -> Tensor:
        grid = torch.arange(count, device=center.device, dtype=center.dtype) + 0.5
        values = torch.exp(-0.5 * ((grid - center[..., None]) / sigma) ** 2)
        return values * visible[..., None]

    return profile(point[..., 0], width), profile(point[..., 1], height)


def render_heatmaps(
    landmarks: Float[Tensor, "B L 2"], visible: Bool[Tensor, "B L"], size: tuple[int, int], sigma_px: float
) -> Float[Tensor, "B L H W"]:
    """Gaussians of peak 1 at each visible landmark, zero for the others.

    Args:
        landmarks: (column, row) in pixels, pixel centres at +0.5.
        visible: Landmarks to draw.
        size: (H, W).
        sigma_px: Standard deviation in pixels.
    """
    columns, rows = gaussian_profiles(landmarks, visible, size, sigma_px)
    return rows[..., :, None] * columns[..., None, :]


def read_heatmaps(
    heatmaps: Float[Tensor, "B L H W"], sigma_px: float
) -> tuple[Float[Tensor, "B L 2"], Float[Tensor, "B L"]]:
    """Position of the peak of each heatmap and how much it looks like a landmark.

    Around the highest pixel an isotropic Gaussian of free width is fitted by least squares of the
    logarithm, weighted with the squared height (Guo, IEEE Signal Process. Mag. 28(5):134, 2011): exact for
    a Gaussian of any width, at the border too, where a centroid would be pulled inwards.

    Args:
        heatmaps: Network output, peak 1 where a landmark is.
        sigma_px: Standard deviation that the network was taught, pixels.

    Returns:
        Points (column, row), always finite, and confidence in [0, 1]: the height of the peak (the loss
        teaches 1 where a landmark is and 0 where it is absent) times the normalised cross-correlation of
        its surroundings (2.5 sigma) with the taught Gaussian, negative correlation counting as 0.
    """
    batch, channels, height, width = heatmaps.shape
    maps = torch.nan_to_num(heatmaps.detach().double(), nan=0.0, posinf=0.0, neginf=0.0).flatten(0, 1)
    peak, at = maps.flatten(1).max(dim=1)
    row, column = at // width, at % width

    radius = max(2, math.ceil(2.5 * sigma_px))
    offset = torch.arange(-radius, radius + 1, device=maps.device)
    rows, columns = row[:, None] + offset, column[:, None] + offset
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    index = torch.arange(len(maps), device=maps.device)[:, None, None]
    patch = maps[index, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]

    shift = _fit_peak(patch, inside, offset.double(), peak, sigma_px)
    points = torch.stack((column + 0.5 + shift[:, 0], row + 0.5 + shift[:, 1]), dim=1)

    x = offset.double()[None, None, :] - shift[:, 0, None, None]
    y = offset.double()[None, :, None] - shift[:, 1, None, None]
    template = torch.exp(-(x * x + y * y) / (2 * sigma_px**2))
    likeness = _masked_ncc(patch, template, inside).clamp(min=0)
    top = peak * torch.exp((shift**2).sum(dim=1) / (2 * sigma_px**2))
    confidence = (top.clamp(0, 1) * likeness).clamp(0, 1)
    return points.view(batch, channels, 2).float(), confidence.view(batch, channels).float()


def _fit_peak(patch: Tensor, inside: Tensor, offset: Tensor, peak: Tensor, sigma_px: float) -> Tensor:
    """Sub-pixel shift (column, row) of the peak from the highest pixel, (N, 2)."""
    relative = patch / peak.clamp(min=1e-12)[:, None, None]
    # Far below the peak there is only background, and pixels beyond 1.5 sigma belong to the tails;
    # two pixels at least, for in a corner only a quarter of the window is left for 4 unknowns.
    near = offset.abs() <= max(2.0, 1.5 * sigma_px)
    used = inside & near[:, None] & near[None, :] & (relative > 0.03) & (peak > 0)[:, None, None]
    weight = torch.where(used, relative, 0.0).flatten(1) ** 2
    value = torch.where(used, relative, 1.0).log().flatten(1)
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    x, y = x.flatten(), y.flatten()
    basis = torch.stack((torch.ones_like(x), x, y, -(x * x + y * y)), dim=1)
    # log value = a + b x + c y - k (x^2 + y^2): the peak is at (b, c) / 2k.
    free = _weighted_solve(basis, weight, value)
    curvature = free[:, 3]
    expected = 1 / (2 * sigma_px**2)
    plausible = (curvature > expected / 9) & (curvature < expected * 9)
    fixed = _weighted_solve(basis[:, :3], weight, value - expected * basis[:, 3])
    shift = torch.where(
        plausible[:, None],
        free[:, 1:3] / (2 * torch.where(plausible, curvature, expected))[:, None],
        fixed[:, 1:3] / (2 * expected),
    )
    # A landmark just outside the pixels' centres at the border may lie up to a pixel and more away; a fit
    # that leaves by more than a sigma is not a peak.
    return torch.nan_to_num(shift).clamp(-max(1.0, sigma_px), max(1.0, sigma_px))


def _weighted_solve(basis: Tensor, weight: Tensor, value: Tensor) -> Tensor:
    normal = torch.einsum("pi,np,pj->nij", basis, weight, basis)
    ridge = 1e-12 * torch.diagonal(normal, dim1=1, dim2=2).sum(dim=1) + 1e-300
    normal = normal + ridge[:, None, None] * torch.eye(basis.shape[1], dtype=normal.dtype, device=normal.device)
    right = torch.einsum("pi,np->ni", basis, weight * value)
    solution, info = torch.linalg.solve_ex(normal, right)
    return torch.where((info == 0)[:, None], solution, 0.0)


def _masked_ncc(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Normalised cross-correlation of (N, P, P) patches over the pixels in ``mask``; 0 for constants."""
    count = mask.sum(dim=(1, 2)).clamp(min=1)[:, None, None]
    a = torch.where(mask, a - torch.where(mask, a, 0.0).sum(dim=(1, 2), keepdim=True) / count, 0.0)
    b = torch.where(mask, b - torch.where(mask, b, 0.0).sum(dim=(1, 2), keepdim=True) / count, 0.0)
    energy = (a * a).sum(dim=(1, 2)) * (b * b).sum(dim=(1, 2))
    return torch.where(energy > 1e-24, (a * b).sum(dim=(1, 2)) / energy.clamp(min=1e-24).sqrt(), 0.0)
