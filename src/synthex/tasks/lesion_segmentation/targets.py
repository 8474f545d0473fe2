"""Ground truth of a chest view: what of lesions and lungs a reader could outline."""

from collections.abc import Callable

import numpy as np

from synthex.core import Camera, ConfigError, Rendering, Scene, Targets
from synthex.core.arrays import Image
from synthex.projection import project
from synthex.projection.solids import integrals_in_solids, trace_solids
from synthex.tasks.lesion_segmentation.vocabulary import LESION


def make_targets(
    min_lesion_mm: float | int, min_lung_mm: float | int, min_lung_share: float | int
) -> Callable[[Scene, Camera, Rendering], Targets]:
    """Masks of lesions and of the lung fields; see :func:`synthex.tasks.lesion_segmentation.build`.

    Raises:
        ConfigError: A threshold is negative.
    """
    thresholds = {"min_lesion_mm": min_lesion_mm, "min_lung_mm": min_lung_mm, "min_lung_share": min_lung_share}
    for name, value in thresholds.items():
        if not 0 <= value < np.inf:
            raise ConfigError(f"task.{name}={value} must not be negative")

    def targets(scene: Scene, camera: Camera, rendering: Rendering) -> Targets:
        added_mm = project(scene.volumes[LESION], None, (), camera).water_path_mm
        lung_mm = rendering.label_path_mm.sum(axis=0)
        # The field is that of the healthy lung, without devices: a white lung is one too.
        healthy_mm = rendering.water_path_mm + displaced_mm(scene, camera) - added_mm
        lungs = (lung_mm > min_lung_mm) & (lung_mm > min_lung_share * healthy_mm)
        lesion = (added_mm > min_lesion_mm) & lungs
        none = np.zeros(0, dtype=bool)
        return Targets(np.stack((lesion, lungs)), np.zeros((0, 2)), none, none)

    return targets


def displaced_mm(scene: Scene, camera: Camera) -> Image:
    """Water equivalent of the tissue that the scene's solids lie in, mm: what renderings lack of it."""
    found = np.zeros((camera.height, camera.width), dtype=np.float32)
    if scene.solids:
        rays = trace_solids(scene.solids, camera)
        found.reshape(-1)[rays.pixels] = integrals_in_solids(rays, scene.anatomy.ct, camera)[0]
    return found
