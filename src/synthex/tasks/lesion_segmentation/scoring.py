"""How lesion segmentation is scored."""

CONFIDENCE_CUTS: tuple[float, ...] = ()
"""There are no landmarks."""

PRIMARY = "dice_mean/lesion"
"""Key of ``summary.json`` that ranks models (higher is better)."""
