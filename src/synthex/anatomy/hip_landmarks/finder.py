"""From a label map to the 14 hip landmarks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface, box_index, extract_surface
from synthex.anatomy.hip_landmarks.contradiction import require_agreement
from synthex.anatomy.hip_landmarks.femoral_head import HeadFit, fit_head
from synthex.anatomy.hip_landmarks.foramen import find_foramen_points
from synthex.anatomy.hip_landmarks.iliac_spine import find_iliac_spine
from synthex.anatomy.hip_landmarks.notch import find_notch
from synthex.anatomy.hip_landmarks.pelvic_frame import PelvicFrame, find_frame
from synthex.anatomy.hip_landmarks.result import FoundLandmarks, NotFoundError, Spot
from synthex.anatomy.hip_landmarks.symphysis import find_symphysis_corners
from synthex.anatomy.landmark_names import HIP_LANDMARKS, KINDS
from synthex.core import Affine, UserError, Volume, derive_rng
from synthex.core.arrays import Point3

SIDES = {"l": "left", "r": "right"}
BONES = tuple(f"{bone}_{side}" for bone in ("hip", "femur") for side in SIDES.values())

JOINT_FROM_PUBIC_TUBERCLE = (40.0, -45.0, 21.0)
"""mm lateral, anterior, superior from the pubic contact of the anterior pelvic plane to the hip centre, used where
no femoral head is known (midway between the two data sets of the tests; lateral part from the midplane is +40)."""


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of the pelvis in its own frame: x lateral, y anterior, z superior, midplane at x = 0."""

    bone: BoneSurface
    joint: Point3
    side_from_world: Affine


def find_hip_landmarks(labels: Volume, structures: Mapping[str, int]) -> FoundLandmarks:
    """Find the 14 hip landmarks by geometry.

    Definitions, in the pelvic frame of :mod:`.pelvic_frame` (so the patient may lie askew by 15 degrees):
    FH centre of the femoral head's sphere; GSN corner of the greater sciatic notch's arc in the frontal view, where
    its roof has turned down into the wall of the true pelvis; IOF, MOF lowest and most medial point of the
    obturator foramen's rim; SPS, IPS superomedial and inferomedial corner of the pubic body; ASIS lower lateral
    tip of the upper ilium's front corner. docs/landmarks.md shows them.
    A landmark whose bone is cut by the volume's border there is absent.

    Args:
        labels: Label map, ids on any grid; world is RAS mm.
        structures: Ids of ``hip_left``, ``hip_right``, ``femur_left``, ``femur_right``; others are ignored and
            missing ones make their landmarks absent.

    Returns:
        Positions in RAS mm, absent names with reasons, and confidences.

    Raises:
        UserError: No voxel carries any of the four ids, or the places of the structures contradict their names
            (left and right swapped, head and feet turned round).
    """
    wanted = {name: int(structures[name]) for name in BONES if name in structures}
    boxes = box_index(labels, max(wanted.values(), default=0))
    bones = {name: extract_surface(labels, index, boxes[index - 1]) for name, index in wanted.items()}
    if not any(bones.values()):
        ids = ", ".join(f"{name}={index}" for name, index in wanted.items()) or "none given"
        raise UserError(f"no hip bone or femur in the label map (ids looked for: {ids}); check the structure ids")
    require_agreement(labels, structures)
    spots: dict[str, Spot] = {}
    reasons: dict[str, str] = {}
    heads: dict[str, HeadFit] = {}
    for key, side in SIDES.items():
        try:
            heads[key] = _head(bones.get(f"femur_{side}"), bones.get(f"hip_{side}"), labels)
        except NotFoundError as error:
            reasons[f"FH-{key}"] = str(error)
    centers = np.array([heads[key].center for key in SIDES]) if len(heads) == 2 else None
    frame = find_frame(bones.get("hip_left"), bones.get("hip_right"), centers)
    for key, side in SIDES.items():
        hip = bones.get(f"hip_{side}")
        if hip is None:
            reasons.update({f"{kind}-{key}": f"no hip_{side} in the labels" for kind in KINDS[1:]})
            continue
        place = _side(hip, heads.get(key), key, frame)
        if place is None:
            reasons.update({f"{kind}-{key}": "neither femoral head nor pubis tells the joint" for kind in KINDS[1:]})
            continue
        found, missing = _hip_spots(place, frame.mirrored)
        world_from_side = place.side_from_world.inverse()
        for kind, spot in found.items():
            spots[f"{kind}-{key}"] = Spot(world_from_side.apply(spot.position[None])[0], spot.clarity)
        reasons.update({f"{kind}-{key}": why for kind, why in missing.items()})
    for key, head in heads.items():
        spots[f"FH-{key}"] = Spot(head.center, _head_clarity(head, labels))
    confidence = dict.fromkeys(HIP_LANDMARKS, 0.0)
    confidence.update({name: _confidence(name, spots, bones, frame) for name in spots})
    absent = frozenset(HIP_LANDMARKS).difference(spots)
    unsure = frozenset(name for name in absent if not _bone_is_cut(name, bones))
    positions = {name: spots[name].position for name in HIP_LANDMARKS if name in spots}
    return FoundLandmarks(positions, absent, confidence, reasons, unsure)


