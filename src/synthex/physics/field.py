"""Fields over the detector: how the beam and the panel differ from pixel to pixel.

All are H x W float32 factors around 1 that multiply a signal, except :func:`veiling_glare`, which acts on one.
Directions in the image: 0 degrees is along increasing columns, 90 along increasing rows.
"""

import math
from typing import Literal

import numpy as np

from synthex.core import Camera, ConfigError
from synthex.core.arrays import Image
from synthex.physics.smoothing import gaussian_smooth

_KVP = (60.0, 90.0, 120.0)
_ANODE_DEPTH = (0.0194, 0.0259, 0.0383)
FILTER_DEPTH = 1.13
"""Optical depth, along the axis, of what filters the beam (4 mm Al at 90 kV), for :func:`heel_field`."""


def anode_depth(kvp: float) -> float:
    """Mean depth at which the target makes X-rays, in attenuation lengths of tungsten, for :func:`heel_field`.

    Fitted to the photon fluence that SpekPy 2.5.4 gives up to 20 cm to either side at 1 m, for targets of 8, 12
    and 16 degrees, at 60 kV / 3.5 mm Al, 90 / 4.0 and 120 / 4.3 (0.0194, 0.0259, 0.0383): within 1.9 % at all of
    these where at least a fifth of the axis's fluence is left. Linear between, constant beyond.
    """
    return float(np.interp(kvp, _KVP, _ANODE_DEPTH))


def inverse_square_field(camera: Camera) -> Image:
    """Photons per area on a flat detector, relative to the principal point: ``cos^3``.

    Distance grows as 1 / cos (its square counts) and the area is hit at an angle (one more cos).
    """
    across, down = _detector_mm(camera)
    cosine = camera.sdd_mm / np.sqrt(camera.sdd_mm**2 + across**2 + down**2)
    return (cosine * cosine * cosine).astype(np.float32, copy=False)


def heel_field(
    camera: Camera,
    anode_direction_deg: float = 0.0,
    target_angle_deg: float = 12.0,
    depth: float = 0.0259,
    filter_depth: float = FILTER_DEPTH,
) -> Image:
    """The heel effect: fewer photons towards the anode, whose own metal they cross; 1 at the principal point.

    Our model: X-rays start at exponentially distributed depths of mean ``depth`` (in attenuation lengths) below
    the target's face and leave at the angle ``target + phi``, so ``1 / (1 + depth / sin(target + phi))`` of them
    escape; those off the axis cross the filters at a slant, ``exp(-filter_depth (1 / cos - 1))``. Fitted to
    SpekPy, see :func:`anode_depth`. Fluence alone: the beam's hardening towards the anode is left out, and
    :func:`inverse_square_field` is a factor of its own.

    Args:
        camera: Gives the detector's extent around the principal point.
        anode_direction_deg: Where in the image the anode is, seen from the principal point.
        target_angle_deg: Angle between the target's face and the central ray: 8 to 16 degrees is usual. Beyond
            it the face's shadow begins and the field is 0.
        depth: See :func:`anode_depth`; 0 is no heel effect. The default is 90 kV's.
        filter_depth: Optical depth of the beam's filters on the axis.

    Raises:
        ConfigError: A number is out of its range.
    """
    if not 0 < target_angle_deg < 90 or not depth >= 0 or not filter_depth >= 0:
        raise ConfigError(
            "a heel effect needs target_angle_deg in (0, 90), depth >= 0 and filter_depth >= 0, got "
            f"{target_angle_deg}, {depth}, {filter_depth}"
        )
    across, down = _detector_mm(camera)
    direction, target = math.radians(anode_direction_deg), math.radians(target_angle_deg)
    towards_anode = across * math.cos(direction) + down * math.sin(direction)
    distance = np.sqrt(camera.sdd_mm**2 + across**2 + down**2)
    # Sine of the angle between the ray and the face: the face's normal is tilted towards the cathode.
    sine = (camera.sdd_mm * math.sin(target) - towards_anode * math.cos(target)) / distance
    lit = np.maximum(sine, 0)
    escaping = lit / (lit + depth) if depth else np.sign(lit)
    on_axis = math.sin(target) / (math.sin(target) + depth)
    filtered = np.exp(-filter_depth * (distance / camera.sdd_mm - 1))
    return (escaping / on_axis * filtered).astype(np.float32, copy=False)


