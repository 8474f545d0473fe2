"""The detector: from expected signal to digital numbers."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from synthex.core import Camera, derive_rng
from synthex.core.arrays import Image
from synthex.physics import Spectrum, mass_attenuation
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
from synthex.physics.field import veiling_glare
from synthex.simulation.draws import Limits, Parameters, Setting
from synthex.simulation.stages.tube import Beam

REFERENCE_PIXEL_MM = 0.2
"""Pixel that the electronic noise is stated for."""


@dataclass(frozen=True)
class Detector(Parameters):
    """A flat panel: caesium iodide on amorphous silicon.

    Attributes:
        scintillator_mm: Thickness of the CsI layer; 0.4 to 0.6 mm on C-arm and radiography panels.
        packing: Part of the layer that is CsI; needles fill some 75 %.
        swank: Squared mean over mean square of the light of one quantum (Swank 1973, J Appl Phys 44:4199): below 1
            it adds to the quantum noise. The range is our choice for CsI.
        mtf_h_mm2: H in the scintillator's MTF 1 / (1 + H f^2); 0.4 to 1.0.
        glare_fraction: Light spread far over the panel; 0 to 0.05.
        glare_mm: Standard deviation of that spread; 10 to 50 mm.
        electronic_quanta: Electronic noise of a 0.2 mm pixel, in detected quanta rms; 1 to 5. It grows with the
            width of the image's pixels, as the noise of pixels added up does.
        saturation: Signal at which a pixel is full, in units of the open field, log-uniform. C-arms expose for the
            patient and burn out the open field; the range is our choice.
        bits: Of the converter (rounded); 12 to 16.
    """

    scintillator_mm: Annotated[Setting, Limits(0.05, 3, "mm")] = (0.4, 0.6)
    packing: Annotated[Setting, Limits(0.1, 1)] = 0.75
    swank: Annotated[Setting, Limits(0.1, 1)] = (0.85, 0.95)
    mtf_h_mm2: Annotated[Setting, Limits(0, 10, "mm^2")] = (0.4, 1.0)
    glare_fraction: Annotated[Setting, Limits(0, 0.5)] = (0, 0.03)
    glare_mm: Annotated[Setting, Limits(1, 500, "mm")] = (10, 50)
    electronic_quanta: Annotated[Setting, Limits(0, 1000, "quanta")] = (1, 5)
    saturation: Annotated[Setting, Limits(1e-3, 10, log=True)] = (0.1, 1.0)
    bits: Annotated[Setting, Limits(6, 24)] = 14

    def beam(self, spectrum: Spectrum, drawn: dict[str, float]) -> Beam:
        """The spectrum, and what the scintillator makes of each of its energies."""
        csi = mass_attenuation("csi", spectrum.energies_kev)
        efficiency = quantum_efficiency(csi, drawn["scintillator_mm"], drawn["packing"])
        response = energy_integrating_response(spectrum.energies_kev, efficiency, drawn["swank"])
        return Beam(spectrum, efficiency, *response)

    def expose(
        self,
        signal: Image,
        variance_per_signal: Image,
        beam: Beam,
        camera: Camera,
        magnification: float,
        drawn: dict[str, float],
        tube: dict[str, float],
        key: int,
    ) -> tuple[Image, float]:
        """One exposure.

        Args:
            signal: Expected signal in units of the open field.
            variance_per_signal: Quantum variance of each pixel's signal over its mean, times the incident quanta of
                the open field; scatter is taken to be of the same quanta as the primary.
            beam: What the detector sees of the beam that reaches it.
            camera: Gives pixel pitch and distance.
            magnification: Of the patient, for the focal spot.
            drawn: The draw.
            tube: The tube's draw.
            key: Of the image's streams.

        Returns:
            The image in units of the open field, and the least signal that can be told from none in it: one
            level of the converter or the signal of one detected quantum.
        """
        pixel_mm = camera.pixel_mm
        incident = quanta_per_pixel(beam.spectrum.total(), tube["mas"], pixel_mm, camera.sdd_mm)
        detected = incident * beam.detected_share()
        image = focal_spot_blur(signal, pixel_mm, tube["focal_spot_mm"], max(magnification, 1.0))
        variance = variance_per_signal * np.maximum(image, 0)
        image = quantum_noise(image, incident, derive_rng(key, "detector", "quanta"), variance)
        image = scintillator_blur(image, pixel_mm, drawn["mtf_h_mm2"])
        if drawn["glare_fraction"] > 0:
            image = veiling_glare(image, pixel_mm, drawn["glare_fraction"], drawn["glare_mm"])
        quanta_rms = drawn["electronic_quanta"] * pixel_mm / REFERENCE_PIXEL_MM
        image = electronic_noise(image, quanta_rms, detected, derive_rng(key, "detector", "electronics"))
        bits = round(drawn["bits"])
        level = drawn["saturation"] / (2**bits - 1)
        return read_out(image, drawn["saturation"], bits), max(level, 1 / detected)


def quantum_ratio(signal: Image, variance: Image) -> Image:
    """Quantum variance over mean signal; that of the open field where nothing passes."""
    least = np.float32(1e-12)
    return np.where(signal > least, variance / np.maximum(signal, least), variance.max() + least).astype(np.float32)
