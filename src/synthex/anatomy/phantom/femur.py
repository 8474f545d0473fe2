"""The proximal femur with head, neck, trochanters and shaft.

Femur frame (right side): mm, origin at the head's centre, x lateral, y front, z up along the mechanical
axis. Dimensions: Noble et al., Clin Orthop 1988 (head offset 43, canal, cortex); Rubin et al., JBJS Br
1992 (neck width 30 to 35, trochanter heights).
"""

import numpy as np
from scipy.spatial.transform import Rotation

from synthex.anatomy.implicit.solids import Solid, SolidBuilder
from synthex.anatomy.phantom.parameters import FemurParameters

_VALGUS = np.deg2rad(6.5)
#: The shaft runs this far below the neck's base, beyond the volume.
_SHAFT_MM = 170.0
SHAFT_AXIS = np.array((-np.sin(_VALGUS), 0.0, -np.cos(_VALGUS)))


def neck_base(femur: FemurParameters) -> np.ndarray:
    """Where the neck's axis meets the shaft's axis, femur frame, mm."""
    angle, version = np.deg2rad(femur.neck_shaft_deg - 90.0), np.deg2rad(femur.version_deg)
    out, down = femur.neck_length_mm * np.cos(angle), femur.neck_length_mm * np.sin(angle)
    tilt = np.array(((np.cos(_VALGUS), 0, -np.sin(_VALGUS)), (0, 1, 0), (np.sin(_VALGUS), 0, np.cos(_VALGUS))))
    return tilt.T @ np.array((out * np.cos(version), -out * np.sin(version), -down))


def build_femur(femur: FemurParameters) -> Solid:
    """The femur in its own frame, as a right one."""
    r = femur.head_radius_mm
    s = r / 23.5
    base = neck_base(femur)
    bone = SolidBuilder(None, s)
    version = np.deg2rad(femur.version_deg)
    out = np.array((np.cos(version), -np.sin(version), 0.0))
    back = np.array((-np.sin(version), -np.cos(version), 0.0))
    up = -SHAFT_AXIS
    axis = base / np.linalg.norm(base)
    front = np.cross(axis, up)
    t = femur.trochanter
    bone.capsule((0, 0, 0), (0, 0, 0), r / s, blend=0.0)
    bone.chain([axis * 0.3 * r, axis * 1.15 * r, base], [16.5, 14.6, 17.5], flat=0.84, normal=front, blend=4)
    shaft = [base, base - 25 * s * up, base - 60 * s * up, base - _SHAFT_MM * up]
    bone.chain(shaft, [18, 16.5, 14.2, 13.6], blend=6)
    # Greater trochanter: outer mass, tip leaning back and in over the neck.
    tip = base + s * (7.5 * t * out + 11 * back + 19.5 * t * up)
    bone.capsule(
        base + s * (8 * out + 2 * back - 6 * up), base + s * (12.5 * t * out + 6 * back + 9 * up), 14, 12, blend=8
    )
    bone.capsule(base + s * (12.5 * t * out + 6 * back + 9 * up), tip, 12, 7.0, blend=5)
    # Lesser trochanter: back and inward, about 40 mm below the neck's base.
    root = base - 36 * s * up
    bone.capsule(root, root + s * (-11.5 * t * out + 12.5 * t * back - 2 * up), 11, 5.5, blend=7)
    # Crest between the trochanters and the calcar below the neck.
    bone.capsule(tip - 8 * s * up, root + s * (-8 * out + 10 * back), 6.5, 5, blend=7)
    bone.capsule(base + s * (-7 * out + 2 * up), base - s * (4 * out + 22 * up), 15.5, 15, blend=7)
    # Spongiosa: dense in the head and down the compressive bundle to the calcar, sparse in the great
    # trochanter and Ward's triangle (Singh et al., JBJS 1970).
    bone.accent([(0, 0, 0)], 1.1 * r / s, spongy=0.2)
    bone.accent([0.75 * r * up + 0.25 * axis * r, 0.45 * base - 0.3 * r * up], 9.0, spongy=0.25)
    bone.accent([base + s * (11 * out + 4 * back + 4 * up), tip], 14.0, spongy=-0.45)
    bone.accent([base * 0.85], 8.0, spongy=-0.25)
    calcar = [0.6 * base - 13 * s * up, base - s * (17 * out + 16 * up), root - s * 16 * out]
    bone.accent(calcar, 8.0, cortex=2.0)
    return bone.build()


def thigh_rotation(femur: FemurParameters) -> np.ndarray:
    """3 x 3, right-side pelvis frame from femur frame: rotation out, then abduction, then flexion."""
    turn = Rotation.from_euler("z", -femur.rotation_deg, degrees=True)
    abduct = Rotation.from_euler("y", -femur.abduction_deg, degrees=True)
    flex = Rotation.from_euler("x", femur.flexion_deg, degrees=True)
    return np.asarray((flex * abduct * turn).as_matrix())
