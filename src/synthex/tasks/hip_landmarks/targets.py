"""Ground truth of a hip view: from geometry alone, the same at every realism level."""

from collections.abc import Callable

from synthex.core import Camera, Rendering, Scene, Targets
from synthex.tasks.hip_landmarks.vocabulary import LANDMARKS


def make_targets(min_path_mm: float) -> Callable[[Scene, Camera, Rendering], Targets]:
    """Targets with masks cut at ``min_path_mm`` of path through a structure."""

    def targets(scene: Scene, camera: Camera, rendering: Rendering) -> Targets:
        # Projectors take seconds to import; a model that answers has no use for them.
        from synthex.simulation import project_landmarks, visible_masks

        landmarks, visible, annotated = project_landmarks(scene.anatomy, LANDMARKS, camera)
        return Targets(visible_masks(rendering.label_path_mm, min_path_mm), landmarks, visible, annotated)

    return targets
