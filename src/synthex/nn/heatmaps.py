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
    maps = _finite(heatmaps)
    peak, at = maps.flatten(1).max(dim=1)
    row, column = at // width, at % width

    radius = max(2, math.ceil(2.5 * sigma_px))
    offset = torch.arange(-radius, radius + 1, device=maps.device)
    rows, columns = row[:, None] + offset, column[:, None] + offset
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    index = torch.arange(len(maps), device=maps.device)[:, None, None]
    patch = maps[index, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]

    x, y = offset.double()[None, None, :], offset.double()[None, :, None]
    sigma = torch.as_tensor(sigma_px, dtype=torch.float64, device=maps.device)
    shift, confidence = _read_peak(patch, inside, x, y, peak, sigma)
    points = torch.stack((column + 0.5 + shift[:, 0], row + 0.5 + shift[:, 1]), dim=1)
    return points.view(batch, channels, 2).float(), confidence.view(batch, channels).float()


def read_whole_heatmaps(
    heatmaps: Float[Tensor, "B L H W"], inside: Bool[Tensor, "H W"], sigma_px: Float[Tensor, ""]
) -> tuple[Float[Tensor, "B L 2"], Float[Tensor, "B L"]]:
    """:func:`read_heatmaps` of the pixels ``inside``, without shapes that depend on values: it can be exported.

    All pixels go through the sums that are otherwise taken in a window: slower, the same to rounding.

    Args:
        heatmaps: Network output, peak 1 where a landmark is.
        inside: The rectangle that holds the image; not empty.
        sigma_px: Standard deviation that the network was taught, pixels; double precision.
    """
    batch, channels, height, width = heatmaps.shape
    maps = _finite(heatmaps)
    peak, at = torch.where(inside, maps, -math.inf).flatten(1).max(dim=1)
    row, column = at // width, at % width
    x = torch.arange(width, device=maps.device)[None, None, :] - column[:, None, None]
    y = torch.arange(height, device=maps.device)[None, :, None] - row[:, None, None]
    radius = torch.ceil(2.5 * sigma_px).clamp(min=2)
    window = inside & (x.abs() <= radius) & (y.abs() <= radius)
    shift, confidence = _read_peak(maps, window, x.double(), y.double(), peak, sigma_px)
    points = torch.stack((column + 0.5 + shift[:, 0], row + 0.5 + shift[:, 1]), dim=1)
    return points.view(batch, channels, 2).float(), confidence.view(batch, channels).float()


def _finite(heatmaps: Tensor) -> Tensor:
    """Maps in double precision, (N, H, W)."""
    return torch.nan_to_num(heatmaps.detach().double(), nan=0.0, posinf=0.0, neginf=0.0).flatten(0, 1)


