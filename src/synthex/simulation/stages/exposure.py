"""Automatic exposure control: voltage and charge that follow the patient's thickness to a dose at the detector."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from synthex.core import Camera, ConfigError
from synthex.core.arrays import Image
from synthex.physics import Spectrum
from synthex.simulation.draws import Limits, Parameters, Setting

REFERENCE_WATER_MM = 200.0
"""Thickness that the voltage is stated for."""

_MU_WATER_PER_MM = 0.02
"""Attenuation by which rays of unlike length are averaged to one thickness: water in a beam of some 80 kV and its
scatter. It only weighs thin against thick parts; the charge follows the signal itself."""


@dataclass(frozen=True)
class Exposure(Parameters):
    """A control that drives the tube until the measuring field has got its dose.

    The voltage rises by so much per cm of water behind the measuring field; then the charge makes the mean dose there
    what is wanted, up to what the generator can give. The dose is that of the detector's signal, stated as the air
    kerma of the open beam that gives as much: controlling by the one or by the other makes a negligible difference
    (Reilly and Sutton 2001, Br J Radiol 74:938). It lies behind the grid and counts scatter.

    Attributes:
        kvp: Voltage behind 20 cm of water. C-arms show a pelvis at 65 to 80 kV, radiography at 70 to 85; our choice.
        kvp_per_cm: Its rise per cm of water; some 2 to 3 kV on C-arms, less on radiographs, whose voltage follows
            the examination. Our choice: C-arms then meet their highest voltage behind some 35 cm.
        least_kvp: The lowest voltage of the control.
        most_kvp: Its highest.
        dose_ugy: Dose at the detector, log-uniform: 0.01 to 0.1 uGy for one fluoroscopic frame, 1 to 5 uGy for a
            radiograph (a speed class of 400 is 2.5 uGy).
        most_mas: The most that the generator gives for one image; a thicker patient is then underexposed.
        sensor: Width of the measuring field, a disc about the middle, over the image's.
        headroom: Signal of a full pixel over the mean of the measuring field, log-uniform: what is that much brighter
            burns out. The gain follows the dose, so this stands instead of the detector's ``saturation``. Our choice.
    """

    kvp: Annotated[Setting, Limits(40, 150, "kV")] = (66, 76)
    kvp_per_cm: Annotated[Setting, Limits(0, 10, "kV/cm")] = (1.5, 3)
    least_kvp: Annotated[Setting, Limits(40, 150, "kV")] = 50
    most_kvp: Annotated[Setting, Limits(40, 150, "kV")] = 120
    dose_ugy: Annotated[Setting, Limits(1e-4, 1000, "uGy", log=True)] = (0.02, 0.2)
    most_mas: Annotated[Setting, Limits(1e-3, 1000, "mAs", log=True)] = 10
    sensor: Annotated[Setting, Limits(0.02, 1)] = (0.4, 0.6)
    headroom: Annotated[Setting, Limits(1, 1e4, log=True)] = (4, 40)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bounds("least_kvp")[1] > self.bounds("most_kvp")[0]:
            raise ConfigError(
                f"simulation.exposure.least_kvp={self.least_kvp} must stay below most_kvp={self.most_kvp}"
            )

    def voltage(self, water_mm: Image, drawn: dict[str, float]) -> float:
        """Tube voltage, kV, for mm of water along each ray, H x W."""
        behind = water_mm[_sensor(water_mm, drawn["sensor"])]
        thickness = -np.log(np.exp(-_MU_WATER_PER_MM * behind).mean()) / _MU_WATER_PER_MM
        kvp = drawn["kvp"] + drawn["kvp_per_cm"] * (float(thickness) - REFERENCE_WATER_MM) / 10
        return float(np.clip(kvp, drawn["least_kvp"], drawn["most_kvp"]))

    def charge(
        self, signal: Image, spectrum: Spectrum, grid_primary: float, camera: Camera, drawn: dict[str, float]
    ) -> tuple[float, float]:
        """Charge, mAs, and signal of a full pixel.

        Args:
            signal: H x W, expected, in units of the open field behind the grid.
            spectrum: Of the open beam.
            grid_primary: Part of it that passes the grid.
            camera: Gives the distance.
            drawn: The draw.
        """
        mean = max(float(signal[_sensor(signal, drawn["sensor"])].mean()), 1e-9)
        open_ugy = spectrum.air_kerma_ugy() * grid_primary * (1000 / camera.sdd_mm) ** 2  # per mAs
        return min(drawn["dose_ugy"] / (open_ugy * mean), drawn["most_mas"]), drawn["headroom"] * mean


def _sensor(image: Image, width: float) -> tuple[slice, slice]:
    """The middle of an image: a square as large as the disc of the measuring field."""
    half = width * image.shape[1] * np.sqrt(np.pi) / 4
    return (
        slice(max(0, round(image.shape[0] / 2 - half)), max(1, round(image.shape[0] / 2 + half))),
        slice(max(0, round(image.shape[1] / 2 - half)), max(1, round(image.shape[1] / 2 + half))),
    )
