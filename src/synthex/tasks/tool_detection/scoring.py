"""How tool detection is scored."""

CONFIDENCE_CUTS = tuple(round(0.05 * step, 2) for step in range(20))
"""Cuts of the activated-fraction curve; at 0 every best guess counts."""

PRIMARY = "landmark_error_mm_mean"
"""Key of ``summary.json`` that ranks models (lower is better)."""
