"""Vertebrae C4 to L3 along the subject's spine curve.

Half widths and depths of the bodies follow the endplates of Panjabi et al. (Spine 1991, thoracic; 1992, lumbar):
the thoracic bodies widen from about 25 mm at T3 to T5 to 40 mm at T12.
"""

import numpy as np

from synthex.anatomy.chest_phantom.thorax import LEVELS, Thorax
from synthex.anatomy.implicit import Solid, SolidBuilder

#: For each level: half width and half depth of the body, reach of the transverse processes from the midline, and how
#: far the spinous process's tip lies below the body's centre, mm.
_SHAPES = (
    (11.8, 7.8, 24.0, 5.0), (12.1, 7.9, 25.0, 5.0), (12.5, 8.0, 26.0, 6.0), (14.0, 8.5, 31.0, 8.0),
    (14.5, 9.0, 37.0, 11.0), (14.0, 9.8, 35.0, 16.0), (13.3, 10.7, 33.0, 21.0), (13.0, 11.6, 32.0, 25.0),
    (13.5, 12.5, 31.5, 28.0), (14.0, 13.3, 31.0, 30.0), (14.6, 14.0, 30.5, 30.0), (15.3, 14.5, 30.0, 27.0),
    (16.2, 15.0, 29.0, 22.0), (17.3, 15.5, 27.0, 16.0), (18.6, 16.0, 23.0, 12.0), (20.0, 16.3, 20.0, 9.0),
    (21.5, 16.8, 36.0, 7.0), (22.5, 17.2, 39.0, 7.0), (23.0, 17.4, 42.0, 7.0),
)  # fmt: skip


def build_vertebra(thorax: Thorax, level: int) -> Solid:
    """Body, pedicles, transverse, articular and spinous processes of level ``LEVELS[level]``.

    Raises:
        ValueError: The level is not one of ``LEVELS``.
    """
    if not 0 <= level < len(LEVELS):
        raise ValueError(f"vertebral level is 0 to {len(LEVELS) - 1}, got {level}")
    p = thorax.p
    t = thorax.level_t
    x, y = thorax.spine(t)
    points = np.stack((x, y, -t), axis=1)
    tangent = points[max(level - 1, 0)] - points[min(level + 1, len(points) - 1)]
    up = tangent / np.linalg.norm(tangent)
    pitch = np.linalg.norm(tangent) / (min(level + 1, len(points) - 1) - max(level - 1, 0))
    side = np.cross((0.0, 1.0, 0.0), up)
    side = side / np.linalg.norm(side)
    front = np.cross(up, side)
    frame, centre = np.stack((side, front, up), axis=1), points[level]
    size = 0.5 * (p.width + p.height) * 0.93

    def at(a: float, b: float, c: float) -> np.ndarray:
        return centre + frame @ np.array((a, b, c)) * size

    width, depth, reach, drop = _SHAPES[level]
    half = 0.405 * float(pitch) / size
    bone = SolidBuilder(None, size)
    bone.drum(centre, side, up, (width, depth), half, waist=0.14, rounding=1.8, hollow=2.0, blend=3)
    bone.endplates(centre, up, half, 1.05 * width, cortex=0.5)
    for s in (-1.0, 1.0):
        root, low = 0.62 * width, 0.3 * half
        pedicle = at(s * root, -0.6 * depth, low), at(s * (root + 1), -depth - 9, low)
        bone.capsule(*pedicle, 4.2, flat=0.7, normal=side, blend=3)
        bone.capsule(at(s * (root + 1), -depth - 8, low), at(s * reach, -depth - 17, 1.5 * low), 4.6, 4.2, blend=3)
        facets = at(s * (root + 1), -depth - 9, 0.95 * half), at(s * (root - 1), -depth - 14, -half)
        bone.capsule(*facets, 3.8, flat=0.8, normal=front, blend=3)
        lamina = at(s * root, -depth - 11, 0), at(0, -depth - 21, -0.35 * half)
        bone.capsule(*lamina, 4.2, flat=0.65, normal=front, blend=3)
    tip = -depth - 42 if level < len(LEVELS) - 4 else -depth - 50
    bone.capsule(at(0, -depth - 20, -0.3 * half), at(0, tip, -drop), 5.5, 4.6, flat=0.6, normal=side, blend=3)
    return bone.build()
