"""Where to cut a spectrum into few groups so that attenuation changes least."""

import numpy as np

K_EDGES_KEV = (33.169, 35.985, 50.239, 69.525, 88.005)
"""I, Cs, Gd, W and Pb: attenuation and detector response jump there, so no group may span one (xraydb)."""

_DEPTHS_G_CM2 = ((0.0, 0.0), (5.0, 0.0), (10.0, 0.0), (20.0, 0.0), (40.0, 0.0), (5.0, 2.0), (15.0, 6.0))
"""Water and bone (area densities) for which the groups are good."""


def group_edges(
    energies_kev: np.ndarray, fluence: np.ndarray, water: np.ndarray, bone: np.ndarray, bins: int
) -> np.ndarray:
    """First bin of each group, rising, shape (at most ``bins``,).

    A group of width d at one energy misstates what it passes by about ``n m'^2 d^3 / 24``, with n its share
    of the detected energy and m' the derivative of the exponent by energy. The best edges make the
    integral of the cube root of ``n m'^2`` equal in all groups (Panter and Dite 1951, Proc IRE 39:44; for
    quantisers). We take the worst case of ``n m'^2`` over some depths of water and bone.

    Args:
        energies_kev: Energies, shape (E,).
        fluence: Photons, shape (E,).
        water: Mass attenuation of water, cm2/g, shape (E,).
        bone: Mass attenuation of cortical bone, cm2/g, shape (E,).
        bins: Groups wanted.
    """
    slopes = np.gradient(water, energies_kev), np.gradient(bone, energies_kev)
    worst = np.zeros(len(energies_kev))
    for depth_water, depth_bone in _DEPTHS_G_CM2:
        passed = fluence * energies_kev * np.exp(-water * depth_water - bone * depth_bone)
        exponent_slope = slopes[0] * depth_water + slopes[1] * depth_bone
        worst = np.maximum(worst, passed / passed.sum() * exponent_slope**2)
    need = np.cumsum(np.cbrt(worst))
    used = np.flatnonzero(fluence)
    k_edges = np.searchsorted(energies_kev, K_EDGES_KEV)
    k_edges = k_edges[(k_edges > used[0]) & (k_edges <= used[-1])]
    # K edges cost groups of their own: fill up with as many even ones as make ``bins`` together.
    for even in range(bins - len(k_edges), bins + 1):
        cuts = np.searchsorted(need, need[-1] * np.arange(1, even) / even)
        edges = np.unique(np.concatenate([[0], cuts, k_edges]))
        if len(edges) >= bins:
            break
    return edges[:bins] if len(edges) <= bins else np.delete(edges, len(edges) - 2)[:bins]
