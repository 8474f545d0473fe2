"""Few energies that stand for a whole spectrum so that attenuation changes least."""

import numpy as np
from jaxtyping import Float

from synthex.physics.attenuation import EnergyArray, mass_attenuation

GroupArray = Float[np.ndarray, "G"]

K_EDGES_KEV = (33.169, 35.985, 50.239, 69.525, 88.005)
"""I, Cs, Gd, W and Pb (xraydb): attenuation or detector response jumps there, so no group spans one."""

_DEPTHS_G_CM2 = ((0.0, 0.0), (5.0, 0.0), (10.0, 0.0), (20.0, 0.0), (40.0, 0.0), (5.0, 2.0), (15.0, 6.0))
"""Water and cortical bone behind which the groups are to be good; our choice of a patient's range."""

_NARROW_KEV = 1e-6
"""Standard deviation below which a group has one energy."""


def group_photons(energies_kev: EnergyArray, fluence: EnergyArray, bins: int) -> tuple[GroupArray, GroupArray]:
    """At most ``bins`` energies (rising) and their photons, two to a group of neighbouring bins.

    Each group's two energies and weights are the two-point Gauss quadrature of its photons: the number of
    photons and the first three moments of energy are exact (Golub and Welsch 1969, Math Comput 23:221).
    """
    first = _first_bins(energies_kev, fluence, bins // 2)
    photons = np.add.reduceat(fluence, first)
    first, photons = first[photons > 0], photons[photons > 0]
    group = np.maximum(np.searchsorted(first, np.arange(len(energies_kev)), side="right") - 1, 0)
    mean = np.bincount(group, fluence * energies_kev) / photons
    centred = energies_kev - mean[group]
    deviation = np.sqrt(np.bincount(group, fluence * centred**2) / photons)
    third = np.bincount(group, fluence * centred**3) / photons
    wide = deviation > _NARROW_KEV
    half_skewness = np.zeros(len(first))
    half_skewness[wide] = 0.5 * third[wide] / deviation[wide] ** 3
    root = np.sqrt(1 + half_skewness**2)
    nodes = mean + deviation * (half_skewness + np.stack([-root, root]))
    shares = 0.5 * (1 + np.stack([half_skewness, -half_skewness]) / root)
    nodes[0, ~wide], shares[0, ~wide], shares[1, ~wide] = mean[~wide], 1.0, 0.0
    kept = shares.T.ravel() > 0
    return nodes.T.ravel()[kept], (shares * photons).T.ravel()[kept]


def _first_bins(energies_kev: EnergyArray, fluence: EnergyArray, groups: int) -> np.ndarray:
    """First bin of each group, rising; at most ``groups`` of them.

    The error of a two-point rule over a group of width d grows with ``n m'^4 d^5``, n the detected energy
    per keV and m' the derivative of the exponent by energy; it is least where the integral of the fifth
    root of ``n m'^4`` is equal in all groups. We take ``n m'^2`` instead, and the worst of it over some
    depths of water and bone: the squared derivative served best in trials from 45 to 150 kV.
    """
    water, bone = (mass_attenuation(name, energies_kev) for name in ("water", "cortical_bone"))
    water_slope, bone_slope = np.gradient(water, energies_kev), np.gradient(bone, energies_kev)
    worst = np.zeros(len(energies_kev))
    for water_depth, bone_depth in _DEPTHS_G_CM2:
        passed = fluence * energies_kev * np.exp(-water * water_depth - bone * bone_depth)
        slope = water_slope * water_depth + bone_slope * bone_depth
        worst = np.maximum(worst, passed / passed.sum() * slope**2)
    need = np.cumsum(worst**0.2)
    used = np.flatnonzero(fluence)
    k_edges = np.searchsorted(energies_kev, K_EDGES_KEV)
    k_edges = k_edges[(k_edges > used[0]) & (k_edges <= used[-1])]
    even = groups
    # K edges cut groups of their own; take even ones away until all fit.
    while len(first := _with_even_cuts(need, k_edges, even)) > groups:
        even -= 1
    return first


def _with_even_cuts(need: np.ndarray, k_edges: np.ndarray, even: int) -> np.ndarray:
    """First bins of ``even`` groups of equal need, cut once more at each K edge."""
    cuts = np.searchsorted(need, need[-1] * np.arange(1, even) / even)
    return np.unique(np.concatenate([[0], cuts, k_edges]))
