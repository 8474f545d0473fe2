"""Reading bone surfaces, and refusing what cannot become a solid."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from synthex.anatomy.meshes.names import bone_kind, canonical_bone, nearest_bones
from synthex.core import InputError
from synthex.core.limits import MAX_FACES, MAX_HEADER_BYTES, MAX_MESH_BYTES, MAX_VERTICES, file_size
from synthex.core.quiet import quiet_library

SUFFIXES = (".ply", ".stl", ".obj")
_UNITS = ((1e3, "metres"), (1e1, "centimetres"), (25.4, "inches"), (1e-3, "micrometres"))


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed surface with outward normals.

    Attributes:
        vertices: N x 3, mm.
        faces: F x 3 vertex numbers.
    """

    vertices: Float[np.ndarray, "N 3"]
    faces: Int[np.ndarray, "F 3"]


def extent(surfaces: Mapping[str, Surface]) -> Float[np.ndarray, "2 3"]:
    """Lower and upper corner of the bounding box of surfaces, mm."""
    points = np.concatenate([surface.vertices for surface in surfaces.values()])
    return np.stack([points.min(axis=0), points.max(axis=0)])


def bone_files(folder: Path) -> dict[str, Path]:
    """Canonical bone name to file, for the meshes of one folder.

    Raises:
        InputError: An unknown bone name, or one bone in two files.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        bone = canonical_bone(path.stem)
        if bone is None:
            raise InputError(
                path,
                f"unknown bone name {path.stem!r}",
                f"rename the file (nearest known names: {', '.join(nearest_bones(path.stem))}) or move it away",
            )
        if bone in files:
            raise InputError(path, f"is {bone} once more, beside {files[bone].name}", "keep one of the two files")
        files[bone] = path
    return files


def read_surface(path: Path) -> Surface:
    """Read one closed surface; a wholly inverted one is turned outward silently.

    Raises:
        InputError: Not readable as a mesh, empty, with non-finite vertices, or not closed.
    """
    _check_counts(path)
    try:
        # Of bytes, not of a path: OBJ and PLY name files of materials and pictures, which would be opened too.
        content = io.BytesIO(path.read_bytes())
        with quiet_library("trimesh"):
            mesh = trimesh.load(content, file_type=path.suffix[1:].lower(), force="mesh", process=False)
    except PermissionError as error:
        raise InputError(path, "cannot be read (permission denied)", "check the permissions") from error
    # trimesh's readers raise whatever the parsing step happens to raise (ValueError, KeyError, struct.error, …).
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(path, f"is not a readable mesh ({reason})", "export it again as PLY, STL or OBJ") from error
    if not isinstance(mesh, trimesh.Trimesh) or mesh.vertices.shape[1:] != (3,) or mesh.faces.shape[1:] != (3,):
        raise InputError(path, "has no triangles", "export the surface again")
    if len(mesh.faces) == 0:
        raise InputError(path, "has no triangles", "export the surface again")
    if not np.isfinite(mesh.vertices).all():
        raise InputError(path, "has vertices that are not finite numbers", "export the surface again")
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise InputError(path, "has triangles of vertices that are not in it", "export the surface again")
    # STL repeats each vertex for every triangle: merge by position before asking for holes.
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    if len(mesh.vertices):
        mesh.update_faces(mesh.nondegenerate_faces(height=0))
    if not len(mesh.vertices) or not len(mesh.faces):
        raise InputError(path, "has no triangles", "export the surface again")
    faces = np.asarray(mesh.faces, dtype=np.int64)
    open_edges = _open_edges(faces)
    if open_edges:
        raise InputError(
            path, f"the surface is not closed ({open_edges} open or overused edges)", "close it (fill holes) first"
        )
    if not mesh.is_winding_consistent:
        raise InputError(path, "its triangles do not agree on which side is outside", "make its normals consistent")
    vertices = np.array(mesh.vertices, dtype=np.float64)
    if mesh.volume < 0:
        faces = faces[:, ::-1]
    return Surface(vertices, np.ascontiguousarray(faces))


def _check_counts(path: Path) -> None:
    """Refuse a mesh of more vertices or triangles than are read, from its header."""
    remedy = f"reduce it to at most {MAX_FACES} triangles"
    size = file_size(path, MAX_MESH_BYTES, remedy)
    with path.open("rb") as file:
        head = file.read(MAX_HEADER_BYTES)
    if path.suffix.lower() == ".stl" and not head.lstrip().startswith(b"solid"):
        counts = [int.from_bytes(head[80:84], "little")]
        if counts[0] > MAX_FACES or 84 + 50 * counts[0] > size:
            raise InputError(path, f"is not a readable mesh (its header promises {counts[0]} triangles)", remedy)
    if path.suffix.lower() == ".ply":
        end = head.find(b"end_header")
        if not head.startswith(b"ply") or end < 0:
            raise InputError(path, "is not a readable mesh (no PLY header)", "export it again as PLY, STL or OBJ")
        counts = [int(number) for number in re.findall(rb"^element\s+\S+\s+(\d{1,18})\s*$", head[:end], re.MULTILINE)]
        # A vertex or a face takes at least four bytes, in text as in binary.
        if any(count > min(MAX_VERTICES, size // 4) for count in counts):
            raise InputError(path, f"is not a readable mesh (its header promises {max(counts)} elements)", remedy)


def check_subject(folder: Path, surfaces: Mapping[str, Surface]) -> None:
    """Check that the bones together have plausible sizes and sides.

    Raises:
        InputError: The unit is not mm, or left and right are exchanged (LPS read as RAS).
    """
    ratios = [
        float(np.ptp(surface.vertices, axis=0).max()) / bone_kind(bone).length_mm for bone, surface in surfaces.items()
    ]
    ratio = float(np.median(ratios))
    if not 0.2 < ratio < 5:
        bone = max(surfaces, key=lambda name: float(np.ptp(surfaces[name].vertices, axis=0).max()))
        length = float(np.ptp(surfaces[bone].vertices, axis=0).max())
        factor, unit = min(_UNITS, key=lambda pair: abs(np.log(pair[0] * ratio)))
        raise InputError(
            folder,
            f"{bone} is {length:.3g} mm long: the unit is not mm (it looks like {unit})",
            f"multiply the coordinates by {factor:g}",
        )
    for bone in ("hip", "femur"):
        left, right = surfaces.get(f"{bone}_left"), surfaces.get(f"{bone}_right")
        if left is not None and right is not None and left.vertices[:, 0].mean() > right.vertices[:, 0].mean():
            raise InputError(
                folder,
                f"{bone}_left lies to the right of {bone}_right in this frame",
                "set frame=LPS (or RAS), whichever the surfaces are in",
            )


def _open_edges(faces: Int[np.ndarray, "F 3"]) -> int:
    """Number of edges that do not belong to an even number of triangles."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return int((counts % 2 != 0).sum())
