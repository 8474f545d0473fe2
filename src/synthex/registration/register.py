"""The whole way of a registration: candidates, a quick look at each, the best ones in full resolution."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthex.core import Camera, Rigid, UserError
from synthex.core.arrays import Points2, Points3
from synthex.geometry import CArm
from synthex.registration.landmarks import poses_from_landmarks
from synthex.registration.motion import motion, moved
from synthex.registration.refine import Body, FixedImage, Found, Refinement, refine

FINALISTS = 2
"""Candidates that are taken beyond the coarsest resolution."""
JITTER_DEG, JITTER_MM, JITTER_DEPTH_MM = 6.0, 6.0, 25.0
"""Around the best candidate others are tried this far away: what eight millimetres of noise do to a pose."""


@dataclass(frozen=True, eq=False)
class Registered:
    """Where the camera of a radiograph was.

    Attributes:
        camera: The camera, for the CT where it is.
        start: The candidate that it was refined from.
        similarity: Mean local correlation of image and projection, at most 1.
        margin: How much better it is than the best other answer that differs by more than 5 mm; 1 without such.
        seconds: Wall time.
        found: All of the refinement's answer.
    """

    camera: Camera
    start: Camera
    similarity: float
    margin: float
    seconds: float
    found: Found


def register(
    body: Body,
    view: FixedImage,
    starts: Sequence[Camera],
    settings: Refinement | None = None,
    *,
    jitters: int = 8,
    rng: np.random.Generator | None = None,
) -> Registered:
    """Register one view from candidates.

    Each candidate, and some about the first, are refined at the coarsest resolution; the best few go on.

    Args:
        body: The CT.
        view: The image; the pose of its camera is not looked at.
        starts: Candidates, best first.
        settings: How poses are refined.
        jitters: Further candidates drawn about the first one.
        rng: Source of these; None: the same every time.

    Raises:
        UserError: There is no candidate.
    """
    if not starts:
        raise UserError("a registration needs a start: landmarks, angles or a search")
    started = time.perf_counter()
    settings = settings or Refinement()
    rng = rng or np.random.default_rng(0)
    pivot = body.pivots[0]
    candidates = list(starts)
    for _ in range(jitters):
        turn = np.deg2rad(JITTER_DEG) * rng.normal(size=3)
        shift = starts[0].camera_from_world.linear.T @ (rng.normal(size=3) * (JITTER_MM, JITTER_MM, JITTER_DEPTH_MM))
        candidates.append(moved(starts[0], motion(np.concatenate((turn, shift)), pivot)))
    coarse = replace(settings, sizes=settings.sizes[:1], focal=False, principal_point=False)
    quick = [refine(body, [replace(view, camera=start)], coarse) for start in candidates]
    order = sorted(range(len(quick)), key=lambda number: -quick[number].similarity)
    chosen: list[int] = []
    for number in order:
        if all(_apart(quick[number].cameras[0], quick[other].cameras[0], pivot) > 5 for other in chosen):
            chosen.append(number)
    finals: list[tuple[int, Found]] = []
    for number in chosen[:FINALISTS]:
        rest = replace(settings, sizes=settings.sizes[1:] or settings.sizes)
        # A rival that is far behind at the coarsest resolution does not win at a finer one.
        if finals and quick[number].similarity < quick[chosen[0]].similarity - 0.1:
            continue
        finals.append((number, refine(body, [replace(view, camera=quick[number].cameras[0])], rest)))
    finals.sort(key=lambda pair: -pair[1].similarity)
    number, best = finals[0]
    rivals = [other.similarity for _, other in finals[1:] if _apart(other.cameras[0], best.cameras[0], pivot) > 5]
    margin = best.similarity - max(rivals) if rivals else 1.0
    seconds = time.perf_counter() - started
    return Registered(best.cameras[0], candidates[number], best.similarity, margin, seconds, best)


def register_by_landmarks(
    body: Body,
    view: FixedImage,
    points_world: Points3,
    points_px: Points2,
    *,
    confidence: Sequence[float] | np.ndarray | None = None,
    tolerance_px: float | None = None,
    settings: Refinement | None = None,
) -> Registered:
    """Register one view from landmarks: their poses, then the image; see :func:`poses_from_landmarks`."""
    hypotheses = poses_from_landmarks(
        points_world, points_px, view.camera, confidence=confidence, tolerance_px=tolerance_px
    )
    return register(body, view, [hypothesis.camera for hypothesis in hypotheses], settings)


def register_pair(
    body: Body,
    views: Sequence[FixedImage],
    points_world: Points3,
    points_px: Sequence[Points2],
    settings: Refinement | None = None,
    *,
    confidence: Sequence[np.ndarray | None] | None = None,
) -> Found:
    """Register views whose cameras' relation is known, all at once.

    The relation is that of the views' cameras as they are given (their common pose is not looked at). Each view's
    landmarks give candidates, all views judge them at the coarsest resolution, and the best two go on.

    Raises:
        UserError: No view has landmarks enough.
    """
    settings = settings or Refinement()
    weights = confidence or [None] * len(views)
    motions: list[Rigid] = []
    problem: UserError | None = None
    for view, pixels, weight in zip(views, points_px, weights, strict=True):
        try:
            for hypothesis in poses_from_landmarks(points_world, pixels, view.camera, confidence=weight):
                pose = view.camera.camera_from_world.inverse().matrix @ hypothesis.camera.camera_from_world.matrix
                motions.append(Rigid(pose))
        except UserError as error:
            problem = error
    if not motions:
        raise problem or UserError("a registration needs a start")
    parts = len(body.native)
    coarse = replace(settings, sizes=settings.sizes[:1], focal=False, principal_point=False)
    quick = [refine(body, views, coarse, [motion] * parts) for motion in motions]
    quick.sort(key=lambda found: -found.similarity)
    rest = replace(settings, sizes=settings.sizes[1:] or settings.sizes)
    return max((refine(body, views, rest, found.motions) for found in quick[:FINALISTS]), key=lambda f: f.similarity)


def search_starts(
    body: Body,
    view: FixedImage,
    carm: CArm,
    *,
    lao_rao_deg: Sequence[float] = (-40, -20, 0, 20, 40),
    cranial_caudal_deg: Sequence[float] = (-20, 0, 20),
    source_isocenter_mm: float | None = None,
    keep: int = 4,
) -> list[Camera]:
    """Candidates of a coarse search about the middle of the bones.

    Args:
        body: The CT.
        view: The image; of its camera only the intrinsics are taken.
        carm: Its side of the source and its distances.
        lao_rao_deg: Angles that are tried.
        cranial_caudal_deg: Likewise.
        source_isocenter_mm: Distance from the source to the middle of the bones; None: the C-arm's.
        keep: Candidates returned, best first.
    """
    depth = carm.source_isocenter_mm if source_isocenter_mm is None else source_isocenter_mm
    # Wide neighbourhoods of the image itself: the pose may be far off.
    quick = Refinement(measure="patch", sizes=(32, 48), neighbourhood=0.25, steps=12)
    found = []
    for lao in lao_rao_deg:
        for cranial in cranial_caudal_deg:
            posed = carm.camera(replace(carm.view(body.pivots[0], lao, cranial), source_isocenter_mm=depth))
            start = replace(view.camera, camera_from_world=posed.camera_from_world)
            found.append(refine(body, [replace(view, camera=start)], quick))
    found.sort(key=lambda answer: -answer.similarity)
    return [answer.cameras[0] for answer in found[:keep]]


def _apart(a: Camera, b: Camera, pivot: np.ndarray) -> float:
    """Largest distance, in mm, of where two cameras see points 100 mm about the pivot."""
    points = pivot + 100 * np.concatenate((np.eye(3), -np.eye(3)))
    apart = a.camera_from_world.apply(points) - b.camera_from_world.apply(points)
    return float(np.linalg.norm(apart, axis=1).max())
