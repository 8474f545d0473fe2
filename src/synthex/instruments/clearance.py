"""Whether joints drive parts of an instrument into each other."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthex.anatomy.meshes.loading import Surface
from synthex.anatomy.meshes.voxelise import inside
from synthex.core import Solid
from synthex.instruments.chain import Link, poses, rigid_groups

FINEST_MM = 0.25
"""Edge of the voxels that overlaps are looked for in: our choice. Parts may touch, and polygons that stand for
circles may cut into each other by less."""

_MOST_VOXELS = 96
_STEPS = 9
_COMBINATIONS = 16
_MAX_CORNERS = 4


@dataclass(frozen=True)
class Collision:
    """Two parts in the same place.

    Attributes:
        parts: Their names.
        values: The joints that are not at rest, degrees or mm.
    """

    parts: tuple[str, str]
    values: Mapping[str, float]


def find_collision(links: Sequence[Link], solids: Mapping[str, Solid]) -> Collision | None:
    """The first configuration of the joints in which parts run into each other.

    Looked at are each joint alone at nine values from limit to limit, from rest outwards, then all joints at
    their limits together (up to four joints) and sixteen configurations drawn with a fixed seed. Not compared are
    parts that do not move on each other, a part with the one that its joint hangs on, and parts that overlap at
    rest already: those are drawn so.

    Args:
        links: The chain, without a cycle.
        solids: Name of each part to its body with every joint at 0.
    """
    at_rest = poses(links, {})
    pairs = [
        pair for pair in _moving_pairs(links) if not overlap(*(solids[name].moved(at_rest[name]) for name in pair))
    ]
    if not pairs:
        return None
    for values in configurations(links):
        placed = poses(links, values)
        for pair in pairs:
            if overlap(*(solids[name].moved(placed[name]) for name in pair)):
                return Collision(pair, values)
    return None


def configurations(links: Sequence[Link]) -> Iterator[dict[str, float]]:
    """Joint values to look at, without the joints at rest."""
    joints = {link.name: link.joint for link in links if link.joint is not None}
    for name, joint in joints.items():
        steps = np.linspace(joint.low, joint.high, _STEPS)
        for value in sorted((float(step) for step in steps), key=lambda step, rest=joint.rest: abs(step - rest)):
            yield {name: value}
    if len(joints) < 2:
        return
    if len(joints) <= _MAX_CORNERS:
        for corner in itertools.product(*((float(joint.low), float(joint.high)) for joint in joints.values())):
            yield dict(zip(joints, corner, strict=True))
    rng = np.random.default_rng(0)
    for _ in range(_COMBINATIONS):
        yield {name: float(rng.uniform(joint.low, joint.high)) for name, joint in joints.items()}


def overlap(one: Solid, other: Solid) -> bool:
    """Whether two bodies share a block of 2 x 2 x 2 voxels.

    The voxels are those of the box that both reach into: :data:`FINEST_MM`, or so large that the box is 96 long.
    """
    low = np.maximum(one.vertices_world.min(axis=0), other.vertices_world.min(axis=0))
    high = np.minimum(one.vertices_world.max(axis=0), other.vertices_world.max(axis=0))
    if not (high - low > FINEST_MM).all():
        return False
    spacing = max(FINEST_MM, float((high - low).max()) / _MOST_VOXELS)
    i, j, k = (max(2, int(count)) for count in np.ceil((high - low) / spacing))
    origin = (low + high) / 2 - spacing * (np.array((i, j, k)) - 1) / 2
    shared = np.ones((i, j, k), dtype=bool)
    for solid in (one, other):
        shared &= inside(Surface(solid.vertices_world, solid.faces), origin, spacing, (i, j, k))
    for axis in range(3):
        shared = np.logical_and(*(np.delete(shared, end, axis=axis) for end in (0, -1)))
    return bool(shared.any())


def _moving_pairs(links: Sequence[Link]) -> list[tuple[str, str]]:
    group = rigid_groups(links)
    hinged = {frozenset((link.name, link.parent)) for link in links if link.joint is not None and link.parent}
    pairs = itertools.combinations((link.name for link in links), 2)
    return [(a, b) for a, b in pairs if group[a] != group[b] and frozenset((a, b)) not in hinged]
