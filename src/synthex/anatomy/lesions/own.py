"""Lesions that a CT brings with it: labels drawn by people."""

from dataclasses import replace

import numpy as np

from synthex.anatomy.lesions.geometry import SIDES, lung_geometry
from synthex.anatomy.lesions.result import OpacifiedAnatomy
from synthex.core import Anatomy, Volume

LESION = "lesion"
"""The structure of lesions."""


def own_lesions(anatomy: Anatomy) -> OpacifiedAnatomy:
    """A subject with its own structure ``lesion``, accepted as it is.

    Nobody knows the lung before it fell ill, so what the lesions added is taken to be their HU less the median HU
    of the healthy lung on their side (the side of the midplane between the centres of the two lungs), and 0 where
    that is negative.

    Raises:
        ConfigError: There is no label ``lung_left`` or ``lung_right``.
    """
    lungs = {side: lung_geometry(anatomy, side) for side in SIDES}
    hu, affine = anatomy.ct.data, anatomy.ct.world_from_ijk
    at = np.nonzero(anatomy.labels.data == anatomy.structures[LESION])
    world_x = affine.linear[0] @ np.stack(at).astype(np.float64) + affine.translation[0]
    centers = [float(lungs[side].position_mm[0][lungs[side].inside].mean()) for side in SIDES]
    left = np.abs(world_x - centers[0]) < np.abs(world_x - centers[1])
    before = np.where(left, lungs["left"].median_hu, lungs["right"].median_hu)
    added = np.zeros(hu.shape, dtype=np.int16)
    added[at] = np.clip(np.rint(hu[at] - before), 0, np.iinfo(np.int16).max)
    return OpacifiedAnatomy(replace(anatomy), Volume(added, affine), {"source": "labels of the CT"})
