"""X-ray spectra: tungsten tubes, filtration, half-value layers, and few-bin spectra for speed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.optimize import brentq

from synthex.core import ConfigError
from synthex.physics.attenuation import (
    EnergyArray,
    air_energy_absorption,
    linear_attenuation_per_mm,
    load_table,
)
from synthex.physics.grouping import group_photons

STANDARD_FILTRATION: Mapping[str, float] = MappingProxyType({"aluminium": 2.5})
"""mm; the least total filtration of a tube above 70 kV (IEC 60601-1-3)."""

LEGAL_HVL_MM: Mapping[int, float] = MappingProxyType(
    {50: 1.8, 60: 2.2, 70: 2.5, 80: 2.9, 90: 3.2, 100: 3.6, 110: 3.9, 120: 4.3, 130: 4.7, 140: 5.0, 150: 5.4}
)
"""Tube voltage in kV to the least first half-value layer in mm of aluminium (IEC 60601-1-3:2008, table 3)."""

FEWEST_GROUPED = 12
"""Six groups lie between the K edges, of two energies each."""

_UGY_PER_KEV_PER_MM2_CM2_G = 1.602176634e-16 * 1e2 * 1e3 * 1e6  # keV to J, 1/mm2 to 1/cm2, 1/g to 1/kg, Gy to uGy


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Photons of an X-ray beam by energy.

    Attributes:
        energies_kev: Centres of the bins, rising, shape (E,).
        fluence: Photons per mm2 per mAs at 1 m in each bin (not per keV), shape (E,).

    Raises:
        ConfigError: Shapes differ, energies do not rise, a fluence is negative, or all are 0.
    """

    energies_kev: EnergyArray
    fluence: EnergyArray

    def __post_init__(self) -> None:
        energies = np.array(self.energies_kev, dtype=np.float64)
        fluence = np.array(self.fluence, dtype=np.float64)
        if energies.ndim != 1 or energies.shape != fluence.shape or not (np.diff(energies) > 0).all():
            raise ConfigError("a spectrum needs rising energies and one fluence for each; correct the lists")
        if not (np.isfinite(fluence).all() and (fluence >= 0).all() and fluence.sum() > 0):
            raise ConfigError("a spectrum needs finite fluences of at least 0 that are not all 0; correct the list")
        energies.setflags(write=False)
        fluence.setflags(write=False)
        object.__setattr__(self, "energies_kev", energies)
        object.__setattr__(self, "fluence", fluence)

    def total(self) -> float:
        """Photons per mm2 per mAs at 1 m."""
        return float(self.fluence.sum())

    def mean_energy_kev(self) -> float:
        """Mean energy of a photon in keV."""
        return float(self.fluence @ self.energies_kev / self.fluence.sum())

    def air_kerma_ugy(self) -> float:
        """Air kerma in uGy per mAs at 1 m."""
        return float(self.fluence @ self._kerma_weights())

    def filtered(self, thickness_mm: Mapping[str, float | int]) -> "Spectrum":
        """The beam behind sheets of material: name to thickness in mm.

        Raises:
            ConfigError: Unknown material or a negative thickness.
        """
        exponent = np.zeros(len(self.energies_kev))
        for name, thickness in thickness_mm.items():
            if not thickness >= 0:
                raise ConfigError(f"filter of {thickness} mm {name}; give a thickness of at least 0")
            exponent += linear_attenuation_per_mm(name, self.energies_kev) * thickness
        return Spectrum(self.energies_kev, self.fluence * np.exp(-exponent))

    def hvl_mm(self, order: int = 1, material: str = "aluminium") -> float:
        """Half-value layer in mm: what halves the air kerma (order 1), or halves it once more (order 2)."""
        if order not in (1, 2):
            raise ConfigError(f"half-value layer of order {order}; choose 1 or 2")
        per_mm = linear_attenuation_per_mm(material, self.energies_kev)
        weights = self.fluence * self._kerma_weights()

        def layer(fraction: float) -> float:
            # The hardest photon gives the greatest thickness that can be needed.
            most = -np.log(fraction) / per_mm[weights > 0].min()
            return float(brentq(lambda t: weights @ np.exp(-per_mm * t) - fraction * weights.sum(), 0.0, 1.01 * most))

        return layer(0.5) if order == 1 else layer(0.25) - layer(0.5)

    def grouped(self, bins: int) -> "Spectrum":
        """The same beam with at most ``bins`` energies, chosen so that what passes a patient changes least.

        The total, the mean energy and the mean squared energy are exact. With 24 energies every detected
        signal above 1e-4 of the open field (behind 0 to 40 cm of water, 3 cm of bone, metal, iodine; 40 to
        150 kV) is within 0.15 % of the full spectrum, with 16 within 1 %; :mod:`synthex.physics.grouping`
        says how.

        Raises:
            ConfigError: Fewer than 12, too few to keep K edges apart.
        """
        if bins < FEWEST_GROUPED:
            raise ConfigError(f"a spectrum of {bins} energies is too coarse; use at least {FEWEST_GROUPED}")
        if bins >= np.count_nonzero(self.fluence):
            return self
        return Spectrum(*group_photons(self.energies_kev, self.fluence, bins))

    def _kerma_weights(self) -> np.ndarray:
        """Air kerma (uGy) of one photon per mm2, by energy."""
        return self.energies_kev * air_energy_absorption(self.energies_kev) * _UGY_PER_KEV_PER_MM2_CM2_G


