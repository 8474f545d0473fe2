"""What the hip network is taught."""

from collections.abc import Callable

from synthex.nn import DiceHeatmapLoss


def make_loss(sigma_mm: float, heat_weight: float) -> Callable[[float], DiceHeatmapLoss]:
    """The loss for a network input of a given pixel pitch; heatmaps have the same width in mm at any."""

    def loss(pixel_mm: float) -> DiceHeatmapLoss:
        return DiceHeatmapLoss(sigma_px=sigma_mm / pixel_mm, heatmap_weight=heat_weight, pixel_mm=pixel_mm)

    return loss
