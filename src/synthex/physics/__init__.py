"""X-ray physics: materials, attenuation, spectra, transmission, scatter, field and detector."""

from synthex.physics.attenuation import linear_attenuation_per_mm, mass_attenuation
from synthex.physics.detector import (
    electronic_noise,
    energy_integrating_response,
    focal_spot_blur,
    quanta_per_pixel,
    quantum_efficiency,
    quantum_noise,
    read_out,
    scintillator_blur,
)
from synthex.physics.field import collimation, gain_residual, heel_field, inverse_square_field, veiling_glare
from synthex.physics.materials import MATERIALS, Material, get_material
from synthex.physics.scatter import Grid, ScatterKernel, through_grid
from synthex.physics.spectrum import Spectrum, tungsten_spectrum
from synthex.physics.transmission import Transmission, transmit

# scatter.scatter is not here: as an attribute of the package it would hide the module of that name.
__all__ = [
    "MATERIALS",
    "Grid",
    "Material",
    "ScatterKernel",
    "Spectrum",
    "Transmission",
    "collimation",
    "electronic_noise",
    "energy_integrating_response",
    "focal_spot_blur",
    "gain_residual",
    "get_material",
    "heel_field",
    "inverse_square_field",
    "linear_attenuation_per_mm",
    "mass_attenuation",
    "quanta_per_pixel",
    "quantum_efficiency",
    "quantum_noise",
    "read_out",
    "scintillator_blur",
    "through_grid",
    "transmit",
    "tungsten_spectrum",
    "veiling_glare",
]
