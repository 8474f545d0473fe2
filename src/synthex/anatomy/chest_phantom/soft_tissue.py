"""Outlines of trunk, neck, arms and breasts, and the soft tissue of one subject on the grid.

HU at about 120 kVp: fat -110 to -80, muscle 40 to 65, liver 50 to 65, blood about 40 (Bushberg et al., The
Essential Physics of Medical Imaging, 3rd ed., ch. 10; ICRU Report 44).
"""

from dataclasses import dataclass

import numpy as np

from synthex.anatomy.chest_phantom import tissue_kernel
from synthex.anatomy.chest_phantom.cage import ANGLE_T, NOTCH_T, sternum_point
from synthex.anatomy.chest_phantom.mediastinum import Mediastinum
from synthex.anatomy.chest_phantom.shoulder import arm_end, girdle
from synthex.anatomy.chest_phantom.thorax import EXPONENT, LEVELS, Thorax
from synthex.anatomy.implicit import NOISE_STEP_MM, Solid, SolidBuilder, Texture, sample_block
from synthex.anatomy.implicit.kernel import CLIP_MM
from synthex.core.arrays import LabelArray


@dataclass(frozen=True, eq=False)
class Grid:
    """A world-aligned grid.

    Attributes:
        origin: World position of voxel (0, 0, 0), mm.
        spacing_mm: Voxel size.
        shape: Voxels along i, j, k.
    """

    origin: np.ndarray
    spacing_mm: float
    shape: tuple[int, int, int]

    def sample(self, *solids: Solid) -> np.ndarray:
        """Implicit function of all solids together, clipped as :meth:`Solid.grid`, float32."""
        values = np.full(self.shape, CLIP_MM, dtype=np.float32)
        for solid in solids:
            block = sample_block(solid, self.origin, self.spacing_mm, self.shape)
            place = tuple(slice(a, a + n) for a, n in zip(block.start, block.values.shape, strict=True))
            np.minimum(values[place], block.values, out=values[place])
        return values


def column(thorax: Thorax) -> Solid:
    """The spine with the tissue on it, which the lungs lie against."""
    bone = SolidBuilder()
    t = thorax.level_t
    x, y = thorax.spine(t)
    points = np.stack((x, y, -t), axis=1)
    w = thorax.p.width
    radii = [float(np.interp(n, (2, 7, 15, 17), (18, 16, 22, 26))) * (0.4 + 0.6 * w) for n in range(len(LEVELS))]
    bone.chain(list(points), radii, blend=6)
    bone.chain(list(points + np.array((0, -24, -3))), [20.0 * w] * len(LEVELS), blend=10)
    return bone.build()


def trunk_rows(thorax: Thorax, z: np.ndarray) -> np.ndarray:
    """Half width, front, back and ending of the trunk at heights ``z``, mm."""
    p = thorax.p
    t = -z
    depth = t / p.height
    section = thorax.section(np.maximum(t, 0.0))
    front, back = section[:, 2] + section[:, 3], thorax.spine(t)[1]
    wall = np.interp(depth, (0, 20, 40, 80, 120, 160, 200, 260, 360), (12, 27, 34, 34, 29, 22, 16, 13, 13)) * p.muscle
    width = thorax.outer(np.maximum(t, 20.0)) + 8.0 + wall + 0.95 * p.fat_mm
    belly = p.belly_mm * np.interp(depth, (150, 200, 260, 320, 360), (0, 0.25, 0.8, 1.0, 1.0))
    width += 0.45 * belly
    # The skin lies on the sternum down to its angle, and above its notch falls back to the neck.
    levels = np.linspace(NOTCH_T, ANGLE_T, 6)
    bone = [sternum_point(thorax, float(level))[1] for level in levels]
    over = np.interp(depth, (NOTCH_T - 45.0, *levels), (bone[0] - 40.0, *bone)) - 9.0
    front = np.where(depth < ANGLE_T, np.maximum(front, over), front)
    front = front + 17.0 * (0.6 + 0.4 * p.muscle) + 0.6 * p.fat_mm + belly
    back = back - 64.0 * (0.6 + 0.2 * (p.height + p.width)) - 0.5 * p.fat_mm
    # Trapezius, its neighbours and the base of the neck: apices are the whitest part of the lungs but the bases.
    girdle_mm = p.apical_mm * np.interp(depth, (10.0, 55.0), (1.0, 0.0))
    front, back = front + 0.4 * girdle_mm, back - 0.6 * girdle_mm
    return np.stack((width, front, back, (z - 12.0 - 0.2 * p.apical_mm) * 0.85), axis=1)


