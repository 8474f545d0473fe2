"""Clavicles, scapulae and the upper ends of the humeri, built on the right and mirrored.

Sizes: clavicle 140 to 160 mm long and 11 to 13 mm thick, scapula 130 to 160 mm high and 95 to 105 mm wide,
humeral head 22 to 25 mm in radius (textbook sizes, as in Standring, Gray's Anatomy, 41st ed.).
"""

from dataclasses import dataclass

import numpy as np

from synthex.anatomy.chest_phantom.cage import NOTCH_T, sternum_point
from synthex.anatomy.chest_phantom.thorax import Thorax, resample
from synthex.anatomy.implicit import Solid, SolidBuilder
from synthex.core.arrays import Point3


@dataclass(frozen=True, eq=False)
class Girdle:
    """Joints of the right shoulder girdle, world mm.

    Attributes:
        sternal: Medial end of the clavicle.
        acromial: Its lateral end.
        head: Centre of the humeral head.
        glenoid: Middle of the socket.
        head_radius_mm: Of the humerus.
    """

    sternal: Point3
    acromial: Point3
    head: Point3
    glenoid: Point3
    head_radius_mm: float


def girdle(thorax: Thorax) -> Girdle:
    """Where the shoulder stands."""
    p = thorax.p
    x = p.shoulder_mm
    back = thorax.spine_at(thorax.level_at(3.0))[1]
    joint_y = 0.55 * float(back) - 6.0 + 16.0 * p.protraction
    joint_z = -50.0 * p.height + 1.1 * p.shrug_mm
    radius = (22.0 if p.female else 24.5) * (0.9 + 0.1 * p.width)
    sternal = sternum_point(thorax, NOTCH_T + 5.0) + np.array((16.0 * p.width, -1.0, 4.0))
    head = np.array((x + 8.0, joint_y, joint_z))
    return Girdle(
        sternal=sternal,
        acromial=np.array((x - 8.0, joint_y - 2.0, joint_z + 41.0)),
        head=head,
        glenoid=head + np.array((-radius - 3.0, -3.0, 0.0)),
        head_radius_mm=radius,
    )


def build_clavicle(thorax: Thorax, side: str) -> Solid:
    """The clavicle: an S seen from above, thick at its sternal end and flat at the acromial one."""
    g, s = girdle(thorax), _flip(side)
    span = g.acromial - g.sternal
    offsets = ((0, 0, 0), (0.12, 4, 2), (0.32, 12, 4), (0.52, 5, 5), (0.72, -10, 5), (0.88, -9, 3), (1, 0, 0))
    path = resample(np.array([g.sternal + span * u + np.array((0, dy, dz)) for u, dy, dz in offsets]), 15)
    u = np.linspace(0, 1, len(path))
    radii = np.interp(u, (0, 0.08, 0.3, 0.6, 0.85, 1), (9.0, 7.6, 5.8, 5.4, 6.4, 7.6)) * thorax.p.rib_size
    bone = SolidBuilder()
    for n in range(len(path) - 1):
        flat = float(np.interp(u[n], (0, 0.5, 0.9), (1.0, 0.95, 0.62)))
        bone.capsule(path[n] * s, path[n + 1] * s, radii[n], radii[n + 1], flat=flat, blend=3)
    return bone.build()


