"""The detector: what it sees of a photon, how it blurs, its noise, and its read-out.

Signals are H x W float32 in units of the open field: 1 is what an unattenuated central ray gives. The stages of a
scintillator panel, in their order: :func:`focal_spot_blur` (before the detector, no noise in it yet),
:func:`quantum_noise`, :func:`scintillator_blur` (light spreads after the quanta were counted, so it correlates the
noise), :func:`electronic_noise`, :func:`read_out`.

Whatever thins the beam without changing its energies (collimator, heel effect, distance, grid) multiplies signal and
variance factor alike; primary and scatter add in both.
"""

import numpy as np
from jaxtyping import Float
from scipy.fft import dctn, idctn

from synthex.core import ConfigError
from synthex.core.arrays import Image

CSI_DENSITY_G_CM3 = 4.51
"""Caesium iodide, crystal."""

SCINTILLATOR_H_MM2 = 0.6
"""MTF 0.63 at 1 and 0.29 at 2 line pairs per mm: our choice for a 0.6 mm layer of CsI needles; 0.4 to 1.0 mm^2 (0.71
and 0.38, 0.50 and 0.20) is a sensible range."""

GAUSSIAN_FROM_QUANTA = 200.0
"""From this expectation on, a Poisson number is drawn as a Gaussian one with the same mean and variance: its skewness,
1 / sqrt(200) = 0.07, is lost, and the draw is some ten times cheaper."""


