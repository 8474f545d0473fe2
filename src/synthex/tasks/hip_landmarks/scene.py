"""The hip scene: the subject as it is, and the point its views are aimed at."""

import numpy as np

from synthex.core import Anatomy, Scene
from synthex.core.arrays import Point3

ANCHORS = ("FH-l", "FH-r", "SPS-l", "SPS-r", "GSN-l", "GSN-r")
"""Landmarks in the middle of the true pelvis; their mean is where a surgeon centres an AP view."""


def make_scene(anatomy: Anatomy, rng: np.random.Generator) -> Scene:
    """The subject alone; nothing is inserted, so nothing is drawn."""
    del rng
    return Scene(anatomy, {"subject": anatomy.subject_id})


def view_center(anatomy: Anatomy) -> Point3:
    """Middle of the true pelvis, RAS mm.

    The mean of the :data:`ANCHORS` that the subject has (both sides of a pair, or neither, so that a
    missing point does not pull it sideways); without any, the centre of the CT.
    """
    pairs = [(left, right) for left, right in zip(ANCHORS[::2], ANCHORS[1::2], strict=True)]
    points = [
        anatomy.landmarks[name]
        for left, right in pairs
        if left in anatomy.landmarks and right in anatomy.landmarks
        for name in (left, right)
    ]
    return np.mean(points, axis=0) if points else anatomy.ct.center_world
