"""What reaches the detector: polychromatic Beer-Lambert, and the noise that comes with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthex.core import ConfigError
from synthex.core.arrays import Image, QuantityStack
from synthex.physics.attenuation import EnergyArray, mass_attenuation
from synthex.physics.materials import Material
from synthex.physics.spectrum import Spectrum
from synthex.physics.transmission_kernel import attenuate


@dataclass(frozen=True, eq=False)
class Transmission:
    """The primary image of a view.

    With N incident photons per pixel (in the open field: fluence times mAs times pixel area over the
    squared distance in metres), w the detector's mean response to one photon and q its mean square,
    averages <> over the incident spectrum and T the transmission:

    Attributes:
        signal: ``<w T> / <w>``: expected signal, 1 in the open field, H x W.
        variance_factor: ``<q T> / <w>^2``: the signal's quantum variance is this over N, H x W. For one
            energy it equals the signal (Poisson); in the open field it is ``<E^2> / <E>^2`` for an ideal
            energy integrator (1.05 to 1.12). ``signal**2 / variance_factor`` times N is the effective
            number of quanta.
        response_per_photon: ``<w>``: mean response to one incident photon of the open field, in the unit
            of the weights (keV for an energy integrator).
    """

    signal: Image
    variance_factor: Image
    response_per_photon: float


def transmit(
    area_density_g_cm2: QuantityStack,
    materials: Sequence[str | Material],
    spectrum: Spectrum,
    weights: EnergyArray | None = None,
    squared_weights: EnergyArray | None = None,
) -> Transmission:
    """Expected signal and quantum variance behind given amounts of material.

    Args:
        area_density_g_cm2: Integral of density along each pixel's ray, one image a material, M x H x W. A
            ray whose sum would amplify counts as open.
        materials: The material of each image.
        spectrum: The beam; 24 energies (:meth:`Spectrum.grouped`) stand for it within 0.15 %.
        weights: Mean response of the detector to one incident photon of each energy, shape (E,); None for
            an ideal energy integrator (the energy). With a detection efficiency h it is ``h E``.
        squared_weights: Mean squared response to one incident photon, shape (E,); with efficiency h it
            is ``h E^2``. None for ``weights**2``, a detector that sees every photon alike.

    Raises:
        ConfigError: Numbers of materials or weights do not fit, a weight is negative, or a material is unknown.
    """
    count, height, width = area_density_g_cm2.shape
    if count != len(materials) or not count:
        raise ConfigError(
            f"{count} images of area density for {len(materials)} materials; give one of each, at least one"
        )
    weights = spectrum.energies_kev if weights is None else weights
    squared_weights = weights**2 if squared_weights is None else squared_weights
    for values in (weights, squared_weights):
        if values.shape != spectrum.fluence.shape or not (values >= 0).all():
            raise ConfigError(
                f"{len(values)} detector weights for {len(spectrum.fluence)} energies; give one each, at least 0"
            )
    share = spectrum.fluence / spectrum.total()
    response = float(share @ weights)
    if response <= 0:
        raise ConfigError("the detector's response to this spectrum is 0; correct the weights")
    exponents = np.stack([mass_attenuation(material, spectrum.energies_kev) for material in materials], axis=1)
    sums = np.empty((2, height * width), dtype=np.float32)
    attenuate(
        np.ascontiguousarray(area_density_g_cm2, dtype=np.float32).reshape(count, -1),
        np.ascontiguousarray(-exponents / np.log(2), dtype=np.float32),
        (share * weights / response).astype(np.float32),
        (share * squared_weights / response**2).astype(np.float32),
        sums,
    )
    return Transmission(sums[0].reshape(height, width), sums[1].reshape(height, width), response)