def _read_peak(
    patch: Tensor, inside: Tensor, x: Tensor, y: Tensor, peak: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    """Sub-pixel shift (column, row) of the peak from the highest pixel, (N, 2), and confidence, (N,).

    Args:
        patch: Surroundings of the highest pixel, (N, P, Q).
        inside: Those that count.
        x: Their columns from the highest pixel's, (N or 1, 1, Q).
        y: Their rows from it, (N or 1, P, 1).
        peak: Height of the highest pixel, (N,).
        sigma: Standard deviation that was taught, pixels.
    """
    shift = _fit_peak(patch, inside, x, y, peak, sigma)
    from_x, from_y = x - shift[:, 0, None, None], y - shift[:, 1, None, None]
    template = torch.exp(-(from_x * from_x + from_y * from_y) / (2 * sigma**2))
    likeness = _masked_ncc(patch, template, inside).clamp(min=0)
    top = peak * torch.exp((shift**2).sum(dim=1) / (2 * sigma**2))
    return shift, (top.clamp(0, 1) * likeness).clamp(0, 1)


def _fit_peak(patch: Tensor, inside: Tensor, x: Tensor, y: Tensor, peak: Tensor, sigma: Tensor) -> Tensor:
    """Sub-pixel shift (column, row) of the peak from the highest pixel, (N, 2)."""
    relative = patch / peak.clamp(min=1e-12)[:, None, None]
    # Far below the peak there is only background, and pixels beyond 1.5 sigma belong to the tails;
    # two pixels at least, for in a corner only a quarter of the window is left for 4 unknowns.
    reach = (1.5 * sigma).clamp(min=2.0)
    used = inside & (x.abs() <= reach) & (y.abs() <= reach) & (relative > 0.03) & (peak > 0)[:, None, None]
    weight = torch.where(used, relative, 0.0).flatten(1) ** 2
    value = torch.where(used, relative, 1.0).log().flatten(1)
    x, y = torch.broadcast_tensors(x, y)
    x, y = x.flatten(1), y.flatten(1)
    basis = torch.stack((torch.ones_like(x), x, y, -(x * x + y * y)), dim=2)
    # log value = a + b x + c y - k (x^2 + y^2): the peak is at (b, c) / 2k.
    free = _weighted_solve(basis, weight, value)
    curvature = free[:, 3]
    expected = 1 / (2 * sigma**2)
    plausible = (curvature > expected / 9) & (curvature < expected * 9)
    fixed = _weighted_solve(basis[:, :, :3], weight, value - expected * basis[:, :, 3])
    shift = torch.where(
        plausible[:, None],
        free[:, 1:3] / (2 * torch.where(plausible, curvature, expected))[:, None],
        fixed[:, 1:3] / (2 * expected),
    )
    # A landmark just outside the pixels' centres at the border may lie up to a pixel and more away; a fit
    # that leaves by more than a sigma is not a peak.
    most = sigma.clamp(min=1.0)
    return torch.nan_to_num(shift, posinf=1e9, neginf=-1e9).clamp(-most, most)


def _weighted_solve(basis: Tensor, weight: Tensor, value: Tensor) -> Tensor:
    """Weighted least squares of (N, P) values by (N or 1, P, K) functions, (N, K); 0 where it has no solution.

    Elimination is written out for the K of at most 4: exchange formats have no solver of linear equations.
    """
    weighted = (basis * weight[:, :, None]).transpose(1, 2)
    normal, right = weighted @ basis, (weighted @ value[:, :, None])[:, :, 0]
    count = right.shape[1]
    ridge = 1e-12 * torch.diagonal(normal, dim1=1, dim2=2).sum(dim=1) + 1e-300
    left = [[normal[:, i, j] + ridge if i == j else normal[:, i, j] for j in range(count)] for i in range(count)]
    sums = [right[:, i] for i in range(count)]
    for i in range(count):  # no pivoting: the matrix is symmetric and positive definite
        for j in range(i + 1, count):
            factor = left[j][i] / left[i][i]
            left[j] = [left[j][k] - factor * left[i][k] for k in range(count)]
            sums[j] = sums[j] - factor * sums[i]
    found = list(sums)
    for i in reversed(range(count)):
        rest = sums[i]
        for k in range(i + 1, count):
            rest = rest - left[i][k] * found[k]
        found[i] = rest / left[i][i]
    solvable = torch.stack([left[i][i] > 0 for i in range(count)], dim=1).all(dim=1)
    return torch.where(solvable[:, None], torch.stack(found, dim=1), 0.0)


def _masked_ncc(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Normalised cross-correlation of (N, P, P) patches over the pixels in ``mask``; 0 for constants."""
    count = mask.sum(dim=(1, 2)).clamp(min=1)[:, None, None]
    a = torch.where(mask, a - torch.where(mask, a, 0.0).sum(dim=(1, 2), keepdim=True) / count, 0.0)
    b = torch.where(mask, b - torch.where(mask, b, 0.0).sum(dim=(1, 2), keepdim=True) / count, 0.0)
    energy = (a * a).sum(dim=(1, 2)) * (b * b).sum(dim=(1, 2))
    return torch.where(energy > 1e-24, (a * b).sum(dim=(1, 2)) / energy.clamp(min=1e-24).sqrt(), 0.0)
