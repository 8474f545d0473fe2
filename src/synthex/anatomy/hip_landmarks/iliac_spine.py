"""Anterior superior iliac spine: the tip of the upper hip bone's front corner, in the pelvic frame."""

import numpy as np

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.extremum import extreme_point
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Point3

LOWEST_ABOVE_JOINT = 46.0
"""mm above the hip centre where the search starts: above the inferior spine (about 30), below the
superior one (65-90 over ten people)."""

TIP_DIRECTION = (0.5, 0.7, -0.5)
"""Lateral, anterior, superior. The most anterior point alone may lie anywhere along the flat front of the crest, up
to 15 mm inside the outline of a frontal radiograph; the spine is its lower lateral end."""

TIP_REACH_MM = 22.0
"""The tip is sought this near the most anterior point, so that the crest's lateral bulge has no say."""


def find_iliac_spine(bone: BoneSurface, joint: Point3) -> Spot:
    """The spine in the side frame (x lateral, y anterior, z superior).

    Args:
        bone: Hip bone in the side frame.
        joint: Hip centre in the side frame, mm.

    Raises:
        NotFoundError: There is no bone above, or the most anterior point lies on the search's lower edge:
            the spine itself is then outside the volume.
    """
    points = bone.points[bone.points[:, 2] > joint[2] + LOWEST_ABOVE_JOINT]
    if len(points) < 50:
        raise NotFoundError("the ilium is not in the volume")
    foremost, _ = extreme_point(points, np.array((0.0, 1.0, 0.0)), bone.spacing_mm)
    if foremost[2] < joint[2] + LOWEST_ABOVE_JOINT + 1.5 * bone.spacing_mm:
        raise NotFoundError("the anterior border of the ilium has no spine inside the volume")
    near = points[np.linalg.norm(points - foremost, axis=1) < TIP_REACH_MM]
    return Spot(*extreme_point(near, np.array(TIP_DIRECTION), bone.spacing_mm))
