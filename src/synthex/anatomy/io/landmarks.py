"""Reading named 3-D points: Slicer markups (JSON and fcsv) and CSV, all to RAS mm."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthex.anatomy.io.images import require_readable
from synthex.core import InputError
from synthex.core.arrays import Point3
from synthex.core.documents import parse_json, read_text
from synthex.core.limits import MAX_LANDMARK_BYTES, MAX_POINTS

LANDMARK_SUFFIXES = (".csv", ".mrk.json", ".fcsv")
_COLUMNS = {
    "name": ("name", "label", "landmark"),
    **{axis: (f"{axis}_ras_mm", f"{axis}_ras", axis, f"{axis}_mm") for axis in "xyz"},
}
_ABSENT = ("0", "false", "no")


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points of one subject.

    Attributes:
        positions: Name to RAS position in mm.
        absent: Names that the file declares to be outside the volume.
    """

    positions: Mapping[str, Point3]
    absent: frozenset[str] = frozenset()


def read_landmarks(path: str | Path) -> Landmarks:
    """Read landmarks from ``.mrk.json``, ``.fcsv`` or ``.csv``.

    Markups state their frame (RAS or LPS) and are converted; in fcsv files it may be a number (0 is
    RAS, 1 is LPS), and a file that states none is RAS, as Slicer's reader takes it. CSV columns are
    ``name,x,y,z`` (or ``x_ras_mm`` …) in RAS; an optional column ``in_volume`` with 0 declares a
    landmark absent. Markups that are not placed (``positionStatus`` other than ``defined``) are
    skipped: they are not annotated.

    Raises:
        InputError: Unreadable, another format, an unknown frame, a repeated name, or a bad number.
    """
    path = Path(path)
    require_readable(path)
    name = path.name.lower()
    readers = {".mrk.json": _read_markups, ".json": _read_markups, ".fcsv": _read_fcsv, ".csv": _read_csv}
    reader = next((function for suffix, function in readers.items() if name.endswith(suffix)), None)
    if reader is None:
        raise InputError(path, "not a landmark file", f"use one of {', '.join(LANDMARK_SUFFIXES)}")
    text = read_text(path, "export the landmarks again", MAX_LANDMARK_BYTES)
    try:
        return reader(path, text)
    except csv.Error as error:
        raise InputError(path, "not a table of text", "export the landmarks again") from error


def _read_markups(path: Path, text: str) -> Landmarks:
    """Slicer markups schema 1.0."""
    damaged = InputError(path, "not a Slicer markups file (truncated or damaged)", "save it again from 3D Slicer")
    document = parse_json(path, text, "save it again from 3D Slicer")
    try:
        markups = document["markups"]
        points: dict[str, Point3] = {}
        for markup in markups:
            sign = _ras_sign(path, str(markup.get("coordinateSystem", "LPS")))
            for point in markup["controlPoints"]:
                if point.get("positionStatus", "defined") == "defined":
                    _add(path, points, str(point["label"]), point["position"], sign)
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged from error
    return _some(path, points, frozenset())


def _read_fcsv(path: Path, text: str) -> Landmarks:
    """Slicer fcsv: comments name the frame and the columns (vtkMRMLMarkupsFiducialStorageNode)."""
    frame, columns = "RAS", ["id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label"]
    points: dict[str, Point3] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            if key.strip() == "CoordinateSystem":
                frame = value.strip()
            elif key.strip() == "columns":
                columns = [column.strip() for column in value.split(",")]
        elif line.strip():
            fields = next(csv.reader([line]))
            row = dict(zip(columns, fields, strict=False))
            if not {"x", "y", "z", "label"} <= set(row):
                raise InputError(path, f"a line with {len(row)} fields", "save it again from 3D Slicer")
            # Slicer 5 appends the status (2 is defined) without naming it among its columns. Older files have
            # none, and every point counts.
            status = row.get("positionStatus") or (fields[len(columns)] if len(fields) > len(columns) else "2")
            if status.strip() in ("2", ""):
                _add(path, points, row["label"], [row[axis] for axis in "xyz"], _ras_sign(path, frame))
    return _some(path, points, frozenset())


def _read_csv(path: Path, text: str) -> Landmarks:
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    header = {(field or "").strip().lower(): field for field in rows.fieldnames or ()}
    column: dict[str, str] = {}
    for key, choices in _COLUMNS.items():
        found = next((header[choice] for choice in choices if choice in header), None)
        if found is None:
            raise InputError(
                path, f"no column {key!r} among {', '.join(header) or 'none'}", "use the columns name,x,y,z"
            )
        column[key] = found
    points: dict[str, Point3] = {}
    absent: set[str] = set()
    for row in rows:
        name = (row[column["name"]] or "").strip()
        # Not header.get("in_volume", ""): pandas writes an index column whose name is empty.
        flag = row.get(header["in_volume"]) if "in_volume" in header else "1"
        if (flag or "1").strip().lower() in _ABSENT:
            absent.add(name)
        else:
            _add(path, points, name, [row[column[axis]] for axis in "xyz"], np.ones(3))
    return _some(path, points, frozenset(absent))


def _ras_sign(path: Path, frame: str) -> np.ndarray:
    if frame.upper() in ("RAS", "0"):
        return np.ones(3)
    if frame.upper() in ("LPS", "1"):
        return np.array((-1.0, -1.0, 1.0))
    raise InputError(path, f"unknown coordinate system {frame!r}", "save it in RAS or LPS")


def _add(path: Path, points: dict[str, Point3], name: str, position: Any, sign: np.ndarray) -> None:
    """Put one point into a dictionary that the caller is building."""
    try:
        point = np.array([float(value) for value in position]) * sign
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(path, f"landmark {name!r} has no position", "give x, y and z in mm, or remove it") from error
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(path, f"landmark {name!r} has no position", "give x, y and z in mm, or remove it")
    if not name or name in points:
        raise InputError(path, f"landmark name {name!r} is {'repeated' if name else 'empty'}", "name each point once")
    if len(points) >= MAX_POINTS:
        raise InputError(path, f"more than {MAX_POINTS} landmarks", "keep the landmarks alone")
    points[name] = point


def _some(path: Path, points: dict[str, Point3], absent: frozenset[str]) -> Landmarks:
    if not points and not absent:
        raise InputError(path, "holds no landmarks", "remove the file, or save the landmarks again")
    both = sorted(absent.intersection(points))
    if both:
        raise InputError(path, f"landmark {both[0]!r} is both placed and absent", "keep one of the two")
    return Landmarks(points, absent)
