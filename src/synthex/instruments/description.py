"""What a user's YAML file says about an instrument, checked key by key."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from synthex.core import Affine, ConfigError, InputError, Solid
from synthex.core.arrays import Point3
from synthex.instruments import shapes
from synthex.instruments.chain import Joint, Link, cycle
from synthex.instruments.entry import Entry, is_point, read_entry
from synthex.instruments.mesh_file import UNITS_MM, load_solid
from synthex.instruments.sweep import Surface
from synthex.physics import get_material

SHAPE_KEYS: Mapping[str, tuple[str, ...]] = {
    "cylinder": ("radius", "length"),
    "cone": ("radius", "length", "tip_radius"),
    "capsule": ("radius", "length"),
    "tube": ("radius", "inner_radius", "length"),
    "sphere": ("radius",),
    "box": ("size",),
}
"""Sizes of each primitive."""

_TOP_KEYS = ("name", "unit", "parts", "landmarks", "centerline", "shaft", "radius_mm")
_PART_KEYS = ("material", "density", "parent", "joint", "at", "axis")
_JOINT_KEYS = ("type", "axis", "origin", "limits", "rest")
_Z = (0.0, 0.0, 1.0)
_ORIGIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Anchor:
    """A point that moves with a part.

    Attributes:
        part: None is the fixed frame.
        position_mm: With every joint at 0.
    """

    part: str | None
    position_mm: Point3


@dataclass(frozen=True, eq=False)
class Description:
    """A checked file; lengths in mm, positions in the file's own frame with every joint at 0.

    Attributes:
        name: Of the instrument.
        solids: Part to its body, called ``<name>/<part>``, in the file's order.
        links: How the parts hang together.
        landmarks: Name to point.
        centerline: At least two points, from base to tip.
        shaft: From its far end, the base not included; empty where the file says nothing.
        radius_mm: Of the inserted part; None where the file says nothing.
        top: The file, for errors about it.
    """

    name: str
    solids: Mapping[str, Solid]
    links: tuple[Link, ...]
    landmarks: Mapping[str, Anchor]
    centerline: tuple[Anchor, ...]
    shaft: tuple[Anchor, ...]
    radius_mm: float | None
    top: Entry


def read_description(path: Path) -> Description:
    """Read and check a file.

    Raises:
        InputError: Anything in it that cannot be used: one line with the file, the key and what to do.
    """
    raw = read_entry(path)
    raw.only(_TOP_KEYS)
    unit = raw.choice("unit", tuple(UNITS_MM), "mm")
    top = Entry(path, "", raw.values, UNITS_MM[unit])
    name = top.text("name")
    if "/" in name:
        raise top.error("name", f"is {name!r}", "leave out the slash: it separates instrument and part")
    parts = top.entry("parts")
    if not parts.values:
        raise top.error("parts", "is empty", "describe at least one part")
    entries = {str(part): parts.entry(part) for part in parts.values}
    links = tuple(_link(part, entry, tuple(entries)) for part, entry in entries.items())
    loop = cycle(links)
    if loop:
        raise top.error(f"parts.{loop[0]}.parent", f"makes a circle ({' on '.join(loop)})", "let one of them hang free")
    solids = {part: _solid(f"{name}/{part}", entry, unit) for part, entry in entries.items()}
    landmarks = _landmarks(top, solids)
    if top.get("centerline") is None and len(landmarks) < 2:
        raise top.error("centerline", "is missing, and there are no two landmarks to draw it through", "give it")
    line = _line(top, "centerline", landmarks, solids) if top.get("centerline") is not None else landmarks.values()
    centerline = tuple(line)
    if len(centerline) < 2:
        raise top.error("centerline", f"has {len(centerline)} points", "give at least base and tip")
    shaft = _line(top, "shaft", landmarks, solids) if top.get("shaft") is not None else ()
    radius_mm = None
    if top.get("radius_mm") is not None:
        radius_mm = Entry(path, "", top.values).length("radius_mm")
    return Description(name, solids, links, landmarks, centerline, tuple(shaft), radius_mm, top)


def _link(part: str, entry: Entry, parts: Sequence[str]) -> Link:
    parent = entry.get("parent")
    if parent is not None:
        parent = _known_part(entry, "parent", parts)
    if entry.get("joint") is None:
        return Link(part, parent)
    if parent is None:
        raise entry.error("joint", "has no part to move on", "give the part's parent")
    joint = entry.entry("joint")
    joint.only(_JOINT_KEYS)
    kind = joint.choice("type", ("revolute", "prismatic"))
    scale, what = (1.0, "degrees") if kind == "revolute" else (float(joint.length_mm), "unit of length")
    limits = joint.get("limits")
    if not (isinstance(limits, list) and is_point([*limits, 0])):
        raise joint.error("limits", f"is {limits!r}", f"write [low, high] in {what}")
    low, high = (float(limit) * scale for limit in limits)
    if low > high:
        raise joint.error("limits", f"is {limits}, low above high", f"write [{limits[1]}, {limits[0]}]")
    rest = joint.number("rest", 0.0) * scale
    if not low <= rest <= high:
        stated = "is" if joint.get("rest") is not None else "is not given and therefore"
        raise joint.error("rest", f"{stated} {rest / scale:g}, outside of limits {limits}", "give one within them")
    axis, origin = joint.direction("axis"), joint.point("origin", _ORIGIN)
    return Link(part, parent, Joint(cast(Literal["revolute", "prismatic"], kind), axis, origin, low, high, rest))


def _solid(name: str, entry: Entry, unit: str) -> Solid:
    """A part's body, with every joint at 0."""
    if (entry.get("shape") is None) == (entry.get("mesh") is None):
        raise entry.error("", "needs either a shape or a mesh", f"give one: shape is {', '.join(SHAPE_KEYS)}")
    material = entry.text("material")
    try:
        get_material(material)
    except ConfigError as error:
        problem, _, remedy = str(error).partition("; ")
        raise entry.error("material", f"is an {problem}", remedy) from error
    density = entry.number("density") if entry.get("density") is not None else None
    if density is not None and not density > 0:
        raise entry.error("density", f"is {density:g}", "write g/cm3 above 0, or leave it out for the material's own")
    place = shapes.placed(entry.point("at", _ORIGIN), entry.direction("axis", _Z))
    if entry.get("mesh") is not None:
        return _mesh(name, entry, unit, place, material, density)
    shape = entry.choice("shape", tuple(SHAPE_KEYS))
    entry.only(("shape", *SHAPE_KEYS[shape], *_PART_KEYS))
    vertices, faces = _surface(shape, entry)
    return Solid(name, place.apply(vertices), faces, material, density)


