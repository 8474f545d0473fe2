"""What a projection adds up to: area densities by material, instruments among them."""

from collections.abc import Sequence

import numpy as np

from synthex.core import Solid
from synthex.core.arrays import Image, QuantityStack
from synthex.physics import get_material, mass_attenuation
from synthex.projection import Projection


def area_densities(
    projection: Projection, materials: Sequence[str], solids: Sequence[Solid]
) -> tuple[QuantityStack, tuple[str, ...]]:
    """Area densities in g/cm2, M x H x W, and the material of each.

    Args:
        projection: With a table of densities in g/cm3, one column for each of ``materials``.
        materials: Names, in the order of the table's columns.
        solids: The bodies of ``projection.solid_path_mm``; those of one material share an image.

    Raises:
        ConfigError: A solid is of an unknown material.
    """
    names = [*materials]
    names += dict.fromkeys(solid.material for solid in solids if solid.material not in names)
    area = np.zeros((len(names), *projection.water_path_mm.shape), dtype=np.float32)
    area[: len(materials)] = projection.quantity_mm
    for solid, path_mm in zip(solids, projection.solid_path_mm, strict=True):
        area[names.index(solid.material)] += path_mm * np.float32(_density(solid))
    area *= np.float32(0.1)  # g/cm3 mm to g/cm2
    return area, tuple(names)


def solid_attenuation(projection: Projection, solids: Sequence[Solid], energy_kev: float | int) -> Image:
    """Line integral of the attenuation of all solids for photons of one energy, H x W.

    Raises:
        ConfigError: A solid is of an unknown material.
    """
    total = np.zeros_like(projection.water_path_mm)
    for solid, path_mm in zip(solids, projection.solid_path_mm, strict=True):
        mu_over_rho = mass_attenuation(solid.material, np.array([float(energy_kev)]))[0]
        total += path_mm * np.float32(mu_over_rho * _density(solid) / 10)  # 1/cm to 1/mm
    return total


def _density(solid: Solid) -> float:
    material = get_material(solid.material)
    return material.density_g_cm3 if solid.density_g_cm3 is None else solid.density_g_cm3