def quantum_efficiency(
    mass_attenuation_cm2_g: Float[np.ndarray, "E"],
    thickness_mm: float = 0.6,
    packing: float = 0.75,
    density_g_cm3: float = CSI_DENSITY_G_CM3,
) -> Float[np.ndarray, "E"]:
    """Part of the photons of each energy that interact in the scintillator: ``1 - exp(-mu/rho rho packing t)``.

    Fluorescence photons that escape are not subtracted. The defaults, 0.6 mm of CsI needles that fill 75 % of the
    space, are our choice for a general-purpose panel.

    Args:
        mass_attenuation_cm2_g: Of the scintillator (``mass_attenuation("csi", energies_kev)``), cm2/g.
        thickness_mm: Layer thickness in mm.
        packing: Part of the layer that is scintillator.
        density_g_cm3: Density of the solid scintillator.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not (thickness_mm > 0 and 0 < packing <= 1 and density_g_cm3 > 0):
        raise ConfigError(
            "a scintillator needs thickness_mm > 0, packing in (0, 1] and a density > 0, got "
            f"{thickness_mm}, {packing}, {density_g_cm3}"
        )
    area_density_g_cm2 = density_g_cm3 * packing * thickness_mm / 10
    return -np.expm1(-mass_attenuation_cm2_g * area_density_g_cm2)


def energy_integrating_response(
    energies_kev: Float[np.ndarray, "E"], efficiency: Float[np.ndarray, "E"], swank: float = 1.0
) -> tuple[Float[np.ndarray, "E"], Float[np.ndarray, "E"]]:
    """Mean and mean square of the signal that one incident photon of each energy leaves, in keV and keV^2.

    A quantum is detected with the probability ``efficiency`` and then adds its energy, so the means are
    ``h E`` and ``h E^2 / swank``; both go into :func:`synthex.physics.transmit`.

    Args:
        energies_kev: Energies.
        efficiency: Detection efficiency h of each (:func:`quantum_efficiency`).
        swank: Squared mean over mean square of the light from quanta of one energy (Swank 1973, J Appl Phys
            44:4199); 1 is a scintillator that always answers alike.

    Raises:
        ConfigError: ``swank`` is not in (0, 1].
    """
    if not 0 < swank <= 1:
        raise ConfigError(f"a Swank factor is in (0, 1], got {swank}")
    return efficiency * energies_kev, efficiency * energies_kev**2 / swank


def open_variance_factor(
    fluence: Float[np.ndarray, "E"], weights: Float[np.ndarray, "E"], squared_weights: Float[np.ndarray, "E"]
) -> float:
    """``<q> / <w>^2`` over the incident photons: the open field's signal variance, times photons per pixel.

    The variance of a sum of independent responses, as many as a Poisson number says (compound Poisson). For an
    ideal energy integrator this is ``<E^2> / <E>^2``; 1 for one energy and full efficiency.
    """
    share = fluence / fluence.sum()
    return float((share * squared_weights).sum() / (share * weights).sum() ** 2)


def quanta_per_pixel(fluence_per_mm2_mas: float, mas: float, pixel_mm: float, sdd_mm: float) -> float:
    """Photons that fall on a pixel at the centre of the open field.

    Args:
        fluence_per_mm2_mas: Photons per mm2 and mAs at 1 m from the source; times the efficiency per energy for
            detected quanta.
        mas: Tube current times exposure time, mAs.
        pixel_mm: Pixel pitch in mm.
        sdd_mm: Source-to-detector distance in mm; fluence falls with its square.

    Raises:
        ConfigError: A number is not positive.
    """
    if not (fluence_per_mm2_mas > 0 and mas > 0 and pixel_mm > 0 and sdd_mm > 0):
        raise ConfigError(
            "quanta per pixel need a positive fluence, mas, pixel_mm and sdd_mm, got "
            f"{fluence_per_mm2_mas}, {mas}, {pixel_mm}, {sdd_mm}"
        )
    return fluence_per_mm2_mas * mas * pixel_mm**2 * (1000.0 / sdd_mm) ** 2


def quantum_noise(
    signal: Image, photons_open: float, rng: np.random.Generator, variance_factor: Image | None = None
) -> Image:
    """One exposure: mean ``signal``, variance ``variance_factor / photons_open``.

    A pixel's signal is a Poisson number of equal parts, ``signal^2 / variance_factor * photons_open`` expected:
    exact for one energy, right in mean and variance for a spectrum. Expectations of at least
    ``GAUSSIAN_FROM_QUANTA`` are drawn as Gaussians.

    Args:
        signal: Expected signal of primary and scatter together; 0 or less counts nothing and gives 0.
        photons_open: Incident photons per pixel where the signal is 1 (:func:`quanta_per_pixel`).
        rng: Source of randomness.
        variance_factor: As of :class:`synthex.physics.Transmission`, for primary and scatter together (they
            add; scatter alone has about ``open_variance_factor`` times its signal). None is ``signal``: every
            photon counts alike.

    Raises:
        ConfigError: ``photons_open`` is not positive, or a variance factor is negative.
    """
    variance_factor = signal if variance_factor is None else variance_factor
    if not photons_open > 0 or (variance_factor is not signal and variance_factor.min() < 0):
        raise ConfigError(
            f"quantum noise needs photons_open > 0 and variance factors of 0 or more, got photons_open={photons_open}"
        )
    lit = (signal > 0) & (variance_factor > 0)
    part = np.divide(variance_factor, signal, out=np.ones_like(signal), where=lit) / np.float32(photons_open)
    expected = np.where(lit, signal, 0) / part
    drawn = rng.standard_normal(signal.shape, dtype=np.float32)
    drawn *= np.sqrt(expected)
    drawn += expected
    few = expected < GAUSSIAN_FROM_QUANTA
    drawn[few] = rng.poisson(expected[few])
    return drawn * part


def scintillator_mtf(frequency_per_mm: Float[np.ndarray, "..."], h_mm2: float) -> Float[np.ndarray, "..."]:
    """Modulation transfer of a scintillator, ``1 / (1 + H f^2)``, f in line pairs per mm."""
    return 1 / (1 + h_mm2 * frequency_per_mm**2)


def scintillator_blur(signal: Image, pixel_mm: float, h_mm2: float = SCINTILLATOR_H_MM2) -> Image:
    """Spread light in the scintillator: the exact transfer :func:`scintillator_mtf`, rotationally symmetric.

    The image goes on mirrored past its border, so a constant stays constant (and noise in the outermost pixels,
    where it meets its mirror image, is a little stronger). Acts on the pixels' grid: what the
    light's spread keeps beyond the Nyquist frequency is not folded back.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not (h_mm2 >= 0 and pixel_mm > 0):
        raise ConfigError(f"a scintillator blur needs h_mm2 >= 0 and pixel_mm > 0, got {h_mm2} and {pixel_mm}")
    rows, columns = _frequencies(signal, pixel_mm)
    return _filtered(signal, scintillator_mtf(np.hypot(rows, columns), h_mm2))