def build_scapula(thorax: Thorax, side: str) -> Solid:
    """Blade with its thick borders, spine, acromion, coracoid and glenoid."""
    p, g, s = thorax.p, girdle(thorax), _flip(side)
    h = 0.55 + 0.45 * p.height
    turn = p.protraction
    # Protraction slides the blade around the cage: outward and forward.
    out = g.glenoid[0] - 62.0 * p.width + 20.0 * turn
    back = float(
        thorax.section(np.array((60.0 * p.height,)))[0, 2] - thorax.section(np.array((60.0 * p.height,)))[0, 3]
    )
    rear = back - 1.0 + 22.0 * turn
    top = g.glenoid[2]
    upper = np.array((out - 2.0, rear + 20.0, top + 24.0 * h))
    root = np.array((out - 8.0, rear, top - 8.0 * h))
    middle = np.array((out + 1.0, rear - 6.0, top - 52.0 * h))
    lower = np.array((out + 16.0 + 8.0 * turn, rear - 6.0, top - 98.0 * h))
    neck = g.glenoid + np.array((-11.0, -3.0, -2.0))
    bone = SolidBuilder()

    def at(point: np.ndarray) -> np.ndarray:
        return point * s

    centre = 0.5 * root + 0.5 * neck + np.array((0.0, -3.0, 0.0))
    edge = 0.48 * lower + 0.52 * neck + np.array((3.0, -3.0, 0.0))
    for a, b, c in (
        (upper, root, centre), (upper, centre, neck), (root, middle, centre), (middle, edge, centre),
        (centre, edge, neck), (middle, lower, edge),
    ):  # fmt: skip
        bone.triangle(at(a), at(b), at(c), 1.7, blend=3)
    bone.chain([at(neck), at(edge), at(lower)], [7.0, 6.2, 5.5], blend=3)
    bone.chain([at(upper), at(root), at(middle), at(lower)], [2.6, 3.0, 2.8, 4.5], blend=3)
    bone.chain([at(upper), at(0.4 * upper + 0.6 * neck + np.array((0, 0, 2))), at(neck)], [2.4, 2.2, 6.0], blend=3)
    # Glenoid, spine and acromion, coracoid.
    bone.capsule(
        at(g.glenoid + np.array((-5, 0, 11))),
        at(g.glenoid + np.array((-5, 0, -11))),
        7.0,
        8.0,
        flat=0.75,
        normal=s * (1, 0.3, 0),
    )
    bone.capsule(at(g.glenoid + np.array((-6, 0, 0))), at(neck), 9.5, 8.0)
    crest = [root, 0.6 * root + 0.4 * neck + np.array((0, -15, 6)), 0.25 * root + 0.75 * neck + np.array((0, -25, 14))]
    tip = g.acromial + np.array((9.0, 3.0, -2.0))
    bone.chain([at(point) for point in crest], [3.5, 4.2, 5.0], blend=3)
    bone.triangle(at(crest[0]), at(crest[2]), at(0.3 * root + 0.7 * neck), 1.6)
    bone.chain(
        [at(crest[2]), at(g.acromial + np.array((6, -18, -4))), at(tip)], [5.5, 8.5, 7.5], flat=0.6, normal=(0.2, 0, 1)
    )
    bone.chain(
        [at(neck + np.array((2, 4, 9))), at(neck + np.array((0, 22, 20))), at(neck + np.array((12, 34, 12)))],
        [7.0, 6.0, 4.8],
        blend=3,
    )
    return bone.build()


def build_humerus(thorax: Thorax, side: str) -> Solid:
    """Head, tubercles and the upper shaft."""
    g, s = girdle(thorax), _flip(side)
    r = g.head_radius_mm
    elbow = arm_end(thorax)
    bone = SolidBuilder()
    bone.capsule(g.head * s, g.head * s, r)
    bone.capsule((g.head + np.array((13, 4, 2))) * s, (g.head + np.array((15, 6, -12))) * s, 0.6 * r, 0.65 * r, blend=6)
    neck = g.head + np.array((8.0, 3.0, -34.0))
    bone.chain([(g.head + np.array((5, 1, -10))) * s, neck * s, elbow * s], [0.85 * r, 13.5, 11.5], blend=6)
    return bone.build()


def arm_end(thorax: Thorax) -> Point3:
    """A point down the right humerus, towards the elbow."""
    p = thorax.p
    return girdle(thorax).head + np.array((34.0 + 22.0 * p.protraction, 6.0 + 20.0 * p.protraction, -265.0 * p.height))


def _flip(side: str) -> np.ndarray:
    return np.array((-1.0 if side == "left" else 1.0, 1.0, 1.0))
