"""Small closed surfaces and folders of bone meshes."""

import json
from pathlib import Path

import numpy as np
import trimesh


def write_bone(folder: Path, name: str, mesh: trimesh.Trimesh) -> Path:
    """Write one mesh; the suffix of ``name`` chooses the format."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    mesh.export(path)
    return path


def box_at(center: tuple[float, float, float], size: tuple[float, float, float]) -> trimesh.Trimesh:
    """A closed box."""
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(center)
    return mesh


def sphere_at(center: tuple[float, float, float], radius: float) -> trimesh.Trimesh:
    """A closed sphere of 1280 triangles."""
    mesh = trimesh.creation.icosphere(3, radius)
    mesh.apply_translation(center)
    return mesh


def write_landmarks(path: Path, points: dict[str, tuple[float, float, float]], frame: str = "RAS") -> None:
    """A Slicer markups file."""
    controls = [{"label": name, "position": list(point), "positionStatus": "defined"} for name, point in points.items()]
    markup = {"type": "Fiducial", "coordinateSystem": frame, "controlPoints": controls}
    path.write_text(json.dumps({"markups": [markup]}), encoding="utf-8")


def write_toy_pelvis(folder: Path, scale: float = 1.0, suffix: str = "ply") -> Path:
    """Two boxes as hips with spheres as femoral heads on shafts, a sacrum and two vertebrae."""
    parts = {
        "sacrum": box_at((0, -60, 60), (70, 40, 90)),
        "vertebra_L5": box_at((0, -30, 125), (45, 55, 28)),
        "vertebra_L4": box_at((0, -30, 160), (45, 55, 28)),
    }
    for side, sign in (("left", -1), ("right", 1)):
        parts[f"pelvis_{side}"] = box_at((sign * 65, 0, 50), (55, 120, 200))
        head = sphere_at((sign * 110, 0, 0), 24)
        shaft = box_at((sign * 122, 0, -120), (30, 30, 240))
        parts[f"femur_{side}"] = trimesh.util.concatenate([head, shaft])
    for name, mesh in parts.items():
        mesh.apply_scale(scale)
        write_bone(folder, f"{name}.{suffix}", mesh)
    points = {"FH-l": (-110.0, 0.0, 0.0), "FH-r": (110.0, 0.0, 0.0), "KNEE": (110.0, 0.0, -400.0)}
    write_landmarks(folder / "landmarks.mrk.json", points)
    return folder


def as_arrays(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a mesh."""
    return np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