def collimation(
    camera: Camera,
    half_width_mm: float,
    half_height_mm: float,
    shape: Literal["rectangle", "octagon", "circle"] = "rectangle",
    center_mm: tuple[float, float] = (0.0, 0.0),
    tilt_deg: float = 0.0,
    penumbra_mm: float = 1.0,
    leakage: float = 0.02,
) -> Image:
    """The field that the collimator leaves open: 1 inside, ``leakage`` outside, a linear penumbra between.

    Args:
        camera: Gives the detector's extent around the principal point.
        half_width_mm: Half the field's width at the detector, mm, along columns before tilting.
        half_height_mm: Half its height, mm.
        shape: ``octagon`` cuts the rectangle's corners as a regular octagon does, ``circle`` is the inscribed
            ellipse (an iris).
        center_mm: Field centre from the principal point, along columns and rows, mm at the detector.
        tilt_deg: Rotation of the field about its centre, degrees.
        penumbra_mm: Width of the edge at the detector: a focal spot a and shutters at distance d from it give
            ``a (SDD - d) / d``, 1 to 4 mm for 0.6 to 1.2 mm and 25 to 35 cm; never less than a pixel.
        leakage: Intensity behind the shutters, 0.01 to 0.05 of the field's.

    Raises:
        ConfigError: A number or name is out of its range.
    """
    if shape not in ("rectangle", "octagon", "circle"):
        raise ConfigError(f"a collimator's shape is rectangle, octagon or circle, got {shape!r}")
    if not (half_width_mm > 0 and half_height_mm > 0 and penumbra_mm >= 0 and 0 <= leakage <= 1):
        raise ConfigError(
            "a collimator needs half widths > 0, penumbra_mm >= 0 and leakage in [0, 1], got "
            f"{half_width_mm}, {half_height_mm}, {penumbra_mm}, {leakage}"
        )
    across, down = _detector_mm(camera)
    x, y, tilt = across - center_mm[0], down - center_mm[1], math.radians(tilt_deg)
    along = np.abs(x * math.cos(tilt) + y * math.sin(tilt))
    beside = np.abs(y * math.cos(tilt) - x * math.sin(tilt))
    shorter = min(half_width_mm, half_height_mm)
    if shape == "circle":
        outside = (np.hypot(along / half_width_mm, beside / half_height_mm) - 1) * shorter
    else:
        outside = np.maximum(along - half_width_mm, beside - half_height_mm)
        if shape == "octagon":
            corner = (along / half_width_mm + beside / half_height_mm - math.sqrt(2)) * shorter / math.sqrt(2)
            outside = np.maximum(outside, corner)
    opened = np.clip(0.5 - outside / max(penumbra_mm, camera.pixel_mm), 0, 1)
    return (leakage + (1 - leakage) * opened).astype(np.float32, copy=False)


def gain_residual(camera: Camera, std: float, correlation_mm: float, rng: np.random.Generator) -> Image:
    """What a flat-field correction leaves: a smooth random gain around 1.

    A Gaussian field of standard deviation ``std`` in every pixel and autocorrelation ``exp(-r^2 / 2 L^2)``.

    Args:
        camera: Gives the detector's size.
        std: Standard deviation; 0.005 to 0.02 is usual.
        correlation_mm: ``L`` in mm.
        rng: Source of randomness.

    Raises:
        ConfigError: ``std`` is not in [0, 0.2] or ``correlation_mm`` not positive.
    """
    if not 0 <= std <= 0.2 or not correlation_mm > 0:
        raise ConfigError(f"a gain residual needs std in [0, 0.2] and correlation_mm > 0, got {std}, {correlation_mm}")
    rows, columns = (_unit_kernels(pixels, camera.pixel_mm, correlation_mm) for pixels in (camera.height, camera.width))
    white = rng.standard_normal((rows.shape[1], columns.shape[1]))
    return np.maximum(1 + std * (rows @ white @ columns.T), 0).astype(np.float32)


def veiling_glare(signal: Image, pixel_mm: float, fraction: float = 0.02, sigma_mm: float = 25.0) -> Image:
    """Spread ``fraction`` of the light far over the detector; the sum is kept.

    A few percent over some centimetres: an image intensifier's haze, or the low-frequency drop of a panel.
    The defaults are our choice (0 to 0.05, 10 to 50 mm).

    Raises:
        ConfigError: A number is out of its range.
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"veiling glare is a fraction in [0, 1], got {fraction}")
    share = np.float32(fraction)
    return (1 - share) * signal + share * gaussian_smooth(signal, pixel_mm, sigma_mm)


def _detector_mm(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres from the principal point in mm: along columns (1, W) and along rows (H, 1)."""
    across = (np.arange(camera.width) + 0.5 - camera.intrinsics[0, 2]) * camera.pixel_mm
    down = (np.arange(camera.height) + 0.5 - camera.intrinsics[1, 2]) * camera.pixel_mm
    return across.astype(np.float32)[None, :], down.astype(np.float32)[:, None]


def _unit_kernels(pixels: int, pixel_mm: float, correlation_mm: float) -> np.ndarray:
    """Gaussian weights of nodes in pixels, (pixels, nodes), each row of unit norm: white in, unit variance out."""
    sigma_mm = correlation_mm / math.sqrt(2)  # a kernel's autocorrelation is sqrt(2) times as wide as the kernel
    nodes = np.arange(-4 * sigma_mm, pixels * pixel_mm + 4 * sigma_mm + sigma_mm / 2, sigma_mm / 2)
    centers = (np.arange(pixels) + 0.5) * pixel_mm
    kernels = np.exp(-0.5 * ((centers[:, None] - nodes) / sigma_mm) ** 2)
    return kernels / np.linalg.norm(kernels, axis=1, keepdims=True)
