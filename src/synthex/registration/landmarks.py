"""Where the camera was, from points of the body whose images are known about: PnP with outliers and doubt.

Minimal samples are solved by SQPnP (Terzakis and Lourakis, ECCV 2020, in OpenCV), consensus is counted with the weight
of each landmark's confidence, and the best few distinct poses are refined on a robust reprojection error. Few noisy
landmarks leave several poses nearly as good, so that all of them are kept for the image to decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from synthex.core import Camera, Rigid, UserError, derive_rng
from synthex.core.arrays import Flags, Points2, Points3

SAMPLE = 4
"""Points of a minimal sample."""
SAMPLES = 150
"""Samples that are tried; with a third of the points wrong, one in five samples of four has none of them."""
NEED = 4
"""Fewest points that determine a pose with something left to judge it by."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A pose that the landmarks allow.

    Attributes:
        camera: The camera with that pose.
        inliers: N flags: landmarks within the tolerance.
        rms_px: Root mean square of the inliers' reprojection error.
        score: Weighted robust agreement, in [0, 1]; larger is better.
    """

    camera: Camera
    inliers: Flags
    rms_px: float
    score: float


def poses_from_landmarks(
    points_world: Points3,
    points_px: Points2,
    camera: Camera,
    *,
    confidence: Sequence[float] | np.ndarray | None = None,
    tolerance_px: float | None = None,
    starts: Sequence[Camera] = (),
    keep: int = 4,
) -> list[Hypothesis]:
    """The poses that landmarks with some wrong among them allow, best first.

    Args:
        points_world: N x 3, RAS mm.
        points_px: N x 2 (column, row), pixel centres at +0.5; rows with NaN are left out.
        camera: Its intrinsics are taken as they are; its pose is not looked at.
        confidence: N weights in [0, 1]; None: all 1. Landmarks of 0 are left out.
        tolerance_px: Reprojection error at which a landmark counts half; None: 15 mm at the detector.
        starts: Cameras that are tried beside the samples (from DICOM tags, say).
        keep: Most hypotheses kept.

    Raises:
        UserError: There are less than :data:`NEED` landmarks.
    """
    points_world, points_px = np.asarray(points_world, dtype=float), np.asarray(points_px, dtype=float)
    weights = np.ones(len(points_world)) if confidence is None else np.asarray(confidence, dtype=float)
    known = np.flatnonzero(np.isfinite(points_px).all(axis=1) & (weights > 0))
    if len(known) < NEED:
        raise UserError(
            f"{len(known)} landmarks are in both the CT and the image, a pose needs {NEED}: give more, or start from "
            "angles or a search"
        )
    world, pixels, weights = points_world[known], points_px[known], weights[known] / weights[known].max()
    tolerance = 15.0 / camera.pixel_mm if tolerance_px is None else float(tolerance_px)
    rng = derive_rng("registration", "poses_from_landmarks")
    candidates = [_parameters(start, world) for start in starts]
    every = np.arange(len(known))
    picks = [every, *(rng.choice(every, SAMPLE, replace=False, p=weights / weights.sum()) for _ in range(SAMPLES))]
    for pick in picks if len(known) > SAMPLE else picks[:1]:
        candidates += _solved(world[pick], pixels[pick], camera)
    ranked = sorted(candidates, key=lambda p: -_score(p, world, pixels, camera, weights, tolerance))
    found: list[Hypothesis] = []
    for parameters in ranked[: 4 * keep]:
        refined = _refine(parameters, world, pixels, camera, weights, tolerance)
        # Once more as sharply as most of the landmarks agree: those that are wrong then pull no longer.
        error = np.linalg.norm(_project(refined, world, camera) - pixels, axis=1)
        order = np.argsort(error)
        half = error[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
        sharp = float(np.clip(2 * half, tolerance / 30, tolerance))
        refined = _refine(refined, world, pixels, camera, weights, sharp)
        pose = _camera(refined, camera, world)
        if any(_alike(pose, other.camera, world) for other in found) or not (pose.depth(world) > 0).all():
            continue
        error = np.linalg.norm(pose.project(world) - pixels, axis=1)
        close = error <= tolerance
        rms = float(np.sqrt(np.mean(error[close] ** 2))) if close.any() else float("inf")
        inliers = np.zeros(len(points_world), dtype=bool)
        inliers[known[close]] = True
        found.append(Hypothesis(pose, inliers, rms, _score(refined, world, pixels, camera, weights, tolerance)))
    if not found:
        raise UserError("no pose puts the landmarks in front of the source; check the sides and the camera")
    return sorted(found, key=lambda hypothesis: -hypothesis.score)[:keep]


def _parameters(camera: Camera, world: Points3) -> np.ndarray:
    """Rotation vector, and the position of the points' centre in the camera."""
    pose = camera.camera_from_world
    return np.concatenate((Rotation.from_matrix(pose.linear).as_rotvec(), pose.apply(world.mean(axis=0)[None])[0]))


