"""Ground truth of a view with an instrument: from geometry alone, the same at every realism level."""

from collections.abc import Callable, Sequence

import numpy as np

from synthex.core import Camera, Rendering, Scene, Targets
from synthex.core.arrays import Points3
from synthex.simulation import project_points

CENTERLINE = "centerline"
"""Name of the instrument's polyline in scenes and in ``record["targets"]["polylines"]`` of samples."""


def make_targets(instrument: str, landmarks: Sequence[str]) -> Callable[[Scene, Camera, Rendering], Targets]:
    """Mask, landmarks and centre line of the instrument of that name.

    The mask is where rays meet any of its solids (``<instrument>/...``), which the projection has found in its
    pass over the rays: no image is thresholded, and tissue or metal in front of it hides nothing.
    """

    def targets(scene: Scene, camera: Camera, rendering: Rendering) -> Targets:
        own = [index for index, solid in enumerate(scene.solids) if solid.name.startswith(f"{instrument}/")]
        mask = np.any(rendering.solid_path_mm[own] > 0, axis=0)[None]
        points, visible, annotated = project_points(scene.landmarks, landmarks, camera)
        record = {"polylines": {name: _line(line, camera) for name, line in scene.polylines.items()}}
        return Targets(mask, points, visible, annotated, record)

    return targets


def make_unusable(instrument: str) -> Callable[[Scene, Camera], str | None]:
    """A check that refuses views without any of the instrument's inserted part in them."""

    def unusable(scene: Scene, camera: Camera) -> str | None:
        if camera.contains(camera.project(scene.polylines[CENTERLINE])).any():
            return None
        return f"the {instrument} lies outside the image"

    return unusable


def _line(points_world: Points3, camera: Camera) -> list[list[float]]:
    """Image points (column, row) of a line; what lies behind the source is left out, beyond the border not."""
    points = camera.project(points_world)
    return np.round(points[np.isfinite(points).all(axis=1)], 3).tolist()
