"""Upper and lower corner of the pubic body at the symphysis."""

import numpy as np

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.extremum import extreme_point
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Point3

DEPTH_MM = 6.0
"""Lateral thickness of the slab behind the symphyseal face in which the corners are sought."""

WIDEST_HALF_GAP_MM = 12.0
"""Where the midplane is known, a hip bone that ends farther from it has lost its pubic body. Healthy gaps are
3-6 mm wide in all (Becker et al., J Anat 2010); the margin is for diastasis and asymmetry."""

LEAST_HEIGHT_MM = 8.0
"""A pubic body cut off by the volume with less than this left above the cut shows no upper corner."""


UPPER, LOWER = (-1.0, 0.0, 1.0), (-2.0, 0.0, -1.0)
"""Directions of the corners. The lower one is more medial than inferior: half and half it would nearly tie along
the inferior ramus, which runs at 45 degrees."""


def find_symphysis_corners(bone: BoneSurface, joint: Point3, midplane_known: bool) -> tuple[Spot, Spot]:
    """Superomedial and inferomedial corner of the pubic body, in the side frame.

    The corner is the support point in an oblique direction, medial and superior (or inferior): it lies where
    the medial face turns into the upper (lower) border, whatever the tilt of either.

    Args:
        bone: Hip bone in the side frame (x lateral, y anterior, z superior).
        joint: Hip centre in the side frame, mm.
        midplane_known: Whether x = 0 is the mirror plane of the two hip bones.

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
    if midplane_known and medial > WIDEST_HALF_GAP_MM:
        raise NotFoundError("the pubic body is not in the volume")
    face = pubis[pubis[:, 0] < medial + DEPTH_MM]
    cut = bone.cut[(bone.cut[:, 0] < medial + DEPTH_MM) & (bone.cut[:, 1] > joint[1] - 10)]
    if len(cut) and face[:, 2].max() - cut[:, 2].min() < LEAST_HEIGHT_MM:
        raise NotFoundError("the pubic body is cut by the volume's border")
    corners = []
    for direction in (UPPER, LOWER):
        position, clarity = extreme_point(face, np.array(direction), bone.spacing_mm)
        corners.append(Spot(position, clarity))
    return corners[0], corners[1]