def legal_hvl_mm(kvp: float | int) -> float:
    """The least first half-value layer of a diagnostic beam, mm of aluminium; linear between and beyond the table."""
    voltages, layers = np.array(list(LEGAL_HVL_MM)), np.array(list(LEGAL_HVL_MM.values()))
    if kvp < voltages[0]:
        return float(layers[0] * kvp / voltages[0])
    return float(np.interp(kvp, voltages, layers))


def legal_filtration(kvp: float | int, filtration_mm: Mapping[str, float | int]) -> dict[str, float]:
    """A filtration with as much more aluminium as the beam needs for its legal half-value layer; often none.

    Args:
        kvp: Tube voltage, kV.
        filtration_mm: Total filtration, material name to mm.
    """
    bare = tungsten_spectrum(kvp, filtration_mm)
    found = {name: float(thickness) for name, thickness in filtration_mm.items()}
    wanted = legal_hvl_mm(kvp)
    if bare.hvl_mm() < wanted:
        more = brentq(lambda added: bare.filtered({"aluminium": added}).hvl_mm() - wanted, 0.0, 20.0, xtol=1e-4)
        found["aluminium"] = found.get("aluminium", 0.0) + float(more) + 1e-4
    return found


def tungsten_spectrum(kvp: float | int, filtration_mm: Mapping[str, float | int] = STANDARD_FILTRATION) -> Spectrum:
    """The spectrum of a tungsten tube, anode angle 12 degrees, on the central axis.

    SpekPy 2.5.4 (Poludniowski et al. 2021, Med Phys 48:3630; Bujila et al. 2020, Phys Med 75:44), tabulated
    unfiltered every 2 kV. Between tabulated voltages the bremsstrahlung is interpolated at equal fractions of
    the tube voltage, so that its end moves with it; the lines keep their energies. Photons below 10 keV
    are left out: they carry less than 0.5 % of the air kerma behind 1 mm of aluminium, 1e-6 behind 2.5 mm.

    Args:
        kvp: Tube voltage, 40 to 150 kV.
        filtration_mm: Total filtration, material name to mm.

    Raises:
        ConfigError: A voltage outside the table, an unknown material, a negative thickness.
    """
    table = load_table("tungsten")
    tabulated, energies = table["kvp"], table["energies_kev"]
    if not tabulated[0] <= kvp <= tabulated[-1]:
        raise ConfigError(f"tube voltage {kvp} kV; choose {tabulated[0]:g} to {tabulated[-1]:g}")
    high = int(np.clip(np.searchsorted(tabulated, kvp), 1, len(tabulated) - 1))
    share = (kvp - tabulated[high - 1]) / (tabulated[high] - tabulated[high - 1])
    density = np.zeros(len(energies))
    for row, weight in ((high - 1, 1 - share), (high, share)):
        scaled = energies * (tabulated[row] / kvp)
        bremsstrahlung = np.interp(scaled, energies, table["bremsstrahlung_per_kev"][row])
        density += weight * (np.where(energies < kvp, bremsstrahlung, 0.0) + table["lines_per_kev"][row])
    spectrum = Spectrum(energies, density * (energies[1] - energies[0]))
    return spectrum.filtered(filtration_mm)
