"""Heart, great vessels, trachea and bronchi, and the tissue that holds them between the lungs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthex.anatomy.chest_phantom.cage import sternum_point
from synthex.anatomy.chest_phantom.thorax import Thorax
from synthex.anatomy.implicit import Solid, SolidBuilder
from synthex.core.arrays import Point3

#: Shares of the heart's width right and left of the midline.
RIGHT_SHARE, LEFT_SHARE = 0.32, 0.68


@dataclass(frozen=True, eq=False)
class Mediastinum:
    """Organs between the lungs of one subject.

    Attributes:
        thorax: The rib cage around them.
    """

    thorax: Thorax

    @cached_property
    def width_mm(self) -> float:
        """Transverse diameter of the heart: the cardiothoracic ratio times the cage's width at the right dome."""
        thorax = self.thorax
        return float(2.0 * thorax.outer_at(-thorax.domes["right"][2]) * thorax.p.cardiothoracic_ratio)

    @cached_property
    def carina(self) -> Point3:
        """Where the trachea's centre line divides: on the level of the disc between T4 and T5."""
        t = self.thorax.level_at(4.6)
        _, y = self.thorax.spine_at(t)
        return np.array((2.0, float(y) + 36.0 * self.thorax.p.depth, -t))

    @cached_property
    def airways(self) -> list[tuple[Point3, Point3, float, float]]:
        """Start, end and radii in mm of the trachea and the bronchi down to the lobes."""
        c, p = self.carina, self.thorax.p
        r = 9.0 if p.female else 10.5
        top = np.array((0.0, -14.0 * p.depth, 80.0))
        inlet = np.array((0.0, -20.0 * p.depth, -12.0))
        right = c + np.array((24.0, -4.0, -26.0)) * p.width
        left = c + np.array((-42.0, -6.0, -32.0)) * p.width
        return [
            (top, inlet, 0.95 * r, r),
            (inlet, c, r, 1.05 * r),
            (c, right, 0.78 * r, 0.72 * r),
            (c, left, 0.7 * r, 0.62 * r),
            (right, right + np.array((22, 2, 6)), 0.5 * r, 0.38 * r),
            (right, right + np.array((11, 2, -30)), 0.6 * r, 0.48 * r),
            (left, left + np.array((-16, 10, 8)), 0.48 * r, 0.36 * r),
            (left, left + np.array((-8, -8, -26)), 0.5 * r, 0.42 * r),
        ]

    @cached_property
    def hila(self) -> dict[str, Point3]:
        """Where the vessels of each lung begin; the left hilum is the higher one."""
        c, w = self.carina, self.thorax.p.width
        return {"right": c + np.array((40.0 * w, 4.0, -26.0)), "left": c + np.array((-40.0 * w, 0.0, -16.0))}

    @cached_property
    def heart(self) -> Solid:
        """Ventricles, atria and the root of the pulmonary trunk."""
        bone = SolidBuilder()
        self._chambers(bone, 0.0)
        return bone.build()

    @cached_property
    def vessels(self) -> Solid:
        """Aorta, pulmonary trunk and arteries, caval veins, and the vessels of the neck."""
        bone = SolidBuilder()
        self._vessels(bone, 0.0)
        return bone.build()

    @cached_property
    def envelope(self) -> Solid:
        """All that the lungs give way to: heart and vessels in their fat, oesophagus and the anterior septum."""
        p, c = self.thorax.p, self.carina
        bone = SolidBuilder()
        self._chambers(bone, 2.5)
        self._vessels(bone, 2.0)
        extra = p.mediastinum_mm
        # Upper mediastinum around trachea and oesophagus, then down before the spine.
        top = np.array((0.0, -24.0 * p.depth, 30.0))
        bone.capsule(top, c + np.array((2, 2, 18)), 17.0 + 0.7 * extra, 19.0 + extra, blend=10)
        _, y = self.thorax.spine_at(self.thorax.level_at(10.0))
        low = np.array((-6.0, float(y) + 30.0, -self.thorax.level_at(11.0)))
        bone.capsule(c + np.array((0, -6, 0)), low, 17.0, 22.0, blend=12)
        # Where both pleurae meet behind the sternum.
        upper, lower = sternum_point(self.thorax, 30.0), sternum_point(self.thorax, 176.0)
        front = [
            upper + np.array((0, -14, 0)),
            sternum_point(self.thorax, 90.0) + np.array((-2, -12, 0)),
            lower + np.array((-8, -12, -20)),
        ]
        bone.chain(front, [15.0 + 0.5 * extra, 7.0 + extra, 13.0 + extra], blend=12)
        bone.capsule(c + np.array((4, 22, 4)), c + np.array((0, 48, -4)), 12.0 + extra, 8.0 + extra, blend=10)
        # Fat fills the angles between heart and diaphragm.
        floor, width = self.thorax.domes, self.width_mm
        y = 0.5 * (c[1] + lower[1])
        right = np.array((RIGHT_SHARE * width - 22.0, y, floor["right"][2] - 8.0))
        left = np.array((26.0 - LEFT_SHARE * width, y + 8.0, floor["left"][2] - 6.0))
        bone.capsule(right, left, 17.0, 12.0, blend=10)
        # Tissue around the hila.
        for side, sign in (("right", 1.0), ("left", -1.0)):
            bone.capsule(
                c + np.array((sign * 10, 4, -18)), self.hila[side] + np.array((-sign * 6, 0, -4)), 12.0, 8.0, blend=8
            )
        return bone.build()

    def _chambers(self, bone: SolidBuilder, more: float) -> None:
        thorax, p, c = self.thorax, self.thorax.p, self.carina
        width = self.width_mm
        scale = width / 128.0
        floor = 0.5 * (thorax.domes["left"][2] + thorax.domes["right"][2])
        chest_front = sternum_point(thorax, 130.0)[1] - 14.0
        spine_y = float(thorax.spine_at(thorax.level_at(8.0))[1])
        back = spine_y + 34.0 * p.depth
        fall = np.deg2rad(p.heart_axis_deg)
        axis = np.array((-np.cos(fall), 0.45, -np.sin(fall)))
        axis = axis / np.linalg.norm(axis)
        second = np.cross(axis, (0.0, 1.0, 0.0))
        second = second / np.linalg.norm(second)
        axes = np.stack((axis, second, np.cross(axis, second)), axis=1)
        radii = (64.0 * scale + more, 41.0 * scale + more, 38.0 * scale + more)
        # The left border is where the ellipsoid reaches furthest along -x.
        reach = np.sqrt(np.sum((axes[0] * (np.array(radii) - more)) ** 2))
        y = 0.42 * back + 0.58 * chest_front
        low = np.sqrt(np.sum((axes[2] * (np.array(radii) - more)) ** 2))
        ventricles = np.array((-LEFT_SHARE * width + reach, y, floor + low - 30.0 * p.height))
        bone.ellipsoid(ventricles, axes, radii, blend=12)
        # Right atrium: the right border bulges at the height of the ventricles' upper half.
        atrium = np.array((RIGHT_SHARE * width - 27.0 * scale, y - 2.0, ventricles[2] + 12.0 * scale))
        bone.ellipsoid(atrium, np.eye(3), (27.0 * scale + more, 32.0 * scale + more, 46.0 * scale + more), blend=16)
        # It tapers into the superior vena cava.
        bone.capsule(
            atrium + np.array((-4, 0, 10)),
            c + np.array((19.0 * p.width, 20, -28)),
            20.0 * scale + more,
            11.0 + more,
            blend=16,
        )
        left = np.array((-9.0 * scale, back + 16.0 * scale, ventricles[2] + 20.0 * scale))
        bone.ellipsoid(left, np.eye(3), (36.0 * scale + more, 20.0 * scale + more, 25.0 * scale + more), blend=12)
        # Outflow tract up to the pulmonary trunk, and the left auricle on its flank.
        trunk = c + np.array((-24.0 * p.width, 38.0, -30.0))
        bone.capsule(ventricles + np.array((2, 14, 12)), trunk, 27.0 * scale + more, 16.0 * scale + more, blend=16)
        bone.capsule(
            left + np.array((-26, 8, 6)),
            trunk + np.array((-12, -6, -18)),
            15.0 * scale + more,
            11.0 * scale + more,
            blend=14,
        )

    def _vessels(self, bone: SolidBuilder, more: float) -> None:
        thorax, p, c = self.thorax, self.thorax.p, self.carina
        w, r = p.width, 13.0 * p.aorta
        _, spine_y = thorax.spine(np.array((thorax.level_at(6.0), thorax.level_at(9.0), thorax.level_at(12.0))))
        ascending = c + np.array((6.0, 38.0, -44.0))
        top = c + np.array((4.0, 20.0, 20.0))
        knob = c + np.array((-26.0 * w - 8.0 * (p.aorta - 1.0), -10.0, 17.0))
        descending = [
            knob + np.array((-1, -12, -22)),
            np.array((-23.0 * w, spine_y[0] + 12.0, -thorax.level_at(6.0))),
            np.array((-19.0 * w, spine_y[1] + 17.0, -thorax.level_at(9.0))),
            np.array((-7.0, spine_y[2] + 28.0, -thorax.level_at(12.0))),
            np.array((-4.0, spine_y[2] + 40.0, -thorax.level_at(12.0) - 70.0)),
        ]
        line = [ascending, c + np.array((12, 36, -8)), top, knob, *descending]
        calibre = [1.15 * r, 1.15 * r, 1.15 * r, r, r, 0.92 * r, 0.9 * r, 0.85 * r, 0.7 * r]
        bone.chain(line, [radius + more for radius in calibre], blend=5)
        trunk = c + np.array((-24.0 * w, 34.0, -28.0))
        split = c + np.array((-25.0 * w, 14.0, -16.0))
        bone.chain([trunk, split], [14.0 + more, 13.0 + more], blend=6)
        hila = self.hila
        bone.chain(
            [split, c + np.array((6, 12, -26)), hila["right"]],
            [11.0 + more, 10.0 + more, 8.5 * p.hilum + more],
            blend=6,
        )
        bone.chain([split, hila["left"]], [11.0 + more, 9.0 * p.hilum + more], blend=6)
        # Superior vena cava with both brachiocephalic veins, inferior vena cava.
        cava = c + np.array((24.0 * w, 22.0, 10.0))
        neck = np.array((20.0 * w, -4.0, -6.0))
        bone.chain([neck, cava, c + np.array((24 * w, 16, -50))], [7.0 + more, 9.5 + more, 10.5 + more], blend=6)
        bone.capsule(np.array((-26.0 * w, 6.0, -10.0)), cava + np.array((0, 2, 14)), 6.0 + more, 6.5 + more, blend=5)
        floor = thorax.domes["right"][2]
        bone.capsule(
            np.array((18.0 * w, c[1] + 4.0, floor + 20)), np.array((16.0 * w, c[1] - 4.0, floor - 60)), 12.0 + more
        )
        # Arteries of head and arms.
        bone.chain([top + np.array((4, 2, 4)), np.array((13.0 * w, -8.0, -8.0)), np.array((20.0, -22.0, 60.0))],
                   [7.0 + more, 6.0 + more, 4.0 + more], blend=4)  # fmt: skip
        bone.chain([0.5 * (top + knob), np.array((-16.0 * w, -16.0, -8.0)), np.array((-20.0, -22.0, 60.0))],
                   [5.5 + more, 5.0 + more, 4.0 + more], blend=4)  # fmt: skip
        bone.chain([knob, np.array((-20.0 * w, -26.0, -6.0)), np.array((-70.0 * w, -22.0, 4.0))],
                   [6.0 + more, 5.0 + more, 4.0 + more], blend=4)  # fmt: skip
