"""The right hip bone in the pelvis frame; the left one is its mirror image with its own parameters.

Template frame: mm, x to the right, y front, z up, origin midway between the hip centres, standing
posture; the template's right hip centre is at (75, 0, 0). Control points are rounded from published
dimensions (Standring, Gray's Anatomy, 41st ed., ch. 80; DeSilva & Rosenberg, J Anat 2017: acetabulum 48 to
56 wide, ischium 80 to 90 and pubis 70 to 80 long from the acetabular centre, foramen 50 to 55 by 33 to
38; Murray, JBJS 1993: acetabular inclination 40 to 45, anteversion 15 to 20 degrees).
"""

from collections.abc import Sequence

import numpy as np

from synthex.anatomy.implicit import kernel
from synthex.anatomy.implicit.solids import Solid, SolidBuilder, Warp
from synthex.anatomy.phantom.parameters import PelvisParameters
from synthex.anatomy.phantom.shape import displacement
from synthex.anatomy.phantom.wing import add_wing
from synthex.core.arrays import Points3

TEMPLATE_HIP_MM = 75.0
HIP_CENTRE = np.array((TEMPLATE_HIP_MM, 0.0, 0.0))
#: Joint space between the femoral head and the bony socket, both cartilages (3 to 5 mm on radiographs).
JOINT_SPACE_MM = 3.6
_INCLINATION, _ANTEVERSION = np.deg2rad(42.0), np.deg2rad(17.0)
SOCKET_AXIS = np.array(
    (
        np.sin(_INCLINATION) * np.cos(_ANTEVERSION),
        np.sin(_ANTEVERSION),
        -np.cos(_INCLINATION) * np.cos(_ANTEVERSION),
    )
)


def shape_field(points: Points3, coefficients: Sequence[float]) -> Points3:
    """Displacement in mm by four slow waves an axis; zero at the hip centre, x kept at the midline."""
    phase = points / np.array((90.0, 110.0, 130.0))
    waves = np.stack(
        (
            np.sin(np.pi * phase[:, 2]),
            np.sin(np.pi * phase[:, 1]),
            np.sin(np.pi * (phase[:, 1] + phase[:, 2])),
            np.sin(np.pi * (phase[:, 1] - phase[:, 2])),
        ),
        axis=1,
    )
    shift = waves @ np.asarray(coefficients).reshape(4, 3)
    shift[:, 0] *= np.clip(points[:, 0] / 30.0, 0.0, 1.0)
    return shift


def pelvis_warp(p: PelvisParameters, side: str) -> Warp:
    """Template frame to the subject's pelvis frame, for one side's bone built as a right one."""
    left = side == "left"
    coefficients = p.field_left if left else p.field_right
    people = displacement(*((p.modes_left, p.local_left) if left else (p.modes_right, p.local_right)))
    scale = np.array((p.size, p.size * p.depth, p.size * p.height))
    shift = p.hip_half_distance_mm / p.size - TEMPLATE_HIP_MM

    def warp(points: Points3) -> Points3:
        x, z = points[:, 0], points[:, 2]
        # The template's hip centre stays: size and hip distance place it, and the femur's head with it.
        shape = people(points) * (1.0 - np.exp(-((points - HIP_CENTRE) ** 2).sum(axis=1) / 2.0))[:, None]
        shape[:, 0] *= np.clip(x / 8.0, 0.0, 1.0)
        out = points + shape + shape_field(points, coefficients)
        out[:, 0] += shift * np.clip(x / TEMPLATE_HIP_MM, 0.0, 1.0)
        # The template's crest is that of a narrow hip distance: bring the wings back in, then flare.
        out[:, 0] += (p.flare_mm - 7.0) * np.clip((z - 10.0) / 110.0, 0.0, 1.2) * np.clip((x - 30.0) / 40.0, 0.0, 1.0)
        out[:, 0] += p.subpubic_mm * np.clip((-z - 10.0) / 45.0, 0.0, 1.2) * np.clip((x - 5.0) / 20.0, 0.0, 1.0)
        return out * scale

    return warp


