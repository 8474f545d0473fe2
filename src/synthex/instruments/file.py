"""An instrument that a user describes in one YAML file: parts, materials, joints, landmarks."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError, Rigid
from synthex.core.arrays import Point3, Points3
from synthex.instruments import shapes
from synthex.instruments.body import InstrumentBody
from synthex.instruments.chain import poses
from synthex.instruments.clearance import find_collision
from synthex.instruments.description import Anchor, Description, read_description
from synthex.instruments.mesh_file import LARGEST_MM, SMALLEST_MM, UNITS_MM, nearest_units

_SHORTEST_SHAFT_MM = 1.0
"""Of an instrument without anything behind its base: a direction is what is needed."""

_EDGE_STEPS = 33
"""Points along an edge at which the radius about the centre line is measured: our choice, for parts that have
corners only at their ends."""


class InstrumentFile:
    """An :class:`synthex.instruments.Instrument` from a YAML file (``docs/instruments.md`` describes it).

    The file has a frame of its own; bodies are moved to the frame of instruments: the first point of the centre
    line to the origin, the end of the shaft along +z.

    Attributes:
        path: The file.
        name: Of the instrument.
        landmarks: Their names, in the file's order.
        joints: Part to the limits of its joint (low, high), degrees or mm.

    Raises:
        InputError: Anything in the file that cannot be used: one line with the file, the key and what to do.
        ConfigError: ``path`` is no path.
    """

    def __init__(self, path: str | Path) -> None:
        if not isinstance(path, str | Path):
            raise ConfigError(f"path={path!r}: give the path of a YAML file that describes an instrument")
        self.path = Path(path).expanduser()
        self._description = read_description(self.path)
        self.name = self._description.name
        self.landmarks = tuple(self._description.landmarks)
        self._joints = {link.name: link.joint for link in self._description.links if link.joint is not None}
        self.joints = {name: (float(joint.low), float(joint.high)) for name, joint in self._joints.items()}
        _check_size(self._description)
        _check_line(self._description)
        _check_clearance(self._description)
        radius = self._description.radius_mm
        self._radius_mm = _radius(self._description) if radius is None else radius

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Uniform within the limits of every joint."""
        return {name: float(rng.uniform(low, high)) for name, (low, high) in self.joints.items()}

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The instrument with its joints so; those not named are at rest.

        Raises:
            ConfigError: A joint that the instrument does not have, or a value outside of its limits.
        """
        for name, value in joints.items():
            if name not in self.joints:
                raise ConfigError(f"{self.name} has no joint {name!r}; its joints are: {', '.join(self.joints)}")
            low, high = self.joints[name]
            if not low <= value <= high:
                raise ConfigError(f"joint {name} of {self.name} is {value}; its limits are [{low:g}, {high:g}]")
        values = {name: float(joints.get(name, joint.rest)) for name, joint in self._joints.items()}
        description = self._description
        placed = poses(description.links, values)
        centerline = _points(description.centerline, placed)
        shaft = _shaft(description, placed)
        frame = shapes.placed(shaft[-1], _unit(shaft[-1] - shaft[-2])).inverse()
        landmarks = _points(tuple(description.landmarks.values()), placed)
        return InstrumentBody(
            self.name,
            tuple(solid.moved(frame @ placed[part]) for part, solid in description.solids.items()),
            dict(zip(description.landmarks, frame.apply(landmarks), strict=True)),
            frame.apply(centerline),
            frame.apply(shaft),
            self._radius_mm,
            values,
        )


def _points(anchors: tuple[Anchor, ...], placed: Mapping[str, Rigid]) -> Points3:
    """Where anchors are, in the file's frame."""
    rows = [
        anchor.position_mm if anchor.part is None else placed[anchor.part].apply(anchor.position_mm[None])[0]
        for anchor in anchors
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _shaft(description: Description, placed: Mapping[str, Rigid]) -> Points3:
    """The shaft in the file's frame, ending at the base.

    Without one in the file it runs straight back from the base, as far as there are parts behind it at rest, and
    is fixed to the part that carries the base.
    """
    base = _points(description.centerline[:1], placed)
    if description.shaft:
        points = _points(description.shaft, placed)
        return points if np.allclose(points[-1], base[0]) and len(points) > 1 else np.concatenate([points, base])
    at_rest = poses(description.links, {})
    rest = _points(description.centerline[:2], at_rest)
    axis = _unit(rest[1] - rest[0])
    behind = min(
        float(((at_rest[p].apply(s.vertices_world) - rest[0]) @ axis).min()) for p, s in description.solids.items()
    )
    back = rest[0] - axis * max(-behind, _SHORTEST_SHAFT_MM)
    part = description.centerline[0].part
    if part is not None:
        back = (placed[part] @ at_rest[part].inverse()).apply(back[None])[0]
    return np.concatenate([back[None], base])


def _check_size(description: Description) -> None:
    """Refuse what no instrument measures: wrong units, of the parts, of landmarks, of joints or of the radius."""
    top = description.top
    low, high = _extent(description, {})
    length = float((high - low).max())
    unit = top.get("unit", "mm")
    if not SMALLEST_MM < length < LARGEST_MM:
        units = nearest_units(length / UNITS_MM[unit])
        raise top.error("unit", f"is {unit}, which makes the instrument {length:.3g} mm long", f"set unit: {units}")
    placed = poses(description.links, {})
    for name, point in zip(description.landmarks, _points(tuple(description.landmarks.values()), placed), strict=True):
        away = float(np.maximum(np.maximum(low - point, point - high), 0).max())
        if away > length:
            raise top.error(
                f"landmarks.{name}.position",
                f"is {away:.4g} mm away from an instrument {length:.4g} mm long",
                f"give it in the unit of the file ({unit}) and in the frame of its parts",
            )
    if description.radius_mm is not None and description.radius_mm > length:
        problem = f"is {description.radius_mm:g}, and the instrument is {length:.4g} mm long"
        raise top.error("radius_mm", problem, "give it in mm, whatever the unit of the file")
    for link in description.links:
        for limit in (link.joint.low, link.joint.high) if link.joint is not None else ():
            ends = _extent(description, {link.name: float(limit)})
            reach = float((ends[1] - ends[0]).max())
            if reach > LARGEST_MM:
                problem = f"make the instrument {reach:.3g} mm long"
                raise top.error(
                    f"parts.{link.name}.joint.limits", problem, f"give them in the unit of the file ({unit})"
                )


def _check_line(description: Description) -> None:
    """Neighbouring points of the centre line and of the shaft must differ, at rest."""
    placed = poses(description.links, {})
    lines = {"centerline": _points(description.centerline, placed)}
    if (np.linalg.norm(np.diff(lines["centerline"], axis=0), axis=1) > 0).all():
        lines["shaft"] = _shaft(description, placed)
    for key, points in lines.items():
        same = np.linalg.norm(np.diff(points, axis=0), axis=1) == 0
        if same.any():
            number = int(np.argmax(same))
            problem = f"has its points {number + 1} and {number + 2} in the same place"
            raise description.top.error(key, problem, "leave one of them out")


def _check_clearance(description: Description) -> None:
    collision = find_collision(description.links, description.solids)
    if collision is None:
        return
    joints = {link.name: link.joint for link in description.links}
    units = {
        name: "degrees" if joint is not None and joint.kind == "revolute" else "mm" for name, joint in joints.items()
    }
    values = " and ".join(f"{name} at {value:.4g} {units[name]}" for name, value in collision.values.items())
    one, other = collision.parts
    raise description.top.error(
        f"parts.{next(iter(collision.values))}.joint.limits",
        f"let {one} and {other} run into each other ({values})",
        "narrow the limits or move the parts apart",
    )


def _radius(description: Description) -> float:
    """Largest distance of the parts' surfaces from the centre line, beside it, at rest."""
    line = _points(description.centerline, poses(description.links, {}))
    samples = []
    for points, solid in zip(_corners(description, {}), description.solids.values(), strict=True):
        edges = np.unique(np.sort(solid.faces[:, ((0, 1), (1, 2), (2, 0))].reshape(-1, 2), axis=1), axis=0)
        steps = np.linspace(0, 1, _EDGE_STEPS)[:, None, None]
        samples.append((points[edges[:, 0]] * (1 - steps) + points[edges[:, 1]] * steps).reshape(-1, 3))
    distances = _beside(np.concatenate(samples), line)
    if not len(distances):
        raise description.top.error("radius_mm", "is not given, and no part is beside the centre line", "give it")
    return float(distances.max())


def _beside(points: Points3, line: Float[np.ndarray, "K 3"]) -> Float[np.ndarray, "M"]:
    """Distances to a polyline of those points that lie neither before its start nor beyond its end."""
    best = np.full(len(points), np.inf)
    beside = np.zeros(len(points), dtype=bool)
    last = len(line) - 2
    for number, (start, end) in enumerate(pairwise(line)):
        step = end - start
        along = (points - start) @ step / (step @ step)
        foot = np.clip(along, 0, 1)
        distance = np.linalg.norm(points - start - foot[:, None] * step, axis=1)
        nearer = distance < best
        outside = ((number == 0) & (along < 0)) | ((number == last) & (along > 1))
        beside = np.where(nearer, ~outside, beside)
        best = np.where(nearer, distance, best)
    return best[beside]


def _extent(description: Description, values: Mapping[str, float]) -> tuple[Point3, Point3]:
    """Lowest and highest coordinates of all parts, in the file's frame, with joints so."""
    points = np.concatenate(_corners(description, values))
    return points.min(axis=0), points.max(axis=0)


def _corners(description: Description, values: Mapping[str, float]) -> list[Points3]:
    """Corners of every part, in the file's frame, with joints so; those not named are at rest."""
    placed = poses(description.links, values)
    return [placed[part].apply(solid.vertices_world) for part, solid in description.solids.items()]


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)