def _mesh(name: str, entry: Entry, unit: str, place: Affine, material: str, density: float | None) -> Solid:
    entry.only(("mesh", "unit", *_PART_KEYS))
    file = entry.path.parent / Path(entry.text("mesh")).expanduser()
    unit = entry.choice("unit", tuple(UNITS_MM), unit)
    try:
        return load_solid(file, material, name, place, unit, density)
    except InputError as error:
        raise entry.error("mesh", f"{file}: {error.problem}", error.remedy) from error


def _surface(shape: str, entry: Entry) -> Surface:
    if shape == "box":
        size = entry.point("size")
        if not (size > 0).all():
            raise entry.error("size", f"is {entry.get('size')}", "write three lengths above 0")
        return shapes.box(size)
    radius = entry.length("radius")
    if shape == "sphere":
        return shapes.sphere(radius)
    length = entry.length("length")
    if shape == "tube":
        inner = entry.length("inner_radius")
        if not inner < radius:
            raise entry.error("inner_radius", f"is {entry.get('inner_radius')}", "write less than the radius")
        return shapes.tube(radius, inner, length)
    if shape == "cone":
        tip = entry.length("tip_radius", 0.0) if entry.get("tip_radius") != 0 else 0.0
        return shapes.cone(radius, length, tip)
    return shapes.capsule(radius, length) if shape == "capsule" else shapes.cylinder(radius, length)


def _landmarks(top: Entry, solids: Mapping[str, Solid]) -> dict[str, Anchor]:
    if top.get("landmarks") is None:
        return {}
    landmarks = top.entry("landmarks")
    found = {}
    for name in landmarks.values:
        entry = landmarks.entry(name)
        entry.only(("part", "position"))
        found[str(name)] = _anchor(entry, tuple(solids))
    return found


def _anchor(entry: Entry, parts: Sequence[str]) -> Anchor:
    return Anchor(_known_part(entry, "part", parts), entry.point("position"))


def _known_part(entry: Entry, key: str, parts: Sequence[str]) -> str:
    part = entry.text(key)
    if part not in parts:
        raise entry.error(key, f"is {part!r}, which is no part of this file", _nearest(part, parts))
    return part


def _line(top: Entry, key: str, landmarks: Mapping[str, Anchor], solids: Mapping[str, Solid]) -> list[Anchor]:
    """Points given as names of landmarks, as positions in the fixed frame, or as {part, position}."""
    values: Any = top.get(key)
    if not isinstance(values, list) or not values:
        raise top.error(key, f"is {values!r}", "write a list of names of landmarks or of positions [x, y, z]")
    points = []
    for number, value in enumerate(values):
        place = f"{key}[{number}]"
        if isinstance(value, str):
            if value not in landmarks:
                raise top.error(place, f"is {value!r}, a landmark that nobody defines", _nearest(value, landmarks))
            points.append(landmarks[value])
        elif isinstance(value, dict):
            entry = Entry(top.path, place, value, top.length_mm)
            entry.only(("part", "position"))
            points.append(_anchor(entry, tuple(solids)))
        else:
            points.append(Anchor(None, Entry(top.path, "", {place: value}, top.length_mm).point(place)))
    return points


def _nearest(word: str, known: Sequence[str] | Mapping[str, Anchor]) -> str:
    near = difflib.get_close_matches(word, list(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known) or '(none is there)'}"
