"""The hip scene: the subject as a scan shows it, and the point its views are aimed at."""

from collections.abc import Callable

import numpy as np

from synthex.anatomy.scan_range import limit_scan
from synthex.core import Anatomy, ConfigError, Scene, Solid
from synthex.core.arrays import Point3

ANCHORS = ("FH-l", "FH-r", "SPS-l", "SPS-r", "GSN-l", "GSN-r")
"""Landmarks in the middle of the true pelvis; their mean is where a surgeon centres an AP view."""


def make_scenes(
    scan_end_probability: float, scan_end_mm: tuple[float, float], implants: float = 0.0
) -> Callable[[Anatomy, np.random.Generator], Scene]:
    """Scenes of subjects, some of them of scans that end within the view, some with implants.

    A pelvic CT often stops at the ischium or above it, and its radiographs show the cut; a model that has
    never seen one fails there.

    Args:
        scan_end_probability: Share of scenes whose scan ends below the hips.
        scan_end_mm: Range of the lower end, mm above the hip centres (negative: below).
        implants: Share of scenes with implants.

    Raises:
        ConfigError: A share outside of 0 to 1.
    """
    if not 0 <= implants <= 1:
        raise ConfigError(f"task.implants={implants} is a share: 0 to 1")

    def make_scene(anatomy: Anatomy, rng: np.random.Generator) -> Scene:
        ends, where = rng.random() < scan_end_probability, rng.uniform(*scan_end_mm)
        record: dict[str, object] = {"subject": anatomy.subject_id}
        center, aims = view_center(anatomy), view_aims(anatomy)
        solids: tuple[Solid, ...] = ()
        if implants > 0 and rng.random() < implants:
            # Instruments are meshes, whose libraries take seconds to import; a model that answers has no use for them.
            from synthex.tasks.hip_landmarks.implants import place_implants

            solids, record["implants"] = place_implants(anatomy, rng)
        hips = [anatomy.landmarks[name][2] for name in ("FH-l", "FH-r") if name in anatomy.landmarks]
        if not ends or not hips:
            return Scene(anatomy, record, solids, center_world=center, aims=aims)
        lowest = float(np.mean(hips) + where)
        limited = limit_scan(anatomy, lowest)
        return Scene(limited, record | {"scan_end_mm": lowest}, solids, center_world=center, aims=aims)

    return make_scene


def view_aims(anatomy: Anatomy) -> dict[str, Point3]:
    """Points that views may be about, RAS mm: ``pelvis``, ``hip_left`` and ``hip_right`` (centres of the heads).

    A hip that the subject lacks is where its pelvis is.
    """
    center = view_center(anatomy)
    heads = {"hip_left": "FH-l", "hip_right": "FH-r"}
    return {"pelvis": center, **{name: anatomy.landmarks.get(head, center) for name, head in heads.items()}}


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