def build_hip(p: PelvisParameters, side: str) -> Solid:
    """The hip bone of one side, as a right one, in the pelvis frame."""
    femur = p.femur_left if side == "left" else p.femur_right
    bone = SolidBuilder(pelvis_warp(p, side), p.size)
    centre = (TEMPLATE_HIP_MM, 0.0, 0.0)
    socket = (femur.head_radius_mm + JOINT_SPACE_MM) / p.size

    add_wing(bone, p.size, p.wing)
    # Acetabulum: walls 5 to 6 mm, roof and posterior column thicker.
    bone.cup(centre, socket + 5.5, tuple(SOCKET_AXIS), 3.0, blend=8.0)
    bone.capsule((74, 2, 26), (70, -8, 32), 16, blend=10)
    bone.capsule((90, 34, 40), (89, 37, 36), 6.5, blend=6)
    # Anterior superior iliac spine and the tubercle of the crest.
    bone.capsule((117, 51.5, 72), (120, 48, 80), 5.5, 6.0, blend=4)
    bone.capsule((127, 30, 121), (122, 26, 128), 6.5, blend=6)
    # Posterior column, ischial spine, ischium and tuberosity.
    bone.chain(
        [(65, -15, 32), (58, -26, 13), (55, -31, -4)], [10, 11.5, 13.5], flat=0.85, normal=(0.8, -0.6, 0), blend=8
    )
    bone.capsule((52, -38, 9), (44, -53, 5), 8.5, 3.2, flat=0.75, normal=(0.87, -0.3, 0), blend=7)
    ischium = (0.77, 0.64, 0.0)
    bone.chain([(57, -29, -8), (54, -34, -24), (51, -37, -40)], [15.5, 16, 16.5], flat=0.62, normal=ischium, blend=6)
    bone.capsule((52, -40, -38), (46, -37, -53), 15.5, 12, flat=0.7, normal=ischium, blend=6)
    r = p.rami
    # Pubis: superior ramus with the iliopubic eminence, body at the symphysis, inferior ramus.
    bone.chain([(61, 19, 11), (45, 23.5, 3), (27, 26.5, -8), (14, 28, -17)], [12, 8.5 * r, 7.5 * r, 8.5 * r], blend=7)
    bone.chain([(4, 27.5, -19.5), (4, 11, -36)], [9.0 * r, 8.6 * r], flat=0.82, normal=(0, 0.66, -0.75), blend=4)
    bone.chain([(17, 26, -18), (13, 8, -36)], [9.5 * r, 8 * r], flat=0.72, normal=(0.3, 0.62, -0.72), blend=7)
    bone.chain(
        [(10, 8.5, -37.5), (17, -1, -43.5), (27, -15, -51.5), (37, -29, -56.5), (46, -38, -54)],
        [6.5 * r, 6.3 * r, 6.8 * r, 8 * r, 9],
        flat=0.78,
        normal=(0.65, 0.62, -0.44),
        blend=8,
    )
    # Webs that round the corners of the foramen.
    bone.capsule((34, -24, -51), (47, -33, -44), 7.5 * r, 8 * r, flat=0.7, normal=(0.7, 0.62, -0.35), blend=9)
    bone.capsule((20, 20, -16), (15, 2, -38), 6.5 * r, 6 * r, flat=0.7, normal=(0.45, 0.6, -0.66), blend=9)
    bone.capsule((52, -12, -10), (50, -28, -22), 8 * r, 8 * r, flat=0.7, normal=(0.8, 0.5, 0), blend=9)
    # Pelvic brim: the arcuate line from the auricular surface to the pecten and the pubic tubercle.
    brim = [(54, -42, 73), (59, -26, 55), (60, -9, 37), (55, 6, 22), (47, 17, 11), (36, 25, 2), (26, 28, -3)]
    bone.chain(brim, [5, 6, 6.5, 6.5, 6, 5, 4.5], blend=8)
    bone.accent([*brim, (15, 30, -11)], 8.5, cortex=2.6)
    # Quadrilateral plate (ilioischial line), sourcil, anterior wall, crest and tuberosity.
    bone.accent([(55, -22, 36), (46, -10, 10), (46, -22, -8), (46, -30, -28), (42, -36, -48)], 10.0, cortex=1.3)
    bone.accent([(66, -4, 28), (76, 0, 30), (90, 3, 24)], 9.0, cortex=1.8, spongy=0.35)
    bone.accent([(64, 26, 8), (82, 26, 12)], 7.0, cortex=0.6)
    crest = [(118, 53, 74), (128, 44, 106), (118, 28, 134), (90, 0, 148), (64, -34, 141), (44, -70, 110)]
    bone.accent(crest, 7.0, cortex=0.9)
    bone.accent([(70, -25, 42), (60, -48, 53), (52, -74, 60)], 7.0, cortex=0.9)
    bone.accent([(52, -44, -30), (45, -38, -54)], 9.0, cortex=0.7)
    # Socket and acetabular fossa with its notch below.
    subtract = kernel.SUBTRACT
    bone.capsule(centre, centre, socket, blend=1.5, operation=subtract)
    fossa = np.array(centre) - 0.14 * socket * SOCKET_AXIS + np.array((0.0, 1.0, -3.0))
    notch = fossa + np.array((4.0, 4.0, -17.0))
    bone.capsule(tuple(fossa), tuple(notch), socket * 0.93, socket * 0.5, blend=3, operation=subtract)
    bone.halfspace((0.5 * p.symphysis_gap_mm / p.size, 0, 0), (-1, 0, 0), blend=2.0)
    return bone.build()
