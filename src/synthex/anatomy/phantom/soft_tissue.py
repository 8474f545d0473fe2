"""Body outline, fat, muscle, bowel and bladder of one subject.

HU at about 120 kVp: fat -110 to -80, muscle 40 to 65, bladder 0 to 10, bowel wall 35, gas below -900
(Bushberg et al., The Essential Physics of Medical Imaging, 3rd ed., ch. 10; ICRU Report 44).
"""

from itertools import pairwise

import numpy as np

from synthex.anatomy.implicit.texture import NOISE_STEP_MM, Texture
from synthex.anatomy.phantom import tissue_kernel
from synthex.anatomy.phantom.parameters import PelvisParameters


def fill(
    p: PelvisParameters,
    origin: np.ndarray,
    spacing_mm: float,
    shape: tuple[int, int, int],
    texture: Texture,
    rng: np.random.Generator,
) -> np.ndarray:
    """Soft tissue in HU on the grid, float32."""
    z = (origin[2] + spacing_mm * np.arange(shape[2])) / p.size
    half = p.hip_half_distance_mm
    fat, bulk = p.fat_mm, p.muscle * p.size
    # Half width and back from the trochanters and buttocks up to the waist.
    width = np.interp(z, (-140, -60, -20, 40, 90, 150, 220), (56, 62, 62, 55, 47, 38, 36)) * bulk + half + fat
    front = np.interp(z, (-100, -40, 0, 60, 120, 160, 230), (45, 58, 64, 72, 80, 84, 84)) * p.size
    swell = np.interp(z, (-60, 0, 60, 130, 230), (0, 0.1, 0.55, 0.95, 1.0)) * (p.belly_mm - 75.0)
    front = front + swell + 0.35 * fat
    back = (
        -np.interp(z, (-130, -70, -20, 30, 80, 130, 180, 230), (82, 98, 108, 112, 104, 92, 86, 86)) * bulk - 0.55 * fat
    )
    ending = -(z + 88.0) * p.size * 0.9
    trunk = np.stack((width, front, back, ending), axis=1)
    thighs = np.empty((shape[2], 2, 4))
    for n, (side, femur) in enumerate(((-1.0, p.femur_left), (1.0, p.femur_right))):
        down = np.clip(-z, 0.0, None) * p.size
        thighs[:, n, 0] = side * (half + 6.0 + down * np.sin(np.deg2rad(femur.abduction_deg)) * 0.9)
        thighs[:, n, 1] = -16.0 + down * np.sin(np.deg2rad(femur.flexion_deg)) * 0.8
        narrow = np.interp(z, (-150, -60, 0, 30, 60), (0.93, 1.0, 0.9, 0.6, 0.2))
        thighs[:, n, 2] = (0.82 * half + 0.55 * fat) * narrow * p.muscle
        thighs[:, n, 3] = (74.0 * bulk + 0.55 * fat) * narrow
    thighs[z > 45.0, :, 2] = 0.0  # nothing of a thigh so far up
    cavity = np.stack(
        (
            np.interp(z, (-28, -20, 10, 40, 80, 120, 180, 230), (0, 30, 52, 62, 84, 100, 108, 108)) * p.size,
            np.minimum(front - 0.8 * fat - 12.0, front - 16.0),
            np.interp(z, (-20, 0, 30, 60, 90, 110, 230), (-50, -66, -62, -40, -12, 6, 20)) * p.size,
        ),
        axis=1,
    )
    cavity[z < -27, 0] = 0.0
    r = p.bladder_radius_mm
    bladder = np.array((0.0, 26.0 - 0.25 * r, 4.0 + 0.55 * r, 1.15 * r, 0.85 * r, 0.8 * r)) * np.array(
        (1, p.size, p.size, 1, 1, 1)
    )
    return tissue_kernel.fill_soft_tissue(
        shape,
        np.asarray(origin, dtype=np.float64),
        float(spacing_mm),
        trunk,
        thighs,
        np.array((fat, 0.8 * fat, 1.1 * fat)),
        cavity,
        bladder,
        bowel_loops(p, rng),
        texture.table,
        texture.origin,
        NOISE_STEP_MM,
    )


def bowel_loops(p: PelvisParameters, rng: np.random.Generator) -> np.ndarray:
    """Random loops of small bowel, sigmoid and rectum, rows as in ``tissue_kernel.LOOP_ROW``."""
    rows = []
    s = p.size
    front = p.belly_mm * s

    def chain(points: np.ndarray, radius: float, kinds: tuple[float, ...]) -> None:
        for a, b in pairwise(points):
            kind = float(rng.choice(kinds))
            rows.append(
                (*a, *b, radius * rng.uniform(0.85, 1.15), kind, 0.5 * (a[1] + b[1]) - radius * rng.uniform(-0.3, 0.9))
            )

    def contents() -> tuple[float, ...]:
        return (1.0,) if rng.random() < p.bowel_gas else (0.0, 2.0, 2.0)

    # Ascending and descending colon, sigmoid, rectum, then small bowel in between.
    for side in (-1.0, 1.0):
        heights = np.linspace(60, 230, 8) * s
        column = np.stack((side * rng.normal(88, 5, 8) * s, rng.normal(12, 5, 8) * s, heights), axis=1)
        # A colon may be blown up over its whole length, and stool fills much of it.
        wide = rng.uniform(15.0, 19.0) + 16.0 * rng.beta(1.0, 2.5)
        for n in range(7):
            chain(column[n : n + 2], wide * rng.uniform(0.85, 1.15) * s, contents())
    start, stop = np.array((-80, 10, 62)) * s, np.array((0, -58, 45)) * s
    path = start + (stop - start) * np.linspace(0, 1, 6)[:, None] + rng.normal(0, 12, (6, 3)) * s
    for n in range(5):
        chain(path[n : n + 2], 14.0 * s, contents())
    rectum = np.array(((0, -58, 45), (2, -63, 20), (0, -55, -5), (0, -48, -25)), dtype=np.float64) * s
    for n in range(3):
        chain(rectum[n : n + 2], 13.0 * s, contents())
    for _ in range(16):
        a = np.array((rng.uniform(-60, 60), rng.uniform(10, front - 25), rng.uniform(55, 220))) * (s, 1, s)
        b = a + rng.normal(0, 1, 3) * (26, 10, 14)
        middle = 0.5 * (a + b) + rng.normal(0, 8, 3)
        # Small bowel; one loop in six is a distended one.
        radius = rng.uniform(10, 15) + (rng.uniform(4, 14) if rng.random() < 1 / 6 else 0.0)
        chain(np.stack((a, middle, b)), radius * s, contents())
    return np.array(rows, dtype=np.float64)
