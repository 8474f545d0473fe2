"""Turned bodies with helical threads and flutes."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from synthex.instruments.sweep import Surface

Along = Float[np.ndarray, "V"]


def with_helix(
    surface: Surface,
    depth: Callable[[Along, Along], Along],
    pitch_mm: float | int,
    starts: int = 1,
    beyond_mm: float | int = 0.0,
) -> Surface:
    """A body of revolution about z with grooves cut along right-handed helices.

    Args:
        surface: Its rings must follow each other closely enough along z to show the groove.
        depth: How deep the groove is, mm, from the phase (0 to 1 across a groove and its ridge) and z.
        pitch_mm: Along z for one turn of one groove.
        starts: Grooves side by side.
        beyond_mm: Vertices closer to the axis than this stay (a lumen).
    """
    vertices, faces = surface
    radius = np.hypot(vertices[:, 0], vertices[:, 1])
    angle = np.arctan2(vertices[:, 1], vertices[:, 0])
    phase = np.mod(starts * (vertices[:, 2] / pitch_mm - angle / (2 * np.pi)), 1.0)
    outside = radius > max(float(beyond_mm), 1e-9)
    cut = np.where(outside, depth(phase, vertices[:, 2]), 0.0)
    factor = np.where(outside, 1 - cut / np.where(outside, radius, 1.0), 1.0)
    return vertices * np.stack([factor, factor, np.ones_like(factor)], axis=1), faces
