"""A tiny chest: two ellipsoids of noisy lung with a few vessels, in a body of water."""

import numpy as np

from synthex.core import Affine, Anatomy, Volume

STRUCTURES = {"lung_left": 3, "lung_right": 7, "heart": 1}


def make_lungs(spacing_mm=(4.0, 5.0, 6.0), noise_hu=20.0, order="ijk", lung_hu=-850):
    """Lungs of 100 x 140 x 220 mm whose centres are 75 mm beside the midline (R is +x); ``order`` permutes axes."""
    rng = np.random.default_rng(5)
    half = np.array((140.0, 90.0, 130.0))
    counts = np.ceil(2 * half / spacing_mm).astype(int)
    axes = [-half[a] + np.arange(counts[a]) * spacing_mm[a] for a in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    hu = np.where((x / 138) ** 4 + (y / 88) ** 4 < 1, 0, -1000).astype(np.int16)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    labels[(x / 25) ** 2 + ((y - 20) / 40) ** 2 + (z / 50) ** 2 < 1] = STRUCTURES["heart"]
    for name, center in (("lung_left", -75.0), ("lung_right", 75.0)):
        inside = ((x - center) / 50) ** 2 + (y / 70) ** 2 + (z / 110) ** 2 < 1
        labels[inside] = STRUCTURES[name]
        hu[inside] = lung_hu + np.rint(noise_hu * rng.standard_normal(int(inside.sum())))
        vessel = inside & (np.abs(y) < 3) & (np.abs(z - 20) < 4)
        hu[vessel] = 40
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = np.diag(spacing_mm), [axis[0] for axis in axes]
    turn = ["ijk".index(letter) for letter in order]
    affine = affine[:, [*turn, 3]]
    world_from_ijk = Affine(affine)
    ct, ids = (Volume(np.transpose(values, turn), world_from_ijk) for values in (hu, labels))
    return Anatomy("lungs-000", ct, ids, STRUCTURES, {})
