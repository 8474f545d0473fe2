"""Upper and lower corner of the pubic body at the symphysis."""

import numpy as np

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.extremum import extreme_point
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Point3

DEPTH_MM = 6.0
"""Lateral thickness of the slab behind the symphyseal face in which the corners are sought."""


def find_symphysis_corners(bone: BoneSurface, joint: Point3) -> tuple[Spot, Spot]:
    """Superomedial and inferomedial corner of the pubic body, in the side frame.

    The corner is the support point in the diagonal direction, half medial and half superior (or inferior):
    it lies where the medial face turns into the upper (lower) border, whatever the tilt of either.

    Args:
        bone: Hip bone in the side frame (x lateral, y anterior, z superior).
        joint: Hip centre in the side frame, mm.

    Raises:
        NotFoundError: There is no pubic bone.
    """
    p = bone.points
    pubis = p[
        (p[:, 1] > joint[1] - 10) & (p[:, 2] < joint[2] + 12) & (p[:, 2] > joint[2] - 75) & (p[:, 0] < 0.5 * joint[0])
    ]
    if len(pubis) < 50:
        raise NotFoundError("the pubic bone is not in the volume")
    medial = float(np.quantile(pubis[:, 0], 0.01))
    face = pubis[pubis[:, 0] < medial + DEPTH_MM]
    corners = []
    for sign in (1.0, -1.0):
        position, clarity = extreme_point(face, np.array((-1.0, 0.0, sign)), bone.spacing_mm)
        corners.append(Spot(position, clarity))
    return corners[0], corners[1]
