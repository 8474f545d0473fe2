"""Scattered radiation by kernel superposition, and the grid that removes part of it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError
from synthex.core.arrays import Image
from synthex.physics.smoothing import gaussian_smooth

_KVP = (60.0, 90.0, 120.0)
_AMPLITUDE = (0.408, 0.488, 0.527)
_ALPHA = (-0.128, -0.162, -0.186)
_AIR_GAP_MM = (20.0, 50.0, 100.0, 200.0, 300.0, 400.0)
_NARROW_MM = (23.0, 24.0, 23.0, 28.0, 36.0, 46.0)
_WIDE_MM = (93.0, 105.0, 128.0, 180.0, 235.0, 293.0)
_WIDE_FRACTION = (0.74, 0.81, 0.87, 0.90, 0.90, 0.90)


@dataclass(frozen=True)
class ScatterKernel:
    """Scatter that a pencil beam makes in a slab, as a function of the slab's attenuation.

    Form of Sun and Star-Lack (2010, Phys Med Biol 55:6695): with the primary transmission P and tau = -ln P, a
    pencil beam of unit incident intensity makes the scatter ``P * A * P**alpha * tau**beta`` at the detector,
    spread by two concentric Gaussians. Their kernel leaves the Gaussians unnormalised; here each has unit sum,
    so that ``A`` is a scatter-to-primary ratio (SPR).

    The numbers come from our Monte Carlo of water slabs of 5 to 30 cm (``tools/fit_scatter_kernel.py``). The SPR
    of its wide slabs is the form with ``beta`` 1 to within 1 %. The Gaussians are a compromise between slabs of
    10 to 25 cm: the SPR in the middle of a field of 30 x 30 cm is within 13 % for a gap of 5 cm between patient and
    detector, 15 % for 10 cm and 19 % for 20 cm. Behind a mediastinum between lungs they give about 88 % scatter;
    Niklason et al. (1981, Med Phys 8:677) measured 90 %. The defaults are :meth:`for_beam`'s at 90 kV and 5 cm.

    Attributes:
        amplitude: ``A``, the SPR of a wide thin slab over its tau; 0.41 at 60 kV, 0.53 at 120.
        alpha: Exponent of P; below 0, since multiple scatter and hardening make thick parts scatter more.
        beta: Exponent of tau; 1 is scatter in proportion to the interactions on the way.
        narrow_mm: Standard deviation of the narrow Gaussian at the detector, mm.
        wide_mm: Standard deviation of the wide Gaussian at the detector, mm.
        wide_fraction: Part of the scatter in the wide Gaussian.
        max_spr: Limit of the SPR of any slab. The form rises without end and was fitted to water up to
            SPR 10; bone and metal of the same attenuation scatter less.
    """

    amplitude: float | int = 0.488
    alpha: float | int = -0.162
    beta: float | int = 1.0
    narrow_mm: float | int = 24.0
    wide_mm: float | int = 105.0
    wide_fraction: float | int = 0.81
    max_spr: float | int = 10.0

    @classmethod
    def for_beam(cls, kvp: float, air_gap_mm: float) -> "ScatterKernel":
        """The kernel of water for a tube voltage and a gap between patient and detector.

        Fitted at 60, 90 and 120 kV (3.5, 4.0 and 4.3 mm Al), and 20 to 400 mm; linear between, constant beyond.
        Scatter fans out over the gap, so that a beam no larger than the detector loses it past the borders.
        """
        return cls(
            amplitude=float(np.interp(kvp, _KVP, _AMPLITUDE)),
            alpha=float(np.interp(kvp, _KVP, _ALPHA)),
            narrow_mm=float(np.interp(air_gap_mm, _AIR_GAP_MM, _NARROW_MM)),
            wide_mm=float(np.interp(air_gap_mm, _AIR_GAP_MM, _WIDE_MM)),
            wide_fraction=float(np.interp(air_gap_mm, _AIR_GAP_MM, _WIDE_FRACTION)),
        )

    def __post_init__(self) -> None:
        for name in ("amplitude", "beta", "max_spr"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"scatter {name} must be 0 or more, got {getattr(self, name)}")
        if not 0 < self.narrow_mm <= self.wide_mm:
            raise ConfigError(
                f"scatter widths must be 0 < narrow_mm <= wide_mm, got {self.narrow_mm} and {self.wide_mm} mm"
            )
        if not 0 <= self.wide_fraction <= 1:
            raise ConfigError(f"scatter wide_fraction must be in [0, 1], got {self.wide_fraction}")
        if not -1 < self.alpha < 1:
            raise ConfigError(f"scatter alpha must lie between -1 and 1, got {self.alpha}")

    def slab_spr(self, primary: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Scatter-to-primary ratio of a uniform slab, wider than the kernel, of transmission ``primary``.

        ``min(A P**alpha tau**beta, max_spr)``; 0 where nothing attenuates (P >= 1).
        """
        transmission = np.clip(primary, np.finfo(np.float32).tiny, 1)
        tau = -np.log(transmission)
        spr = self.amplitude * (tau if self.beta == 1 else tau**self.beta * (tau > 0))
        if self.alpha:
            spr = spr * transmission**self.alpha
        return np.minimum(spr, self.max_spr)


