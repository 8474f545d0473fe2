"""Implants of hip, pelvis and spine, placed where surgeons place them."""

from collections.abc import Callable, Mapping

import numpy as np

from synthex.anatomy.hip_geometry import HipJoint, hip_joints
from synthex.core import Anatomy, Rigid, Solid
from synthex.core.arrays import Point3
from synthex.instruments import shapes
from synthex.instruments.library import CannulatedScrew, HipImplant
from synthex.instruments.sweep import Surface, lathe, merge_surfaces, swept_tube

Maker = Callable[[HipJoint, np.random.Generator], tuple[Solid, ...]]

_UP = np.array((0.0, 0.0, 1.0))
_METALS = ("ti6al4v", "steel_316l")
_SHAFT_MM = 15.0
"""Radius of a femur below its trochanters (Noble et al. 1988, Clin Orthop 235:148: 27 to 30 mm across)."""

_BOTH_SIDES = 0.3
"""Share of people with an implant whose other side has one too."""

_SHARES = {
    "total": 0.32,
    "hemi": 0.14,
    "nail": 0.14,
    "sliding_screw": 0.1,
    "screws": 0.1,
    "cerclage": 0.02,
    "symphysis_plate": 0.05,
    "sacral_screws": 0.05,
    "spinal_rods": 0.08,
}
"""How often each is drawn: our choice, by how common they are on radiographs of hips. From ``symphysis_plate`` on they
are not of one hip."""


def place_implants(anatomy: Anatomy, rng: np.random.Generator) -> tuple[tuple[Solid, ...], tuple[str, ...]]:
    """Draw implants for a subject; none where it lacks what they are placed by.

    A prosthesis stands in a void of soft tissue that takes the place of the resected head and neck; its head's centre
    is the landmark FH. Masks stay those of the bones.

    Args:
        anatomy: Femurs, head centres and what else of the six bones there is.
        rng: Kind, sides, sizes and small misplacements.

    Returns:
        Bodies in the order in which they displace each other, and what they are (``total_left``).
    """
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    if kind in _OF_PELVIS:
        solids = _OF_PELVIS[kind](anatomy, rng)
        return solids, (kind,) if solids else ()
    joints = hip_joints(anatomy)
    found: list[Solid] = []
    names: list[str] = []
    sides = list(rng.permutation(sorted(joints)))
    for side in sides if rng.random() < _BOTH_SIDES else sides[:1]:
        found += _OF_HIP[kind](joints[side], rng)
        names.append(f"{kind}_{side}")
        if rng.random() < 0.5:  # the other side may differ
            kind = str(rng.choice(list(_OF_HIP)))
    return tuple(found), tuple(names)


