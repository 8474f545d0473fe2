"""A tiny anatomy with the hip task's names: cheap enough to X-ray hundreds of times."""

import numpy as np

from synthex.core import Affine, Anatomy, Volume, derive_rng

STRUCTURES = {"hip_left": 1, "hip_right": 2, "vertebrae": 3, "sacrum": 4, "femur_left": 5, "femur_right": 6}
_POINTS = {
    "FH": (80, 0, 0),
    "GSN": (60, -40, 40),
    "IOF": (40, 20, -40),
    "MOF": (30, 30, -20),
    "SPS": (5, 40, 0),
    "IPS": (5, 30, -30),
    "ASIS": (110, 50, 80),
}


def make_anatomy(subject_id="ball-000", spacing=8.0):
    """Balls for bones in an ellipsoid of water; landmarks at fixed places plus a shift by subject."""
    rng = derive_rng("ball", subject_id)
    shift = rng.uniform(-5, 5, 3)
    shape = np.array((36, 24, 32))
    origin = -(shape - 1) / 2 * spacing
    grid = np.stack(np.meshgrid(*(origin[a] + spacing * np.arange(shape[a]) for a in range(3)), indexing="ij"), axis=-1)
    hu = np.where((grid / (130, 85, 120)) ** 2 @ np.ones(3) < 1, 0, -1000).astype(np.int16)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    centers = ((-70, 0, 40), (70, 0, 40), (0, -30, 100), (0, -40, 50), (-80, 0, -40), (80, 0, -40))
    for label, center in enumerate(centers, 1):
        inside = np.linalg.norm(grid - np.array(center) - shift, axis=-1) < 28
        labels[inside] = label
        hu[inside] = 900
    points = {}
    for name, (x, y, z) in _POINTS.items():
        points[f"{name}-l"], points[f"{name}-r"] = np.array((-x, y, z)) + shift, np.array((x, y, z)) + shift
    world_from_ijk = Affine.from_parts(np.eye(3) * spacing, origin)
    return Anatomy(subject_id, Volume(hu, world_from_ijk), Volume(labels, world_from_ijk), STRUCTURES, points)


class Balls:
    """A source of such anatomies."""

    def __init__(self, count=4, first=0, spacing_mm=8.0):
        self.count, self.first, self.spacing = count, first, spacing_mm

    def subject_ids(self):
        return tuple(f"ball-{self.first + index:03d}" for index in range(self.count))

    def load(self, subject_id):
        return make_anatomy(subject_id, self.spacing)

    def fingerprint(self, subject_id):
        return f"ball {subject_id} {self.spacing}"
