"""The tube: its spectrum, its dose, its focal spot and its anode."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from synthex.physics import Spectrum, tungsten_spectrum
from synthex.physics.spectrum import legal_filtration
from synthex.simulation.draws import Limits, Parameters, Setting


@dataclass(frozen=True, eq=False)
class Beam:
    """What the detector gets to see of a beam.

    Attributes:
        spectrum: The beam in few energy groups; photons per mm2 and mAs at 1 m.
        efficiency: Part of the photons of each group that the scintillator stops, shape (E,).
        weights: Mean signal of one incident photon of each group, keV, shape (E,).
        squared_weights: Mean squared signal, keV^2, shape (E,).
    """

    spectrum: Spectrum
    efficiency: Float[np.ndarray, "E"]
    weights: Float[np.ndarray, "E"]
    squared_weights: Float[np.ndarray, "E"]

    def detected_share(self) -> float:
        """Part of the photons of the open field that are detected."""
        return float(self.spectrum.fluence @ self.efficiency / self.spectrum.total())


@dataclass(frozen=True)
class Tube(Parameters):
    """A tungsten tube; defaults are a mobile C-arm's over a pelvis.

    Attributes:
        kvp: Tube voltage. C-arms run the pelvis at 70 to 110 kV.
        aluminium_mm: Total filtration in aluminium, glass and window included; at least 2.5 mm above 70 kV
            (IEC 60601-1-3).
        copper_mm: Added copper, 0 to 0.2 mm on C-arms.
        mas: Tube current times time of one image, log-uniform. At 90 kV and 4 mm Al, 1 mAs brings 1.5 million
            photons per mm2 to a detector at 1 m (SpekPy 2.5.4). The default is our choice, from pulsed
            fluoroscopy (some 0.1 uGy at the detector behind a pelvis) to a single shot.
        focal_spot_mm: Nominal width of the focal spot (IEC 60336); 0.3 to 0.6 mm on C-arms.
        target_angle_deg: Angle between the anode's face and the central ray; the tabulated spectra are those
            of 12 degrees, it shapes the heel effect alone.
        anode_direction_deg: Where the anode is in the image: 0 is along columns, 90 along rows.
        legal: Add aluminium where a draw's half-value layer is below the legal one (IEC 60601-1-3): 2.5 mm at 80 kV
            have 2.7 mm, and 2.9 are asked for.
    """

    kvp: Annotated[Setting, Limits(40, 150, "kV")] = (70, 110)
    aluminium_mm: Annotated[Setting, Limits(0, 20, "mm")] = (2.5, 4.5)
    copper_mm: Annotated[Setting, Limits(0, 2, "mm")] = (0, 0.2)
    mas: Annotated[Setting, Limits(1e-4, 1000, "mAs", log=True)] = (0.2, 5)
    focal_spot_mm: Annotated[Setting, Limits(0, 3, "mm")] = (0.3, 0.6)
    target_angle_deg: Annotated[Setting, Limits(5, 30, "degrees")] = (11, 16)
    anode_direction_deg: Annotated[Setting, Limits(-360, 360, "degrees")] = (0, 360)
    legal: bool = False

    def spectrum(self, drawn: dict[str, float], groups: int) -> Spectrum:
        """The filtered spectrum of one draw in ``groups`` energy groups."""
        filtration = {"aluminium": drawn["aluminium_mm"], "copper": drawn["copper_mm"]}
        if self.legal:
            filtration = legal_filtration(drawn["kvp"], filtration)
        return tungsten_spectrum(drawn["kvp"], filtration).grouped(groups)