def _total(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """Stem, head, liner and cup, after the head and neck are resected."""
    return (*_void(joint), *_prosthesis(joint, rng, cup=True))


def _hemi(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """A stem with a head as large as the one it replaces, or bipolar: such a head around a small one."""
    parts = _prosthesis(joint, rng, cup=False)
    ball = _moved(shapes.sphere(0.97 * joint.radius_mm), Rigid.from_parts(np.eye(3), joint.head))
    return (*_void(joint), *parts, Solid("hemi/ball", *ball, "cocrmo"))


def _void(joint: HipJoint) -> tuple[Solid, ...]:
    """Soft tissue in place of head and neck."""
    reach = float(np.linalg.norm(joint.base - joint.head))
    ball = _moved(shapes.sphere(joint.radius_mm + 0.5), Rigid.from_parts(np.eye(3), joint.head))
    neck = _moved(shapes.cylinder(0.75 * joint.radius_mm, 0.68 * reach), shapes.placed(joint.head, joint.neck))
    return (Solid("resection", *merge_surfaces((ball, neck)), "soft_tissue"),)


def _prosthesis(joint: HipJoint, rng: np.random.Generator, cup: bool) -> tuple[Solid, ...]:
    offset = float(np.linalg.norm(joint.head - joint.base - ((joint.head - joint.base) @ joint.down) * joint.down))
    forward = 1.0 if joint.side == "left" else -1.0  # which way the body's y points to the front
    turn = tuple(sorted((5.0 * forward, 25.0 * forward)))
    implant = HipImplant(
        stem_mm=(90.0, 190.0),
        offset_mm=float(np.clip(offset, 26.0, 69.0)),
        head_diameter_mm=(22.0, 40.0),
        liner_mm=(3.5, 8.0),
        anteversion_deg=turn,
        stem_material=str(rng.choice(("ti6al4v", "ti6al4v", "cocrmo"))),
    )
    sizes = implant.draw(rng)
    # The shell fits the socket: it reaches a few millimetres into its bone.
    outer = joint.radius_mm + float(rng.uniform(1, 5))
    sizes["liner_mm"] = float(np.clip(outer - sizes["head_diameter_mm"] / 2 - sizes["shell_mm"], 3.5, 8.0))
    body = implant.body(sizes)
    angle = np.deg2rad(sizes["ccd_deg"])
    center = np.array((sizes["offset_mm"], 0.0, sizes["offset_mm"] / np.tan(angle)))
    medial = -joint.lateral
    frame = np.stack((medial, np.cross(joint.down, medial), joint.down), axis=1)
    placed = body.moved(Rigid.from_parts(frame, joint.head - frame @ center))
    wanted = {"stem", "neck", "head", "liner", "shell"} if cup else {"stem", "neck"}
    return tuple(solid for solid in placed.solids if solid.name.rsplit("/", 1)[-1] in wanted)


def _lag_screw(joint: HipJoint, rng: np.random.Generator, diameter_mm: float, material: str) -> Solid:
    """A screw from the lateral cortex through the neck into the head."""
    entry = joint.base + 1.05 * _SHAFT_MM * joint.neck + rng.normal(0, 2, 3)
    end = joint.head + rng.normal(0, 3, 3)
    along = (end - entry) / np.linalg.norm(end - entry)
    length = float(np.linalg.norm(end - entry)) + float(rng.uniform(0.3, 0.75)) * joint.radius_mm
    return _screw("lag_screw", entry, along, length, diameter_mm, material, thread_mm=25.0)


def _sliding_screw(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """A lag screw in a barrel on a plate along the lateral cortex, with screws across the shaft."""
    metal = str(rng.choice(_METALS))
    holes = int(rng.integers(2, 6))
    length = 30.0 + 18.0 * holes
    frame = np.stack((joint.lateral, np.cross(joint.down, joint.lateral), joint.down), axis=1)
    at = joint.base + (_SHAFT_MM + 2.0) * joint.lateral + (0.5 * length - 15.0) * joint.down
    plate = _moved(shapes.box(np.array((5.5, 17.0, length))), Rigid.from_parts(frame, at))
    entry = joint.base + 1.05 * _SHAFT_MM * joint.neck
    barrel = _moved(shapes.cylinder(6.3, 38.0), shapes.placed(entry, -joint.neck))
    solids = [Solid("plate", *merge_surfaces((plate, barrel)), metal), _lag_screw(joint, rng, 11.5, metal)]
    for number in range(holes):
        start = at + (-0.5 * length + 28.0 + 18.0 * number) * joint.down + 3.0 * joint.lateral
        solids.append(_screw("shaft_screw", start, -joint.lateral, float(rng.uniform(34, 44)), 4.5, metal))
    return tuple(solids)


def _nail(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """A nail down the shaft from the greater trochanter's tip, a screw through it into the head, a locking screw."""
    metal = str(rng.choice(_METALS))
    length = float(rng.choice((170.0, 200.0, 240.0, 380.0)))
    radius = float(rng.uniform(5.0, 6.5))
    top = joint.base - 45.0 * joint.down + 6.0 * joint.lateral
    knee = joint.base + 15.0 * joint.down
    line = np.stack((top, knee, knee + (length - 60.0) * joint.down))
    nail = swept_tube(line, np.array((1.25 * radius, radius, radius)), 16)
    locking = knee + (length - 90.0) * joint.down + (_SHAFT_MM + 3.0) * joint.lateral
    return (
        Solid("nail", *nail, metal),
        _lag_screw(joint, rng, float(rng.uniform(9.5, 11.5)), metal),
        _screw("locking_screw", locking, -joint.lateral, 38.0, 5.0, metal),
    )


def _screws(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """Two or three parallel cannulated screws through the neck."""
    metal = str(rng.choice(_METALS))
    across = np.cross(joint.neck, joint.down)
    across /= np.linalg.norm(across)
    upwards = np.cross(across, joint.neck)
    turn = rng.uniform(0, 2 * np.pi)
    angles = turn + np.linspace(0, 2 * np.pi, int(rng.integers(2, 4)), endpoint=False)
    solids = []
    for angle in angles:
        entry = joint.base + 1.05 * _SHAFT_MM * joint.neck + 8.0 * (np.cos(angle) * across + np.sin(angle) * upwards)
        length = float(np.linalg.norm(joint.head - joint.base)) + 1.05 * _SHAFT_MM
        length += float(rng.uniform(0.2, 0.6)) * joint.radius_mm
        solids.append(_screw("screw", entry, -joint.neck, length, float(rng.uniform(6.5, 7.5)), metal))
    return tuple(solids)


def _cerclage(joint: HipJoint, rng: np.random.Generator) -> tuple[Solid, ...]:
    """Wires around the shaft."""
    turns = np.linspace(0, 2 * np.pi, 9)
    solids = []
    for number in range(int(rng.integers(1, 4))):
        wire = 0.6 + 0.4 * rng.random()
        profile = np.stack((wire * np.sin(turns), _SHAFT_MM + 2.0 + wire * np.cos(turns)), axis=1)
        profile[-1] = profile[0]
        at = joint.base + (25.0 + 22.0 * number) * joint.down
        solids.append(Solid("cerclage", *_moved(lathe(profile, 24), shapes.placed(at, joint.down)), "steel_316l"))
    return tuple(solids)


def _symphysis_plate(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Solid, ...]:
    """A plate over the symphysis with screws down the pubic bodies."""
    ends = [anatomy.landmarks.get(f"SPS-{key}") for key in "lr"]
    if ends[0] is None or ends[1] is None:
        return ()
    metal = str(rng.choice(_METALS))
    middle = (ends[0] + ends[1]) / 2 + np.array((0.0, 2.0, 4.0))
    holes = int(rng.choice((4, 6)))
    x = (np.arange(holes) - (holes - 1) / 2) * 12.0
    points = middle + np.stack((x, -0.006 * x**2, -0.004 * x**2), axis=1)
    rings = [_moved(shapes.tube(5.0, 2.3, 3.2), shapes.placed(point, _UP)) for point in points]
    links = swept_tube(points + 1.6 * _UP, np.full(holes, 2.2), 8)
    down = np.array((0.0, -0.35, -0.94))
    screws = [_screw("screw", p + 3.0 * _UP, down, float(rng.uniform(28, 50)), 3.5, metal) for p in points]
    return (Solid("plate", *merge_surfaces((*rings, links)), metal), *screws)


def _sacral_screws(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Solid, ...]:
    """Screws through the ilium into the first sacral body, from one side or both."""
    points = _points_of(anatomy, "sacrum")
    if len(points) < 50:
        return ()
    upper = points[points[:, 2] > np.quantile(points[:, 2], 0.75)]
    front = upper[upper[:, 1] > np.quantile(upper[:, 1], 0.5)]
    middle = front.mean(axis=0) + np.array((0.0, -8.0, -6.0))
    solids = []
    for outward in rng.permutation((-1.0, 1.0))[: int(rng.integers(1, 3))]:
        entry = middle + np.array((outward * rng.uniform(65, 80), rng.uniform(-12, 0), rng.uniform(-8, 8)))
        end = middle + np.array((-outward * rng.uniform(-5, 15), 0.0, 0.0))
        along = (end - entry) / np.linalg.norm(end - entry)
        length = float(np.linalg.norm(end - entry))
        solids.append(_screw("sacral_screw", entry, along, length, 7.3, "ti6al4v"))
    return tuple(solids)


def _spinal_rods(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Solid, ...]:
    """Pedicle screws at two or three levels of the lower spine, joined by a rod on each side."""
    points = _points_of(anatomy, "vertebrae")
    if len(points) < 50:
        return ()
    lowest, highest = np.quantile(points[:, 2], (0.02, 0.98))
    levels = [z for z in lowest + 18.0 + 36.0 * np.arange(int(rng.integers(2, 4))) if z < highest - 8.0]
    if len(levels) < 2:
        return ()
    metal = str(rng.choice(("ti6al4v", "ti6al4v", "cocrmo")))
    solids = []
    for outward in (-1.0, 1.0):
        heads = []
        for z in levels:
            near = points[np.abs(points[:, 2] - z) < 10]
            middle = near.mean(axis=0)
            front, behind = np.quantile(near[:, 1], (0.9, 0.3))
            entry = np.array((middle[0] + outward * 19.0, behind - 6.0, z + rng.normal(0, 2)))
            end = np.array((middle[0] + outward * 9.0, max(front, entry[1] + 30.0), z + rng.normal(0, 3)))
            along = (end - entry) / np.linalg.norm(end - entry)
            solids.append(_screw("pedicle_screw", entry, along, float(rng.uniform(38, 48)), 6.5, metal))
            heads.append(entry - 5.0 * along)
        rod = np.array(heads)
        reach = (rod[-1] - rod[0]) / np.linalg.norm(rod[-1] - rod[0])
        line = np.concatenate(((rod[0] - 9.0 * reach)[None], rod, (rod[-1] + 9.0 * reach)[None]))
        solids.append(Solid("rod", *swept_tube(line, 2.75, 12), metal))
    return tuple(solids)


def _screw(
    name: str, entry: Point3, along: Point3, length_mm: float, diameter_mm: float, metal: str, thread_mm: float = 30.0
) -> Solid:
    """A screw whose head sits at ``entry``."""
    tool = CannulatedScrew(
        thread_diameter_mm=diameter_mm,
        length_mm=float(np.clip(length_mm, 20.0, 180.0)),
        thread_mm=thread_mm,
        lumen_share=0.3,
        head_diameter_mm=float(np.clip(1.35 * diameter_mm, 4.0, 16.0)),
        material=metal,
    )
    (body,) = tool.body({}).solids
    moved = body.moved(shapes.placed(entry, along / np.linalg.norm(along)))
    return Solid(name, moved.vertices_world, moved.faces, metal)


def _points_of(anatomy: Anatomy, structure: str) -> np.ndarray:
    """Some voxels of a structure, RAS mm."""
    number = anatomy.structures.get(structure)
    if number is None:
        return np.zeros((0, 3))
    step = 3
    found = np.argwhere(anatomy.labels.data[::step, ::step, ::step] == number).astype(np.float64) * step
    points: np.ndarray = anatomy.labels.world_from_ijk.apply(found) if len(found) else np.zeros((0, 3))
    return points


def _moved(surface: Surface, pose: Rigid) -> Surface:
    return pose.apply(surface[0]), surface[1]


_OF_HIP: Mapping[str, Maker] = {
    "total": _total,
    "hemi": _hemi,
    "nail": _nail,
    "sliding_screw": _sliding_screw,
    "screws": _screws,
    "cerclage": _cerclage,
}
_OF_PELVIS: Mapping[str, Callable[[Anatomy, np.random.Generator], tuple[Solid, ...]]] = {
    "symphysis_plate": _symphysis_plate,
    "sacral_screws": _sacral_screws,
    "spinal_rods": _spinal_rods,
}
