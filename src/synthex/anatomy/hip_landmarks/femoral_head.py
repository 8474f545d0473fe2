"""Femoral head centres by a robust sphere fit."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.result import NotFoundError
from synthex.core.arrays import Point3, Points3

Subset3 = Float[np.ndarray, "M 3"]

RADIUS_RANGE_MM = (15.0, 33.0)
"""Adult heads are 19-28 mm in radius (Milner and Boldsen, J Forensic Sci 2012); the margin allows for
children, coarse labels and implants."""

LEAST_COVERAGE = 0.5
"""Whole heads show 0.9 of their directions (the neck takes the rest)."""


@dataclass(frozen=True, eq=False)
class HeadFit:
    """A sphere: centre and radius in mm, inlier residual (root mean square), share of the sphere seen."""

    center: Point3
    radius: float
    residual: float
    coverage: float


def fit_sphere(points: Points3) -> tuple[Point3, float]:
    """Algebraic least-squares sphere: |p|^2 = 2 c.p + (r^2 - |c|^2) is linear in c (Coope, JOTA 1993)."""
    mean = points.mean(axis=0)
    local = points - mean
    system = np.column_stack((2 * local, np.ones(len(local))))
    solution = np.linalg.lstsq(system, (local**2).sum(axis=1), rcond=None)[0]
    center = solution[:3]
    return center + mean, float(np.sqrt(max(solution[3] + center @ center, 0.0)))


def fit_head(femur: BoneSurface, hip: BoneSurface | None, rng: np.random.Generator) -> HeadFit:
    """The femoral head's sphere.

    Candidates are the femur's surface points nearest the hip bone (the acetabulum covers the head);
    where there is no hip bone, the whole femur is tried, as nothing else on it is as round.
    RANSAC (Fischler and Bolles, CACM 1981) on them, then trimmed least squares on the whole femur, so
    that neck, trochanters and label errors have no say.

    Raises:
        NotFoundError: No sphere of a femoral head's size fits.
    """
    tolerance = max(1.0, 0.5 * femur.spacing_mm)
    center, radius = _consensus(_facing_points(femur, hip), tolerance, rng)
    for band in (3.0, 2.0, 1.5, 1.0, 1.0, 1.0, 1.0):
        inliers = _shell(femur.points, center, radius, band * tolerance)
        if len(inliers) < 20:
            raise NotFoundError("no sphere fits the femur's head")
        center, radius = fit_sphere(inliers)
    inliers = _shell(femur.points, center, radius, tolerance)
    if len(inliers) < 20 or not RADIUS_RANGE_MM[0] <= radius <= RADIUS_RANGE_MM[1]:
        raise NotFoundError("no sphere of a femoral head's size fits the femur")
    residual = float(np.sqrt(np.mean((np.linalg.norm(inliers - center, axis=1) - radius) ** 2)))
    coverage = _coverage(inliers - center)
    if coverage < LEAST_COVERAGE:
        raise NotFoundError("too little of the femoral head is labelled")
    return HeadFit(center, radius, residual, coverage)


def _facing_points(femur: BoneSurface, hip: BoneSurface | None) -> Points3:
    """Femur surface within reach of the hip bone (joint space is 3-5 mm), at most 4000 points."""
    if hip is None:
        return _thin(femur.points, 4000)
    distance = cKDTree(_thin(hip.points, 20000)).query(femur.points, distance_upper_bound=9.0)[0]
    near = femur.points[np.isfinite(distance)]
    if len(near) < 30:
        raise NotFoundError("the femur does not reach the hip bone")
    return _thin(near, 4000)


def _consensus(points: Points3, tolerance: float, rng: np.random.Generator) -> tuple[Point3, float]:
    """The sphere through four neighbouring points whose inliers see most of its directions.

    Counting directions rather than inliers keeps a long shaft or a flat patch from outvoting a ball.
    """
    tree = cKDTree(points)
    best, most = None, 0.0
    for _ in range(300):
        around = tree.query_ball_point(points[rng.integers(len(points))], RADIUS_RANGE_MM[1])
        if len(around) < 4:
            continue
        center, radius = fit_sphere(points[rng.choice(around, 4, replace=False)])
        if not RADIUS_RANGE_MM[0] <= radius <= RADIUS_RANGE_MM[1]:
            continue
        inliers = _shell(points, center, radius, tolerance)
        share = _coverage(inliers - center) if len(inliers) > 20 else 0.0
        if share > most:
            best, most = (center, radius), share
    if best is None:
        raise NotFoundError("no sphere of a femoral head's size fits the femur")
    return best


def _shell(points: Points3, center: Point3, radius: float, band: float) -> Subset3:
    return points[np.abs(np.linalg.norm(points - center, axis=1) - radius) < band]


def _coverage(directions: Points3) -> float:
    """Share of 200 even directions (Fibonacci lattice) that have an inlier within 12 degrees."""
    k = np.arange(200) + 0.5
    polar, turn = np.arccos(1 - k / 100), np.pi * (1 + 5**0.5) * k
    lattice = np.column_stack((np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)))
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    reach = 2 * np.sin(np.radians(12) / 2)
    return float(np.mean(cKDTree(unit).query(lattice)[0] < reach))


def _thin(points: Points3, most: int) -> Subset3:
    return points[:: max(1, -(-len(points) // most))]
