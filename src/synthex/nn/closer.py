"""A network that looks again, closer, at landmarks it has found."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

FACTOR = 2
"""Pixels a side of the closer look's image over those of the first look's."""


class CoarseToFine(nn.Module):
    """A network's answers to the whole image, and for some landmarks to the part around them in full resolution.

    The image has :data:`FACTOR` times the pixels a side that the network was trained with. It is asked about the image
    made small, then for each of these landmarks about the part of the network's own size around the highest pixel of
    the first answer. For small things in networks that were trained on views of many fields, zoomed ones too; what is
    told by its surroundings alone gets worse. Nothing is learnt.

    Args:
        network: Gives ``heatmaps`` (B, L, N, N) for images (B, 1, N, N), and other maps.
        landmarks: Channels of the heatmaps that are looked at closer.
    """

    def __init__(self, network: nn.Module, landmarks: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.landmarks = list(landmarks)

    def forward(self, image: Float[Tensor, "B 1 M M"]) -> dict[str, Tensor]:
        """Outputs under the network's names, as large as the image; only heatmaps are from the closer look."""
        side, count = image.shape[-1] // FACTOR, len(self.landmarks)
        whole: dict[str, Tensor] = self.network(avg_pool2d(image, FACTOR))
        rows, columns = _around_peaks(whole["heatmaps"][:, self.landmarks])
        which = torch.arange(len(image), device=image.device)[:, None, None, None]
        parts = image[which, 0, rows, columns]
        seen = self.network(parts.reshape(-1, 1, side, side))["heatmaps"].reshape(len(image), count, -1, side, side)
        own = torch.tensor(self.landmarks, device=image.device)
        outputs = {
            name: interpolate(values, scale_factor=FACTOR, mode="bilinear", align_corners=False)
            for name, values in whole.items()
        }
        place = (which, own[None, :, None, None], rows, columns)
        closer = torch.stack([seen[:, k, landmark] for k, landmark in enumerate(self.landmarks)], dim=1)
        outputs["heatmaps"] = outputs["heatmaps"].index_put(place, closer)
        return outputs


def _around_peaks(heatmaps: Float[Tensor, "B L N N"]) -> tuple[Tensor, Tensor]:
    """Rows (B, L, N, 1) and columns (B, L, 1, N) of the larger image around each map's peak, all within it."""
    side = heatmaps.shape[-1]
    at = heatmaps.flatten(2).argmax(dim=2)
    corners = FACTOR * torch.stack((at // side, at % side)) + FACTOR // 2 - side // 2
    corners = corners.clamp(0, (FACTOR - 1) * side)
    rows, columns = corners[..., None] + torch.arange(side, device=heatmaps.device)
    return rows[..., None], columns[..., None, :]
