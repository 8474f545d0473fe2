"""Fit the defaults of ``synthex.physics.scatter.ScatterKernel`` to a Monte Carlo of water slabs.

    uv venv /tmp/scatter && uv pip install --python /tmp/scatter xraydb==4.5.8 spekpy==2.5.4 numba scipy
    /tmp/scatter/bin/python tools/fit_scatter_kernel.py            # prints the constants, a minute

A pencil beam enters an infinite slab of water at a right angle. Photons are absorbed (photoelectric), scattered by
free electrons (Klein-Nishina, with XCOM's incoherent cross-section) or coherently; what leaves the far side is scored,
energy times the efficiency of 0.6 mm CsI at 75 % packing, by its distance from the beam on detectors behind several
gaps. Coherent scatter in liquid water peaks at a momentum transfer of about 0.16 per Angstrom; it is drawn here from
a Gaussian of 0.2 with standard deviation 0.08. Fluorescence, bound electrons and the detector's obliquity are left out.
By reciprocity the scatter that a pencil beam sends into a disk is that in the middle of a field of its size.
"""

import numba
import numpy as np
import spekpy
import xraydb
from scipy.optimize import least_squares

BEAMS = ((60, 3.5), (90, 4.0), (120, 4.3))  # kV, mm Al
SLABS_CM = (5, 10, 15, 20, 25, 30)
FITTED_CM = (10, 15, 20, 25)
GAPS_MM = np.array((20.0, 50.0, 100.0, 200.0, 300.0, 400.0))
PHOTONS = 1_500_000
BIN_MM, BINS = 2.0, 1500
FIELD_MM = 169.0  # radius of the disk as large as 300 x 300 mm
ENERGIES_KEV = np.arange(10.0, 151.0)


def water(kind: str) -> np.ndarray:
    """Attenuation of water by one process on ENERGIES_KEV, 1/cm."""
    return sum(w * xraydb.mu_elam(el, ENERGIES_KEV * 1e3, kind=kind) for el, w in (("H", 0.111898), ("O", 0.888102)))


PHOTO, COHERENT, INCOHERENT = water("photo"), water("coh"), water("incoh")
CSI = sum(w * xraydb.mu_elam(el, ENERGIES_KEV * 1e3) for el, w in (("Cs", 0.511549), ("I", 0.488451)))
RESPONSE = ENERGIES_KEV * -np.expm1(-CSI * 4.51 * 0.75 * 0.06)


@numba.njit
def at(energy: float, table: np.ndarray) -> float:
    """A table on ENERGIES_KEV at one energy."""
    index = min(max(int(energy - 10), 0), len(table) - 2)
    part = energy - 10 - index
    return table[index] * (1 - part) + table[index + 1] * part


