"""X-ray physics: materials, attenuation, spectra, transmission."""

from synthex.physics.attenuation import linear_attenuation_per_mm, mass_attenuation
from synthex.physics.materials import MATERIALS, Material, get_material
from synthex.physics.spectrum import Spectrum, tungsten_spectrum
from synthex.physics.transmission import Transmission, transmit

__all__ = [
    "MATERIALS",
    "Material",
    "Spectrum",
    "Transmission",
    "get_material",
    "linear_attenuation_per_mm",
    "mass_attenuation",
    "transmit",
    "tungsten_spectrum",
]
