"""Fractures of a body's bones: one bone becomes two, and the part away from the trunk moves."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32
from scipy import ndimage
from scipy.spatial.transform import Rotation

from synthex.anatomy.hip_geometry import HipJoint
from synthex.anatomy.painting.body import BAND_MM, Body, Bone
from synthex.anatomy.voxel_grid import Box, Grid
from synthex.core import Affine, Rigid
from synthex.core.arrays import Point3

VERSION = 1
"""Part of the fingerprints of people with fractures."""

_ROUGH_MM = 1.6
"""How uneven a break is."""

_UNDISPLACED = 0.3
"""Share of breaks whose parts hardly move."""


@dataclass(frozen=True, eq=False)
class Break:
    """A plane through a bone, and how the part in front of it moves.

    Attributes:
        bone: Name of the bone.
        point: On the plane, RAS mm.
        normal: Unit vector to the part that moves.
        motion: Where that part's points go, world to world.
    """

    bone: str
    point: Point3
    normal: Point3
    motion: Rigid


def fractured(body: Body, rng: np.random.Generator) -> Body:
    """The body with one fracture: of a femoral neck, between the trochanters, or of the rami of one side.

    Landmarks on the part that moves go with it. A body without hip joints stays as it is.

    Args:
        body: Shapes.
        rng: Which, where, and how far parts move.
    """
    draw = (_neck, _trochanteric, _rami)[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
    sides = sorted(body.joints)
    if not sides:
        return body
    joint = body.joints[str(rng.choice(sides))]
    wanted = draw(body, joint, rng)
    return body if wanted is None else broken(body, wanted, rng)


def broken(body: Body, wanted: Break, rng: np.random.Generator) -> Body:
    """The body with a given break.

    Args:
        body: Shapes.
        wanted: The break.
        rng: Unevenness of the break.
    """
    bone = body.bones[wanted.bone]
    grid = body.grid
    x, y, z = grid.axes(bone.box)
    (px, py, pz), (nx, ny, nz) = wanted.point, wanted.normal
    rough = ndimage.gaussian_filter(rng.standard_normal(bone.box.shape), 3.0 / grid.spacing_mm)
    along = (x - px) * nx + (y - py) * ny + (z - pz) * nz + _ROUGH_MM * rough / max(float(rough.std()), 1e-9)
    stays = replace(bone, distance=_within(bone.distance, along), shell=bone.distance)
    box = _moved_box(bone.box, grid, wanted.motion)
    distance, shell = (
        _carried(field, bone.box, box, grid, wanted.motion) for field in (_within(bone.distance, -along), bone.distance)
    )
    # Where the parts would overlap, the one that stays keeps its place: the other is pressed in.
    common = box.intersect(bone.box)
    if common is not None:
        part = distance[common.within(box)]
        np.maximum(part, 0.3 - stays.distance[common.within(bone.box)], out=part)
    moves = Bone(bone.kind, bone.structure, box, distance, bone.side, shell, wanted.motion)
    bones = {name: stays if name == wanted.bone else other for name, other in body.bones.items()}
    bones[f"{wanted.bone}_part"] = moves
    return replace(body, bones=bones, landmarks=_landmarks(body, bone, wanted))


def _landmarks(body: Body, bone: Bone, wanted: Break) -> dict[str, Point3]:
    """Landmarks of the bone in front of the plane move."""
    points = dict(body.landmarks)
    for name, point in body.landmarks.items():
        kind, _, key = name.partition("-")
        on_bone = key == bone.side[:1] and (kind == "FH") == (bone.kind == "femur")
        if on_bone and (point - wanted.point) @ wanted.normal > 0:
            points[name] = wanted.motion.apply(point[None])[0]
    return points


def _neck(body: Body, joint: HipJoint, rng: np.random.Generator) -> Break | None:
    """Through the neck: the shaft comes up and turns outwards (Garden 1961, J Bone Joint Surg Br 43:647)."""
    reach = float(np.linalg.norm(joint.base - joint.head))
    point = joint.head + rng.uniform(0.45, 0.75) * reach * joint.neck
    normal = _tilted(joint.neck, rng, 12)
    small = rng.random() < _UNDISPLACED
    up = rng.uniform(0, 3) if small else rng.uniform(4, 28)
    turn = np.radians(rng.uniform(0, 6) if small else rng.uniform(5, 50))
    shift = -up * joint.down + rng.normal(0, 1.5, 3)
    return _break(body, joint, point, normal, _turned(joint.base, joint.down * _outwards(joint), turn, shift))


def _trochanteric(body: Body, joint: HipJoint, rng: np.random.Generator) -> Break | None:
    """From the greater to the lesser trochanter: the shaft comes up and inwards, the neck falls into varus."""
    point = joint.base + rng.normal(0, 4, 3)
    normal = _tilted(0.35 * joint.lateral + 0.94 * joint.down, rng, 12)
    small = rng.random() < _UNDISPLACED
    angle = np.radians(rng.uniform(0, 4) if small else rng.uniform(3, 30))
    shift = -(rng.uniform(0, 2) if small else rng.uniform(0, 18)) * joint.down - rng.uniform(0, 6) * joint.lateral
    # About the axis from back to front, the shaft swings inwards under the head.
    axis = np.cross(joint.down, -joint.lateral)
    return _break(body, joint, point, normal, _turned(joint.base, axis, angle, shift))


def _rami(body: Body, joint: HipJoint, rng: np.random.Generator) -> Break | None:
    """Through both rami of one side: the pubic body moves."""
    key = joint.side[0]
    name = f"hip_{joint.side}"
    edge, symphysis = body.landmarks.get(f"MOF-{key}"), body.landmarks.get(f"SPS-{key}")
    if name not in body.bones or edge is None or symphysis is None:
        return None
    inwards = np.sign(symphysis[0] - joint.head[0])
    outer = joint.head[0] + inwards * (joint.radius_mm + 6)
    share = rng.uniform(0.1, 0.7)
    point = np.array((edge[0] + share * (outer - edge[0]), edge[1], edge[2]))
    normal = _tilted(np.array((inwards, 0.0, 0.0)), rng, 15)
    size = 1.0 if rng.random() < _UNDISPLACED else rng.uniform(2, 8)
    shift = rng.normal(0, 0.5, 3) * size + np.array((-0.4 * inwards * size, 0, 0))
    motion = _turned(symphysis, rng.normal(0, 1, 3), np.radians(rng.uniform(0, 1.2 * size)), shift)
    return Break(name, point, normal, motion)


def _break(body: Body, joint: HipJoint, point: Point3, normal: Point3, motion: Rigid) -> Break | None:
    name = f"femur_{joint.side}"
    return Break(name, point, normal, motion) if name in body.bones else None


def _outwards(joint: HipJoint) -> float:
    """Sign of an outward turn of the leg about the axis down it."""
    return -1.0 if joint.side == "right" else 1.0


def _tilted(axis: Point3, rng: np.random.Generator, sigma_deg: float) -> Point3:
    turned = axis / np.linalg.norm(axis) + np.tan(np.radians(sigma_deg)) * rng.normal(0, 0.6, 3)
    unit: Point3 = turned / np.linalg.norm(turned)
    return unit


def _turned(center: Point3, axis: Point3, angle: float, shift: Point3) -> Rigid:
    """A turn about an axis through a point, then a shift."""
    rotation = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    return Rigid.from_parts(rotation, center - rotation @ center + shift)


def _within(distance: np.ndarray, along: np.ndarray) -> Float32[np.ndarray, "I J K"]:
    cut: Float32[np.ndarray, "I J K"] = np.maximum(distance, along).clip(max=BAND_MM).astype(np.float32)
    return cut


def _moved_box(box: Box, grid: Grid, motion: Rigid) -> Box:
    corners = np.array(np.meshgrid(*[(a, b - 1) for a, b in zip(box.start, box.stop, strict=True)])).reshape(3, -1).T
    world = motion.apply(grid.origin_mm + grid.spacing_mm * corners.astype(np.float64))
    moved = grid.box(world, 0.0) or box
    # With the old box: a shaft that the scan cuts goes on to the scan's end when it has moved up.
    start = tuple(min(pair) for pair in zip(moved.start, box.start, strict=True))
    return Box(start, tuple(max(pair) for pair in zip(moved.stop, box.stop, strict=True)))


def _carried(field: np.ndarray, old: Box, new: Box, grid: Grid, motion: Rigid) -> Float32[np.ndarray, "A B C"]:
    """A field over one box, read over another after its points have moved; beyond its ends it goes on as it ends."""
    frames = [
        Affine.from_parts(np.eye(3) * grid.spacing_mm, grid.origin_mm + grid.spacing_mm * np.array(box.start))
        for box in (old, new)
    ]
    old_from_new = frames[0].inverse() @ motion.inverse() @ frames[1]
    moved: Float32[np.ndarray, "A B C"] = ndimage.affine_transform(
        field.astype(np.float32),
        old_from_new.linear,
        old_from_new.matrix[:3, 3],
        output_shape=new.shape,
        order=1,
        mode="nearest",
    )
    return moved