def _bone_of(name: str) -> str:
    kind, key = name.split("-")
    return f"{'femur' if kind == 'FH' else 'hip'}_{SIDES[key]}"


def _bone_is_cut(name: str, bones: Mapping[str, BoneSurface | None]) -> bool:
    """Whether the bone that carries a landmark runs out of the scan, which alone proves a point absent."""
    bone = bones.get(_bone_of(name))
    return bone is not None and len(bone.cut) > 0


def _head(femur: BoneSurface | None, hip: BoneSurface | None, labels: Volume) -> HeadFit:
    """The head's sphere, refused where the volume cuts it."""
    if femur is None:
        raise NotFoundError("no femur in the labels")
    head = fit_head(femur, hip, derive_rng("hip_landmarks", "femoral_head"))
    ijk = labels.world_from_ijk.inverse().apply(head.center[None])[0]
    margin = (head.radius - 1.0) / labels.spacing_mm
    if ((ijk < margin - 0.5) | (ijk > np.array(labels.shape) - 0.5 - margin)).any():
        raise NotFoundError("the femoral head is cut by the volume")
    if _touches(femur.cut, head.center, head.radius + 1.0):
        raise NotFoundError("the femoral head is cut by the end of the scan")
    return head


def _side(hip: BoneSurface, head: HeadFit | None, key: str, frame: PelvicFrame) -> _Side | None:
    """The hip bone in its side frame with the hip centre, or None where the centre cannot be told."""
    mirror = Affine.from_parts(np.diag((-1.0 if key == "l" else 1.0, 1.0, 1.0)), np.zeros(3))
    side_from_world = mirror @ frame.frame_from_world
    if head is not None:
        joint = side_from_world.apply(head.center[None])[0]
    elif frame.pubic_level is not None:
        bone = side_from_world.apply(hip.points)
        lateral = 0.6 * float(np.quantile(bone[:, 0], 0.99))
        offset = JOINT_FROM_PUBIC_TUBERCLE
        joint = np.array((lateral, frame.pubic_level[0] + offset[1], frame.pubic_level[1] + offset[2]))
    else:
        return None
    return _Side(hip.mapped(side_from_world), joint, side_from_world)


def _hip_spots(side: _Side, midplane_known: bool) -> tuple[dict[str, Spot], dict[str, str]]:
    """Landmarks of one hip bone in the side frame, and reasons for the missing ones."""
    detectors: tuple[tuple[tuple[str, ...], Callable[[BoneSurface, Point3], tuple[Spot, ...]]], ...] = (
        (("GSN",), lambda bone, joint: (find_notch(bone, joint),)),
        (("IOF", "MOF"), find_foramen_points),
        (("SPS", "IPS"), lambda bone, joint: find_symphysis_corners(bone, joint, midplane_known)),
        (("ASIS",), lambda bone, joint: (find_iliac_spine(bone, joint),)),
    )
    found: dict[str, Spot] = {}
    missing: dict[str, str] = {}
    for kinds, detector in detectors:
        try:
            found.update(zip(kinds, detector(side.bone, side.joint), strict=True))
        except NotFoundError as error:
            missing.update(dict.fromkeys(kinds, str(error)))
    reach = 2.0 + 1.5 * side.bone.spacing_mm
    for kind in list(found):
        if _touches(side.bone.cut, found[kind].position, reach):
            missing[kind] = "the bone is cut by the volume's border there"
            del found[kind]
    return found, missing


def _touches(cut: np.ndarray, position: Point3, reach: float) -> bool:
    """Whether the bone meets the volume's border within ``reach`` mm."""
    return bool((((cut - position) ** 2).sum(axis=1) < reach**2).any())


def _head_clarity(head: HeadFit, labels: Volume) -> float:
    """From how much of the sphere is seen and how well it fits."""
    expected = 0.3 * float(labels.spacing_mm.max())
    return float(min(1.0, head.coverage / 0.5) / (1 + max(0.0, head.residual - expected)))


def _confidence(
    name: str, spots: Mapping[str, Spot], bones: Mapping[str, BoneSurface | None], frame: PelvicFrame
) -> float:
    """Product of clarity, label quality, agreement of the two sides, frame reliability and resolution."""
    kind, key = name.split("-")
    bone = bones[_bone_of(name)]
    if bone is None:
        return 0.0
    other = f"{kind}-{'r' if key == 'l' else 'l'}"
    symmetry = 0.8
    if other in spots:
        here, there = (frame.frame_from_world.apply(spots[n].position[None])[0] for n in (name, other))
        gap = float(np.linalg.norm(here - there * np.array((-1.0, 1.0, 1.0))))
        symmetry = 1 / (1 + (gap / 12.0) ** 2)
    frame_part = 1.0 if kind == "FH" else frame.reliability / (1 + max(0.0, frame.mirror_residual - 2.0) / 5)
    resolution = 1 / (1 + bone.spacing_mm / 30)
    return float(np.clip(spots[name].clarity * bone.quality * symmetry * frame_part * resolution, 0.01, 1.0))
