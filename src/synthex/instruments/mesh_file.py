"""Bodies from mesh files."""

from pathlib import Path

import numpy as np

from synthex.anatomy.meshes.loading import SUFFIXES, read_surface
from synthex.core import Affine, ConfigError, InputError, Solid
from synthex.physics import get_material

UNITS_MM = {"mm": 1.0, "um": 1e-3, "cm": 10.0, "m": 1000.0, "inch": 25.4}
"""Millimetres of each unit a mesh may be in."""

SMALLEST_MM, LARGEST_MM = 0.1, 3000.0
"""Longest side of a plausible body: our choice. A marker bead is larger, and no room holds a longer tool."""

_USUAL_MM = (5.0, 1000.0)
"""Longest side of the usual instrument, for suggesting a unit: our choice, from a short screw to a long drill."""


def load_solid(
    path: str | Path,
    material: str,
    name: str | None = None,
    world_from_mesh: Affine | None = None,
    unit: str = "mm",
    density_g_cm3: float | int | None = None,
) -> Solid:
    """Read a closed surface as a body of one material.

    Args:
        path: STL, PLY or OBJ.
        material: A name that :func:`synthex.physics.get_material` knows.
        name: Names the body's mask; None is the file's name without its suffix.
        world_from_mesh: Where it goes: maps the mesh's coordinates, in mm, to RAS mm. None leaves them.
        unit: Unit of the file's coordinates, a key of :data:`UNITS_MM`.
        density_g_cm3: None for the material's own.

    Raises:
        InputError: The file is missing, not a mesh, empty or not closed, its triangles disagree about the
            outside, or its size shows that the unit is another one.
        ConfigError: Unknown material or unit, or a density that is not positive.
    """
    path = Path(path)
    if unit not in UNITS_MM:
        raise ConfigError(f"unit={unit!r} is not a unit of length; choose one of {', '.join(UNITS_MM)}")
    if density_g_cm3 is not None and not density_g_cm3 > 0:
        raise ConfigError(f"density_g_cm3={density_g_cm3} must be positive")
    get_material(material)
    if not path.is_file():
        raise InputError(path, "there is no such file", "give the path of an STL, PLY or OBJ file")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(path, f"{path.suffix or 'no suffix'} is not a mesh format", "export it as STL, PLY or OBJ")
    surface = read_surface(path)
    vertices = surface.vertices * UNITS_MM[unit]
    if world_from_mesh is not None:
        vertices = world_from_mesh.apply(vertices)
    length = float(np.ptp(vertices, axis=0).max())
    if not SMALLEST_MM < length < LARGEST_MM:
        raise InputError(
            path, f"is {length:.3g} mm long in {unit}", f"set unit: {nearest_units(length / UNITS_MM[unit])}"
        )
    try:
        return Solid(name or path.stem, vertices, surface.faces, material, density_g_cm3)
    except ValueError as error:
        raise InputError(path, str(error), "repair the mesh and export it again") from error


def nearest_units(length: float) -> str:
    """The units that would make a length that of an instrument (``m (it would be 35 mm long)``), or all of them."""
    sizes = {unit: length * factor for unit, factor in UNITS_MM.items()}
    usual = [f"{unit} (would be {size:.3g} mm)" for unit, size in sizes.items() if _USUAL_MM[0] < size < _USUAL_MM[1]]
    return " or ".join(usual) if usual else f"one of {', '.join(UNITS_MM)}"