def _camera(parameters: np.ndarray, camera: Camera, world: Points3) -> Camera:
    turn = Rotation.from_rotvec(parameters[:3]).as_matrix()
    pose = Rigid.from_parts(turn, parameters[3:] - turn @ world.mean(axis=0))
    return replace(camera, camera_from_world=pose)


def _project(parameters: np.ndarray, world: Points3, camera: Camera) -> np.ndarray:
    turn = Rotation.from_rotvec(parameters[:3]).as_matrix()
    seen = (world - world.mean(axis=0)) @ turn.T + parameters[3:]
    return (seen / np.maximum(seen[:, 2:], 1.0)) @ camera.intrinsics[:2].T


def _score(
    parameters: np.ndarray,
    world: Points3,
    pixels: Points2,
    camera: Camera,
    weights: np.ndarray,
    tolerance: float,
) -> float:
    squared = ((_project(parameters, world, camera) - pixels) ** 2).sum(axis=1) / tolerance**2
    return float((weights / (1 + squared)).sum() / weights.sum()) * float(0 < parameters[5] < camera.sdd_mm)


def _solved(world: Points3, pixels: Points2, camera: Camera) -> list[np.ndarray]:
    """Poses of SQPnP for a few points; a mirrored read-out (negative fx) goes into the pixels."""
    centre = world.mean(axis=0)
    try:
        _, turns, shifts, _ = cv2.solvePnPGeneric(
            np.ascontiguousarray(world - centre),
            np.ascontiguousarray((np.c_[pixels, np.ones(len(pixels))] @ np.linalg.inv(camera.intrinsics).T)[:, :2]),
            np.eye(3),
            None,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:
        return []
    found = [np.concatenate((turn.ravel(), shift.ravel())) for turn, shift in zip(turns, shifts, strict=True)]
    return [parameters for parameters in found if np.isfinite(parameters).all() and parameters[5] > 0]


def _refine(
    parameters: np.ndarray, world: Points3, pixels: Points2, camera: Camera, weights: np.ndarray, tolerance: float
) -> np.ndarray:
    """Cauchy's loss on the distance of each landmark, which a few wrong ones do not move."""
    root = np.sqrt(weights)[:, None] / tolerance

    def residuals(values: np.ndarray) -> np.ndarray:
        return ((_project(values, world, camera) - pixels) * root).ravel()

    scale = np.array((0.1, 0.1, 0.1, 10, 10, 50.0))
    return np.asarray(least_squares(residuals, parameters, loss="cauchy", x_scale=scale, max_nfev=40).x)


def _alike(a: Camera, b: Camera, world: Points3) -> bool:
    """Whether two poses put every point within 2 mm of the same place in the camera."""
    apart = a.camera_from_world.apply(world) - b.camera_from_world.apply(world)
    return bool(np.linalg.norm(apart, axis=1).max() < 2.0)
