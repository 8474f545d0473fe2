"""Instruments that lie free: before the bone or behind it, before the body, or anywhere around a point."""

import numpy as np
from jaxtyping import Bool, Float

from synthex.core import Anatomy, ConfigError, Rigid
from synthex.core.arrays import Point3
from synthex.instruments import InstrumentBody
from synthex.tasks.tool_detection.host import Femur, in_bone, skin_front
from synthex.tasks.tool_detection.placement import Placement
from synthex.tasks.tool_detection.poses import placed, pose, resampled, turned

POSES = 32
"""Poses that are tried: our choice. Bone fills less than half of any place around a hip, so that all of them meet
it less than once in a billion scenes."""

_FORWARD = np.array((0.0, 1.0, 0.0))


def place_free(
    mode: str,
    body: InstrumentBody,
    anatomy: Anatomy,
    femur: Femur | None,
    placement: Placement,
    rng: np.random.Generator,
) -> Rigid:
    """Draw a pose ``front``, ``behind`` or in the ``air``, so that the inserted part meets no bone.

    Args:
        mode: Which of them.
        body: The instrument, in its own frame.
        anatomy: The subject.
        femur: What it lies before or behind; None is the centre of the CT.
        placement: Ranges.
        rng: Where all randomness comes from.

    Raises:
        ConfigError: Every pose meets bone.
    """
    targets = _targets(anatomy, femur, placement, rng)
    elevation = placement.within("elevation_deg", rng, POSES)
    rolls = placement.within("roll_deg", rng, POSES)
    distance = placement.within(f"{mode}_mm", rng, POSES)
    if mode == "air":
        elevation = -np.abs(elevation)
    rotations = turned(_directions(elevation, rng), rolls)
    line = resampled(body.centerline)
    middle = line.mean(axis=0)
    if mode == "air":
        inserted = placed(line - middle, (rotations, np.zeros((POSES, 3))))
        nearest = inserted[..., 1].min(axis=1) - body.radius_mm
        # One skin for all poses, that of the first one, as finding it reads the CT; no other pose is needed.
        target = skin_front(anatomy.ct, targets[0], targets.mean(axis=0)) + (distance[0] - nearest[0]) * _FORWARD
        return pose((rotations[:1], target[None] - rotations[:1] @ middle), 0)
    head = 0.0 if femur is None else femur.head_radius_mm
    away = (head + distance) * (1.0 if mode == "front" else -1.0)
    poses = (rotations, targets + away[:, None] * _FORWARD - rotations @ middle)
    free = _clear(placed(line, poses), anatomy, femur)
    if not free.any():
        raise ConfigError(
            f"{body.name} meets bone of {anatomy.subject_id} in all of {POSES} poses; widen task.placement.{mode}_mm="
            f"{list(getattr(placement, mode + '_mm'))} or beside_mm={list(placement.beside_mm)}"
        )
    # A shaft that misses bone too is the likelier one, but it need not: most are longer than the way to the skin.
    shaft_free = free & _clear(placed(resampled(body.shaft, 5.0), poses), anatomy, femur)
    return pose(poses, int(np.argmax(shaft_free if shaft_free.any() else free)))


def place_distractor(
    body: InstrumentBody, center: Point3, anatomy: Anatomy, placement: Placement, rng: np.random.Generator
) -> Rigid:
    """Draw a pose around ``center``: any direction, or for those named in ``on_skin`` flat on it, their +x outwards."""
    direction = rng.normal(size=3)
    position = center + placement.within("distractor_mm", rng) * direction / np.linalg.norm(direction)
    way, roll = rng.normal(size=(1, 3)), 360.0 * rng.random(1)
    middle = body.centerline.mean(axis=0)
    if body.name in placement.on_skin:
        way[:, 1], roll[:] = 0.0, 90.0  # +y would point forward at 0
        position = skin_front(anatomy.ct, position, center)
    rotation = turned(way, roll)
    return pose((rotation, position[None] - rotation @ middle), 0)


def _targets(
    anatomy: Anatomy, femur: Femur | None, placement: Placement, rng: np.random.Generator
) -> Float[np.ndarray, "K 3"]:
    """Points in the frontal plane that poses are beside: along the neck, or about the centre of the CT."""
    share = rng.random((POSES, 1))
    beside = np.zeros((POSES, 3))
    beside[:, (0, 2)] = placement.within("beside_mm", rng, (POSES, 2))
    if femur is None:
        return anatomy.ct.center_world + beside
    targets = femur.head_center + share * (femur.exit - femur.head_center) + beside
    targets[:, 1] = femur.head_center[1]
    # Where the scan ends near the hip, the instrument shall still lie before something.
    grid = anatomy.ct.world_from_ijk
    index = np.clip(grid.inverse().apply(targets), 0, np.array(anatomy.ct.shape) - 1.0)
    return grid.apply(index)


def _directions(elevation_deg: Float[np.ndarray, "K"], rng: np.random.Generator) -> Float[np.ndarray, "K 3"]:
    """Unit vectors anywhere about the body's front-back axis, so far out of the frontal plane."""
    azimuth = 2 * np.pi * rng.random(len(elevation_deg))
    up = np.deg2rad(elevation_deg)
    return np.stack((np.cos(up) * np.cos(azimuth), np.sin(up), np.cos(up) * np.sin(azimuth)), axis=1)


def _clear(lines: Float[np.ndarray, "K P 3"], anatomy: Anatomy, femur: Femur | None) -> Bool[np.ndarray, " K"]:
    """Which lines meet no bone."""
    count, points = lines.shape[:2]
    flat = lines.reshape(-1, 3)
    hit = in_bone(anatomy, flat)
    if femur is not None:
        hit |= femur.depth_mm(flat) > 0
    return np.asarray(~hit.reshape(count, points).any(axis=1))
