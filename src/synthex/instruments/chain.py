"""Parts that move on each other: joints, and where each part is for given joint values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthex.core import Rigid
from synthex.core.arrays import Matrix3, Point3


@dataclass(frozen=True, eq=False)
class Joint:
    """One degree of freedom between a part and its parent.

    Attributes:
        kind: ``revolute`` turns about an axis (degrees), ``prismatic`` slides along it (mm).
        axis: Unit vector, with every joint of the instrument at 0.
        origin_mm: A point on the axis, likewise.
        low: Lower limit, degrees or mm.
        high: Upper limit.
        rest: Value of the instrument at rest.
    """

    kind: Literal["revolute", "prismatic"]
    axis: Point3
    origin_mm: Point3
    low: float | int
    high: float | int
    rest: float | int = 0.0

    def motion(self, value: float | int) -> Rigid:
        """What the joint does to points of the part, in the frame where every joint is at 0."""
        if self.kind == "prismatic":
            return Rigid.from_parts(np.eye(3), self.axis * value)
        turn = _about(self.axis, float(np.deg2rad(value)))
        return Rigid.from_parts(turn, self.origin_mm - turn @ self.origin_mm)


@dataclass(frozen=True, eq=False)
class Link:
    """A part's place in the chain.

    Attributes:
        name: Of the part.
        parent: The part that it hangs on; None is the instrument's fixed frame.
        joint: How it moves on its parent; None is fixed to it.
    """

    name: str
    parent: str | None = None
    joint: Joint | None = None


def cycle(links: Sequence[Link]) -> list[str]:
    """Names of parts that are each other's ancestors, the first one again at the end; empty without a cycle."""
    parents = {link.name: link.parent for link in links}
    for link in links:
        walked = [link.name]
        while (parent := parents[walked[-1]]) is not None:
            if parent in walked:
                return [*walked[walked.index(parent) :], parent]
            walked.append(parent)
    return []


def poses(links: Sequence[Link], values: Mapping[str, float]) -> dict[str, Rigid]:
    """Where each part is: maps points as they are with every joint at 0 to where they are now.

    Args:
        links: Without a cycle, in any order.
        values: Part with a joint to the joint's value; others are at rest.
    """
    by_name = {link.name: link for link in links}
    found: dict[str, Rigid] = {}

    def pose(name: str) -> Rigid:
        if name not in found:
            link = by_name[name]
            above = Rigid.identity() if link.parent is None else pose(link.parent)
            joint = link.joint
            found[name] = above
            if joint is not None:
                found[name] = Rigid(above.matrix @ joint.motion(values.get(name, joint.rest)).matrix)
        return found[name]

    return {link.name: pose(link.name) for link in links}


def rigid_groups(links: Sequence[Link]) -> dict[str, str]:
    """Part to the part that stands for all those that never move on each other; parts on no joint share ``""``."""
    by_name = {link.name: link for link in links}

    def group(name: str | None) -> str:
        if name is None:
            return ""
        return name if by_name[name].joint is not None else group(by_name[name].parent)

    return {link.name: group(link.name) for link in links}


def _about(axis: Point3, angle: float) -> Matrix3:
    """Rotation about a unit vector (Rodrigues)."""
    x, y, z = axis
    across = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across