@dataclass(frozen=True)
class Grid:
    """A focused anti-scatter grid, seen as two transmissions; its lines are not imaged.

    The defaults stand for a 10:1 to 12:1 grid; 0.6 to 0.75 and 0.05 to 0.2 are usual. Check: SPR 9 becomes
    9 * 0.1 / 0.7 = 1.3, which leaves 44 % of the contrast; Niklason et al. (1981, Med Phys 8:677) found less
    than 50 % of it in the mediastinum even with a 12:1 grid.

    Attributes:
        primary_transmission: Part of the primary that passes.
        scatter_transmission: Part of the scatter that passes.
    """

    primary_transmission: float | int = 0.7
    scatter_transmission: float | int = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.primary_transmission <= 1 or not 0 <= self.scatter_transmission <= 1:
            raise ConfigError(
                "a grid's transmissions must be in (0, 1] for primary and [0, 1] for scatter, got "
                f"{self.primary_transmission} and {self.scatter_transmission}"
            )


def scatter(
    primary: Image,
    pixel_mm: float,
    kernel: ScatterKernel,
    incident: Image | None = None,
    beyond: float = 0.0,
) -> Image:
    """Scatter at the detector, in units of the primary's open field.

    ``S = [(1 - B) G(narrow) + B G(wide)] * q`` with ``q = incident * P * SPR(P)``; see :class:`ScatterKernel`.
    Slow in space, so it costs a few milliseconds at any size.

    Args:
        primary: H x W transmission P of the primary, 1 where nothing attenuates. Without the field's shape.
        pixel_mm: Pixel pitch in mm.
        kernel: The kernel.
        incident: H x W intensity of the beam that enters (collimation, heel effect), 1 for a full beam: where no
            beam enters, nothing scatters. None is 1 everywhere.
        beyond: What scatters past the image's border, per axis: 0 is a beam that ends there, as regulations
            want it to end at the detector; 1 is patient and beam going on (mirrored), for an image that is a
            part of the field, and makes a uniform slab's SPR that of :meth:`ScatterKernel.slab_spr`.

    Returns:
        H x W, 0 or more.
    """
    source = np.clip(primary, 0, 1) * kernel.slab_spr(primary).astype(np.float32)
    if incident is not None:
        source = source * incident
    narrow = gaussian_smooth(source, pixel_mm, kernel.narrow_mm, beyond)
    wide = gaussian_smooth(source, pixel_mm, kernel.wide_mm, beyond)
    share = np.float32(kernel.wide_fraction)
    return (1 - share) * narrow + share * wide


def through_grid(primary: Image, scattered: Image, grid: Grid | None) -> tuple[Image, Image]:
    """Primary and scatter behind a grid; unchanged without one.

    Both are lower than before, in the same units: a tube that makes up for the grid's loss does so in mAs.
    """
    if grid is None:
        return primary, scattered
    return primary * np.float32(grid.primary_transmission), scattered * np.float32(grid.scatter_transmission)