def limb_rows(thorax: Thorax) -> np.ndarray:
    """Neck, trapezius, clavicles, shoulders and arms, rows as ``tissue_kernel.LIMB_ROW``."""
    p, g = thorax.p, girdle(thorax)
    fat = p.fat_mm
    girth = 53.0 * (0.5 + 0.5 * p.muscle) * (0.6 + 0.4 * p.width) + 0.3 * fat
    rows = [(0.0, -22.0, 130.0, 0.0, -40.0, -20.0, girth, 1.05 * girth, 30.0)]
    upper = 31.0 * p.muscle + 0.4 * fat
    elbow = arm_end(thorax)
    for s in (1.0, -1.0):
        flip = np.array((s, 1.0, 1.0))
        rise = g.acromial + np.array((-16.0, -8.0, -13.0))
        rows.append((*(np.array((24.0, -48.0, 38.0)) * flip), *(rise * flip), 30.0, 28.0 + 0.3 * fat, 34.0))
        rows.append((*(rise * flip), *((g.head + np.array((2, 0, -22))) * flip), 30.0 + 0.3 * fat, upper + 14.0, 22.0))
        rows.append((*((g.head + np.array((6, 0, -25))) * flip), *(elbow * flip), upper + 14.0, upper + 8.0, 16.0))
        # Skin and muscle over the clavicle.
        near, far = g.sternal + np.array((14.0, -5.0, -6.0)), g.acromial + np.array((6.0, 2.0, -7.0))
        rows.append((*(near * flip), *(far * flip), 15.0 + 0.3 * fat, 20.0 + 0.3 * fat, 22.0))
        # Shoulder blade and pectoral muscles fill the armpit's folds.
        fold = np.array((0.72 * g.head[0], g.head[1] - 8.0, g.head[2] - 34.0))
        rows.append((*(fold * flip), *((g.head + np.array((0, 0, -8))) * flip), 40.0 * p.muscle, 40.0 * p.muscle, 20.0))
    return np.array(rows, dtype=np.float64)


def breast_rows(thorax: Thorax) -> np.ndarray:
    """Breasts, rows as ``tissue_kernel.BREAST_ROW``; none for a radius below 5 mm."""
    p = thorax.p
    if p.breast_mm < 5.0:
        return np.zeros((0, tissue_kernel.BREAST_ROW))
    t = 118.0 * p.height + p.breast_sag_mm
    rows = trunk_rows(thorax, np.array((-t,)))
    x = 0.38 * rows[0, 0]
    r = p.breast_mm
    flat = 0.42 if p.supine else 0.58
    y = 0.86 * rows[0, 1]
    return np.array([(s * x, y, -t, 1.08 * r, flat * r, r + 0.35 * p.breast_sag_mm) for s in (1.0, -1.0)])


def fill(
    organs: Mediastinum, grid: Grid, labels: LabelArray, ids: tuple[int, int, int], texture: Texture
) -> np.ndarray:
    """Soft tissue in HU on the grid, float32; writes the labels ``ids`` of right lung, left lung and heart."""
    thorax = organs.thorax
    p = thorax.p
    z = grid.origin[2] + grid.spacing_mm * np.arange(grid.shape[2])
    section = thorax.section(-z)
    domes = np.stack((thorax.domes["right"], thorax.domes["left"] * (-1.0, 1.0, 1.0)))
    walls = np.empty((grid.shape[2], 2))
    for n in range(2):
        across = np.clip(np.abs((domes[n, 1] - section[:, 2]) / np.maximum(section[:, 3], 1.0)), 0, 1)
        walls[:, n] = section[:, 0] + section[:, 1] * (1 - across**EXPONENT) ** (1 / EXPONENT)
    heart = grid.sample(organs.heart)
    core = np.minimum(heart, grid.sample(organs.vessels))
    tissue = np.array((p.fat_mm, p.muscle, p.parenchyma_hu, p.gravity_hu, float(p.supine), thorax.apex[2]))
    return tissue_kernel.fill_chest(
        labels, heart, core, grid.sample(organs.envelope), grid.sample(column(thorax)), grid.origin,
        float(grid.spacing_mm), trunk_rows(thorax, z), limb_rows(thorax), breast_rows(thorax), section, domes,
        np.stack((thorax.falls["right"], thorax.falls["left"])), walls, tissue, np.array(ids), texture.table,
        texture.origin, NOISE_STEP_MM,
    )  # fmt: skip