def focal_spot_blur(signal: Image, pixel_mm: float, focal_spot_mm: float, magnification: float) -> Image:
    """Blur of a uniform square focal spot and of the pixels' own area.

    A spot of width a images a point of magnification M as a square of width ``a (M - 1)`` at the detector; a
    pixel integrates over its area. Both are the transfer ``sinc`` along each axis. One magnification holds for
    the whole object. Usual spots: 0.3 to 0.6 mm on C-arms, 0.6 to 1.2 mm in radiography (IEC 60336 nominal).

    Args:
        signal: Signal of rays through the pixels' centres.
        pixel_mm: Pixel pitch in mm.
        focal_spot_mm: Width of the spot in mm; 0 leaves the pixels' area.
        magnification: Source-to-detector over source-to-object distance.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not (pixel_mm > 0 and focal_spot_mm >= 0 and magnification >= 1):
        raise ConfigError(
            "a focal spot blur needs pixel_mm > 0, focal_spot_mm >= 0 and magnification >= 1, got "
            f"{pixel_mm}, {focal_spot_mm}, {magnification}"
        )
    width_mm = focal_spot_mm * (magnification - 1)
    rows, columns = (np.sinc(width_mm * f) * np.sinc(pixel_mm * f) for f in _frequencies(signal, pixel_mm))
    return _filtered(signal, rows * columns)


def electronic_noise(signal: Image, quanta_rms: float, quanta_open: float, rng: np.random.Generator) -> Image:
    """Add the read-out's white noise, as strong as ``quanta_rms`` detected quanta per pixel (1 to 5 is usual).

    Args:
        signal: Signal in units of the open field.
        quanta_rms: Standard deviation in quanta of the open field's mean energy.
        quanta_open: Detected quanta per pixel where the signal is 1.
        rng: Source of randomness.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not (quanta_rms >= 0 and quanta_open > 0):
        raise ConfigError(
            f"electronic noise needs quanta_rms >= 0 and quanta_open > 0, got {quanta_rms}, {quanta_open}"
        )
    if quanta_rms == 0:
        return signal
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    return signal + noise * np.float32(quanta_rms / quanta_open)


def lagged(signal: Image, previous: Image, fraction: float) -> Image:
    """A frame that holds ``fraction`` (0.01 to 0.05 is usual) of the ``previous`` one: ``(1 - b) x + b y``.

    Raises:
        ConfigError: ``fraction`` is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"a lag is a fraction in [0, 1], got {fraction}")
    return (1 - np.float32(fraction)) * signal + np.float32(fraction) * previous


def dead_pixels(signal: Image, fraction: float, rng: np.random.Generator) -> Image:
    """Set ``fraction`` of the pixels (at most 0.001 is usual), anywhere, to 0: a panel without defect correction.

    Raises:
        ConfigError: ``fraction`` is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"dead pixels are a fraction in [0, 1], got {fraction}")
    dead = rng.choice(signal.size, size=round(fraction * signal.size), replace=False)
    image = signal.copy()
    image.flat[dead] = 0
    return image


def read_out(signal: Image, saturation: float, bits: int) -> Image:
    """Clip to [0, ``saturation``] and round to one of ``2**bits`` levels between them, both ends included.

    Args:
        signal: Signal in units of the open field.
        saturation: Signal at which a pixel is full, same units: below 1, the open field is burnt out.
        bits: Of the converter; 12 to 16 is usual.

    Raises:
        ConfigError: ``saturation`` is not positive, or ``bits`` is not in 1..24 (float32 holds no more).
    """
    if not saturation > 0 or not 1 <= bits <= 24:
        raise ConfigError(f"a read-out needs saturation > 0 and 1 to 24 bits, got {saturation} and {bits}")
    top = np.float32(2**bits - 1)
    levels = np.rint(np.clip(signal * (top / np.float32(saturation)), 0, top))
    return levels * (np.float32(saturation) / top)


def _frequencies(signal: Image, pixel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies of the cosine transform along rows (H, 1) and columns (1, W), per mm."""
    height, width = signal.shape
    rows = np.arange(height, dtype=np.float32) / np.float32(2 * height * pixel_mm)
    columns = np.arange(width, dtype=np.float32) / np.float32(2 * width * pixel_mm)
    return rows[:, None], columns[None, :]


def _filtered(signal: Image, transfer: Float[np.ndarray, "H W"]) -> Image:
    """Multiply the spectrum of the image, mirrored at its borders, by a transfer that is even in both axes."""
    return idctn(dctn(signal, type=2) * transfer.astype(np.float32, copy=False), type=2)