@numba.njit
def scattered(
    photons: int,
    slab_cm: float,
    gaps_mm: np.ndarray,
    energies: np.ndarray,
    cumulative: np.ndarray,
    photo: np.ndarray,
    coherent: np.ndarray,
    incoherent: np.ndarray,
    response: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Scored signal by gap and distance, and the signal without a slab."""
    np.random.seed(seed)
    score, unattenuated = np.zeros((len(gaps_mm), BINS)), 0.0
    for _ in range(photons):
        energy = energies[np.searchsorted(cumulative, np.random.random())]
        unattenuated += at(energy, response)
        x, y, z, u, v, w, first = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, True
        while True:
            absorbed, bent, freed = at(energy, photo), at(energy, coherent), at(energy, incoherent)
            total = absorbed + bent + freed
            step = -np.log(np.random.random()) / total
            if z + w * step < 0:
                break
            if z + w * step >= slab_cm:
                for gap in range(len(gaps_mm)):
                    reach = (slab_cm - z + gaps_mm[gap] / 10) / w
                    index = int(10 * np.hypot(x + u * reach, y + v * reach) / BIN_MM)
                    if not first and index < BINS:
                        score[gap, index] += at(energy, response)
                break
            x, y, z, first = x + u * step, y + v * step, z + w * step, False
            process = np.random.random() * total
            if process < absorbed:
                break
            if process < absorbed + bent:
                sine_half = min(abs(np.random.normal(0.2, 0.08)) * 12.398 / energy, 1.0)
                cosine = 1 - 2 * sine_half**2
            else:
                while True:
                    cosine = 2 * np.random.random() - 1
                    ratio = 1 / (1 + energy / 511.0 * (1 - cosine))
                    if 2 * np.random.random() <= ratio**2 * (ratio + 1 / ratio - 1 + cosine**2):
                        break
                energy *= ratio
                if energy < 12:
                    break
            sine, angle = np.sqrt(max(0.0, 1 - cosine**2)), 2 * np.pi * np.random.random()
            a, b = sine * np.cos(angle), sine * np.sin(angle)
            flat = np.sqrt(max(1e-20, 1 - w * w))
            if flat < 1e-5:
                u, v, w = a, b, cosine * np.sign(w)
            else:
                u, v, w = (
                    (a * u * w - b * v) / flat + cosine * u,
                    (a * v * w + b * u) / flat + cosine * v,
                    -a * flat + cosine * w,
                )
            length = np.sqrt(u * u + v * v + w * w)
            u, v, w = u / length, v / length, w / length
    return score, unattenuated


def gaussians(radius_mm: np.ndarray, narrow_mm: float, wide_mm: float, wide_fraction: float) -> np.ndarray:
    """Part of the kernel within a radius."""
    inner, outer = (np.exp(-(radius_mm**2) / (2 * sigma**2)) for sigma in (narrow_mm, wide_mm))
    return 1 - (1 - wide_fraction) * inner - wide_fraction * outer


def main() -> None:
    """Run, fit and print."""
    radius = (np.arange(BINS) + 1) * BIN_MM
    shapes = []
    for kvp, aluminium_mm in BEAMS:
        spectrum = spekpy.Spek(kvp=kvp, th=12, dk=1.0, mu_data_source="nist").filter("Al", aluminium_mm)
        energies, fluence = (values[spectrum.get_spectrum()[0] > 12] for values in spectrum.get_spectrum())
        cumulative = np.cumsum(fluence) / fluence.sum() * (1 + 1e-9)
        signal = fluence * np.interp(energies, ENERGIES_KEV, RESPONSE)
        depths, ratios = [], []
        for slab_cm in SLABS_CM:
            tables = (PHOTO, COHERENT, INCOHERENT, RESPONSE)
            score, open_signal = scattered(PHOTONS, slab_cm, GAPS_MM, energies, cumulative, *tables, slab_cm)
            total = np.interp(energies, ENERGIES_KEV, PHOTO + COHERENT + INCOHERENT)
            primary = (signal * np.exp(-total * slab_cm)).sum() / signal.sum()
            spr = np.cumsum(score, axis=1) / (primary * open_signal)
            depths.append(-np.log(primary))
            ratios.append(spr[0, -1])
            if slab_cm in FITTED_CM:
                shapes.append(spr / spr[:, -1:])
            field = np.round(spr[:, np.searchsorted(radius, FIELD_MM) - 1], 3)
            print(f"{kvp} kV {slab_cm} cm: tau {depths[-1]:.3f} SPR {ratios[-1]:.3f}, in the field by gap {field}")
        depth, ratio = np.array(depths), np.array(ratios)
        slope, offset = np.polyfit(depth, np.log(ratio / depth), 1)
        worst = np.abs(np.exp(offset + slope * depth) * depth / ratio - 1).max()
        print(f"{kvp} kV: amplitude {np.exp(offset):.3f} alpha {-slope:.3f} (worst {worst:.1%})")
    at_radii = np.searchsorted(radius, (30, 50, 75, 100, 125, 150, 175, 200, 250, 300))
    at_field = np.searchsorted(radius, FIELD_MM)
    for gap, gap_mm in enumerate(GAPS_MM):
        within = np.array([shape[gap] for shape in shapes])

        def error(kernel: np.ndarray, where: np.ndarray | int, within: np.ndarray = within) -> np.ndarray:
            return gaussians(radius[where], *kernel) / within[:, where] - 1

        kernel = least_squares(
            lambda k: error(k, at_radii).ravel(), (30, 150, 0.8), bounds=((3, 20, 0), (300, 1900, 1))
        ).x
        # The wide Gaussian last: so that the largest errors either way, in the field's middle, are equal.
        wides = kernel[1] * np.arange(0.85, 1.3, 0.005)
        worst, wide = min((np.abs(error((kernel[0], w, kernel[2]), at_field)).max(), w) for w in wides)
        print(
            f"gap {gap_mm:.0f} mm: narrow {kernel[0]:.0f} wide {wide:.0f} fraction {kernel[2]:.2f} (worst {worst:.1%})"
        )


if __name__ == "__main__":
    main()
