"""Ribs, costal cartilage and sternum."""

import numpy as np

from synthex.anatomy.chest_phantom.thorax import Thorax, resample
from synthex.anatomy.implicit import Solid, SolidBuilder
from synthex.core.arrays import Points3

#: Depth of the sternum's parts in the template, mm below T1, 5 to 10 mm lower than on the
#: CT, whose arms are raised: notch, angle, end of body, xiphoid.
NOTCH_T, ANGLE_T, BODY_END_T, XIPHOID_T = 25.0, 70.0, 158.0, 182.0
#: Where the cartilages of ribs 1 to 7 meet the sternum, mm below T1.
_NOTCHES_T = (32.0, 70.0, 90.0, 108.0, 125.0, 140.0, 152.0)
_MIRROR = np.array((-1.0, 1.0, 1.0))


def sternum_point(thorax: Thorax, t: float) -> np.ndarray:
    """Middle of the sternum at template depth ``t``, world mm."""
    height = thorax.p.height
    # Above the angle the manubrium leans back towards the neck.
    lean = max(0.0, ANGLE_T - t) * 0.36 + max(0.0, ANGLE_T - 26.0 - t) * 0.2
    _, _, centre, half = thorax.section(np.array((max(t, ANGLE_T) * height,)))[0]
    return np.array((0.0, centre + half + 9.0 - lean, -t * height))


def build_sternum(thorax: Thorax) -> Solid:
    """Manubrium, body and xiphoid process."""
    bone = SolidBuilder()
    size = thorax.p.height

    def bar(t: float, half_width: float, thickness: float, t_end: float, end_width: float) -> None:
        # Two side by side lines of flattened capsules make a plate with rounded edges.
        a, b = sternum_point(thorax, t), sternum_point(thorax, t_end)
        ra, rb = thickness, thickness
        for share in (-1.0, -0.33, 0.33, 1.0):
            xa, xb = share * (half_width - ra), share * (end_width - rb)
            bone.capsule(a + np.array((xa, 0, 0)), b + np.array((xb, 0, 0)), ra, rb, blend=4)

    bar(NOTCH_T + 7, 27 * size, 5.8, ANGLE_T - 22, 22 * size)
    bar(ANGLE_T - 22, 22 * size, 5.8, ANGLE_T - 3, 15 * size)
    bar(ANGLE_T + 3, 13 * size, 5.0, 0.5 * (ANGLE_T + BODY_END_T), 15 * size)
    bar(0.5 * (ANGLE_T + BODY_END_T), 15 * size, 5.0, BODY_END_T - 16, 18 * size)
    bar(BODY_END_T - 16, 18 * size, 5.0, BODY_END_T, 10 * size)
    bone.capsule(sternum_point(thorax, BODY_END_T), sternum_point(thorax, XIPHOID_T), 5.0, 3.0, blend=3)
    return bone.build()


def build_rib(thorax: Thorax, number: int, side: str) -> Solid:
    """One rib: 12 to 14 mm high and half as thick, rounder at its neck and thinner in front."""
    line = thorax.rib(number)
    size = thorax.p.rib_size * (0.82 if number >= 11 else 0.93 if number == 10 else 1.0)
    bone = SolidBuilder()
    last = len(line) - 1
    middles = 0.5 * (line[1:] + line[:-1])
    for n in range(last):
        a, b = line[n], line[n + 1]
        radius = 6.4 * size * np.interp(n / last, (0, 0.08, 0.22, 0.8, 1), (0.8, 0.78, 0.94, 1.0, 1.12))
        end = 6.4 * size * np.interp((n + 1) / last, (0, 0.08, 0.22, 0.8, 1), (0.8, 0.78, 0.94, 1.0, 1.12))
        flat = float(np.interp(n / last, (0, 0.12, 0.25, 0.5, 0.8), (0.8, 0.7, 0.56, 0.47, 0.34)))
        if number >= 11 and n > last - 5:
            radius, end = (value * (last - n + 2) / 7 for value in (radius, end))
        # Ribs are flat against the cage's wall; the first lies flat as seen from above.
        along = b - a
        outward = np.array((middles[n, 0], middles[n, 1] + 13.0, 0.0))
        if number == 1:
            outward = np.array((0.35 * middles[n, 0], 0.35 * middles[n, 1], 60.0))
        normal = outward - along * (outward @ along) / (along @ along)
        flip = _MIRROR if side == "left" else np.ones(3)
        bone.capsule(a * flip, b * flip, radius, end, flat=flat, normal=normal * flip, blend=2)
    return bone.build()


def cartilages(thorax: Thorax) -> list[Points3]:
    """Centre lines of the right costal cartilages 1 to 10, from the rib's end to where they join."""
    p = thorax.p
    lines: list[Points3] = []
    for number in range(1, 11):
        rib = thorax.rib(number)
        end, tangent = rib[-1], rib[-1] - rib[-2]
        tangent = tangent / np.linalg.norm(tangent)
        if number <= 7:
            target = sternum_point(thorax, _NOTCHES_T[number - 1])
            target = target + np.array(
                (float(np.interp(_NOTCHES_T[number - 1], (30, 70, 155), (24, 15, 14))) * p.height, -2, 0)
            )
        else:
            # Ribs 8 to 10 join the cartilage above.
            above = lines[-1]
            target = above[int(len(above) * (0.35 if number == 8 else 0.3))]
        reach = np.linalg.norm(target - end)
        bend = end + tangent * min(0.35 * reach, 30.0)
        bend[1] = max(bend[1], min(end[1], target[1]))
        lines.append(resample(np.stack((end, bend, 0.35 * bend + 0.65 * target, target)), 14))
    return lines
