"""How far a found camera is from the true one, in the terms of the field."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from synthex.core import Camera
from synthex.core.arrays import Points3


@dataclass(frozen=True)
class PoseError:
    """Errors of a camera; van de Kraats et al., IEEE TMI 24:1177 (2005) for the first and the last.

    Attributes:
        mtre_mm: Mean target registration error: mean distance of points of the body in the camera's frame.
        rotation_deg: Angle of the rotation between the poses.
        translation_mm: Distance of where the poses put the points' centre, in the camera's frame.
        in_plane_mm: Of this, across the central axis.
        depth_mm: Of this, along it.
        reprojection_mm: Mean distance of the points' images at the detector.
    """

    mtre_mm: float
    rotation_deg: float
    translation_mm: float
    in_plane_mm: float
    depth_mm: float
    reprojection_mm: float

    @property
    def success(self) -> bool:
        """Within 1 degree and 1 mm."""
        return self.rotation_deg <= 1 and self.translation_mm <= 1


def pose_error(found: Camera, true: Camera, points_world: Points3) -> PoseError:
    """The errors of a found camera over points of the body (landmarks), RAS mm."""
    points = np.asarray(points_world, dtype=float)
    seen, known = (camera.camera_from_world.apply(points) for camera in (found, true))
    turn = found.camera_from_world.linear @ true.camera_from_world.linear.T
    centre = (seen - known).mean(axis=0)
    images = np.linalg.norm(found.project(points) - true.project(points), axis=1) * true.pixel_mm
    return PoseError(
        mtre_mm=float(np.linalg.norm(seen - known, axis=1).mean()),
        rotation_deg=float(np.rad2deg(Rotation.from_matrix(turn).magnitude())),
        translation_mm=float(np.linalg.norm(centre)),
        in_plane_mm=float(np.linalg.norm(centre[:2])),
        depth_mm=float(abs(centre[2])),
        reprojection_mm=float(images.mean()),
    )


def summary(errors: Sequence[PoseError | None]) -> dict[str, float | int]:
    """Figures over cases; None is a case without an answer, which counts as failed in every share.

    Medians and shares are over all cases: a failed one is infinitely far.
    """
    mtre = np.array([np.inf if error is None else error.mtre_mm for error in errors])
    if not len(mtre):
        return {"cases": 0}
    answered = [error for error in errors if error is not None]
    return {
        "cases": len(mtre),
        "without_answer": len(mtre) - len(answered),
        "median_mtre_mm": float(np.median(mtre)),
        "mtre_within_1mm": float(np.mean(mtre <= 1.0)),
        "mtre_within_1.5mm": float(np.mean(mtre <= 1.5)),
        "success_1deg_1mm": sum(error.success for error in answered) / len(mtre),
        "median_rotation_deg": float(np.median([error.rotation_deg for error in answered])) if answered else np.inf,
        "median_depth_mm": float(np.median([error.depth_mm for error in answered])) if answered else np.inf,
        "median_reprojection_mm": float(np.median([e.reprojection_mm for e in answered])) if answered else np.inf,
    }
