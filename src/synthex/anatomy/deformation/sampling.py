"""Drawing a random deformation that does not fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from synthex.anatomy.deformation.field import Deformation
from synthex.core import Affine, ConfigError
from synthex.core.arrays import Points3

WAVES = 24
MIN_DETERMINANT = 0.3
"""A draw neither compresses nor stretches a volume element to less than this share (or more than its
inverse)."""

# The check runs on a lattice; the rest of the way to MIN_DETERMINANT is left to the points in between.
_LATTICE_DETERMINANT = 0.36
_LATTICE_PER_WAVELENGTH = 10
_SHRINK = 0.85


POSES = ("femur_flexion_degrees", "femur_abduction_degrees", "femur_rotation_degrees")


@dataclass(frozen=True)
class ShapeVariation:
    """How far shapes may vary.

    The defaults follow adult anatomy: bi-iliac and hip-centre distances spread by about 6-7 % (one
    standard deviation) between adults of one sex (Reynolds, Snow, Young 1982, "Spatial geometry of the
    human pelvis", FAA-AM-82-9), and the waves shift one end of a pelvis against the other by several mm.

    Attributes:
        scale_range: Smallest and largest overall size, relative to the source.
        anisotropy: Largest relative size change of one axis against the others.
        shear_degrees: Largest shear angle of one axis towards another.
        rotation_degrees: Largest rotation about each axis.
        displacement_mm: Root mean square length of the wavy displacement (less where it would fold).
        wavelength_mm: Shortest and longest wavelength of the displacement.
        local_mm: Standard deviation along each axis of local bumps at the subject's landmarks (femoral heads
            excepted); 0: none.
        local_reach_mm: Their sigma.
        femur_flexion_degrees: Smallest and largest forward turn of a thigh, away from how it lies.
        femur_abduction_degrees: The same outwards.
        femur_rotation_degrees: The same about the leg's axis, foot outwards.
    """

    scale_range: Sequence[float] = (0.9, 1.1)
    anisotropy: float = 0.05
    shear_degrees: float = 3.0
    rotation_degrees: float = 4.0
    displacement_mm: float = 6.0
    wavelength_mm: Sequence[float] = (120.0, 260.0)
    local_mm: float = 0.0
    local_reach_mm: float = 22.0
    femur_flexion_degrees: Sequence[float] = (0.0, 0.0)
    femur_abduction_degrees: Sequence[float] = (0.0, 0.0)
    femur_rotation_degrees: Sequence[float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("scale_range", "wavelength_mm"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != 2 or not 0 < values[0] <= values[1] < np.inf:
                raise ConfigError(f"{name}={values} must be two positive numbers, the smaller one first")
            object.__setattr__(self, name, values)
        if not 0.5 <= self.scale_range[0] <= self.scale_range[1] <= 2:
            raise ConfigError(f"scale_range={self.scale_range} must lie in 0.5 to 2")
        for name in POSES:
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != 2 or not -90 <= values[0] <= values[1] <= 90:
                raise ConfigError(f"{name}={values} must be two angles from -90 to 90, the smaller one first")
            object.__setattr__(self, name, values)
        if not 10 <= self.local_reach_mm <= 100:
            raise ConfigError(f"local_reach_mm={self.local_reach_mm} must lie in 10 to 100")
        limits = {
            "anisotropy": 0.3,
            "shear_degrees": 20,
            "rotation_degrees": 45,
            "displacement_mm": 50,
            "local_mm": 0.4 * self.local_reach_mm,
        }
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ConfigError(f"{name}={getattr(self, name)} must lie in 0 to {limit}")


def sample_deformation(
    rng: np.random.Generator,
    settings: ShapeVariation,
    bounds_mm: Float[np.ndarray, "2 3"],
    places: Points3 | None = None,
) -> Deformation:
    """Draw a deformation that keeps the centre of a region about where it is and does not fold in it.

    Where the Jacobian determinant, checked on a lattice of a tenth of the shortest wavelength, leaves
    (0.3, 1 / 0.3), the waves are made smaller until it does not.

    Args:
        rng: All randomness.
        settings: How far shapes may vary.
        bounds_mm: Lower and upper corner of the region that holds the subject, world mm.
        places: Where local bumps are centred, world mm of the source; None: nowhere.

    Returns:
        The deformation.
    """
    bounds = np.asarray(bounds_mm, dtype=np.float64)
    linear = _random_linear(rng, settings)
    center = bounds.mean(axis=0)
    deformed_from_source = Affine.from_parts(linear, center - linear @ center)
    shortest, longest = settings.wavelength_mm
    wavelengths = rng.uniform(shortest, longest, WAVES)
    wave_vectors = _unit_vectors(rng, WAVES) * (2 * np.pi / wavelengths)[:, None]
    # Longer waves get the larger amplitudes, so that every wave strains the bone about equally.
    amplitudes = _unit_vectors(rng, WAVES) * wavelengths[:, None]
    amplitudes *= settings.displacement_mm / np.sqrt((amplitudes**2).sum() / 2)
    phases = rng.uniform(0, 2 * np.pi, WAVES)
    deformation = Deformation(deformed_from_source.inverse(), wave_vectors, amplitudes, phases)
    if settings.local_mm > 0 and places is not None:
        offsets = rng.normal(0.0, settings.local_mm, places.shape).clip(-2 * settings.local_mm, 2 * settings.local_mm)
        reach = settings.local_reach_mm
        deformation = replace(deformation, centres=deformed_from_source.apply(places), offsets=offsets, reach_mm=reach)
    lattice = _lattice(bounds, deformed_from_source, settings.displacement_mm, settings.wavelength_mm[0])
    share = _regular_share(deformation, lattice)
    deformation = replace(deformation, amplitudes=amplitudes * share, offsets=deformation.offsets * share)
    # The waves move the centre as well; that is only a translation and would push bone out of the grid.
    return deformation.shifted(center - deformation.apply(center[None])[0])


def _regular_share(deformation: Deformation, lattice: Float[np.ndarray, "N 3"]) -> float:
    """How much of the waves may stay so that volume elements keep their size within the limits."""
    affine = deformation.source_from_deformed.linear
    waves = deformation.inverse_jacobian(lattice) - affine
    share = 1.0
    # With waves this small the affine part alone decides, and the settings keep that regular.
    while share > 1e-3:
        determinants = _determinants(affine + share * waves)
        if determinants.min() > _LATTICE_DETERMINANT and determinants.max() < 1 / _LATTICE_DETERMINANT:
            return share
        share *= _SHRINK
    return 0.0


def _determinants(matrices: Float[np.ndarray, "N 3 3"]) -> Float[np.ndarray, "N"]:
    """Determinants of 3 x 3 matrices by the triple product."""
    a, b, c = (np.moveaxis(matrices[:, row], 1, 0) for row in range(3))
    return a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])


def _lattice(
    bounds: Float[np.ndarray, "2 3"], deformed_from_source: Affine, margin_mm: float, wavelength_mm: float
) -> Float[np.ndarray, "N 3"]:
    """Points in deformed space that cover the region, its deformed image and a margin."""
    corners = np.array([[bounds[a, 0], bounds[b, 1], bounds[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    corners = np.concatenate([corners, deformed_from_source.apply(corners)])
    lower, upper = corners.min(axis=0) - 2 * margin_mm, corners.max(axis=0) + 2 * margin_mm
    # At most 64 points an axis: regions are a few hundred mm, wavelengths rarely below 100 mm.
    counts = np.clip(np.ceil((upper - lower) / wavelength_mm * _LATTICE_PER_WAVELENGTH).astype(int), 2, 64)
    axes = [np.linspace(lower[axis], upper[axis], counts[axis]) for axis in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _random_linear(rng: np.random.Generator, settings: ShapeVariation) -> Float[np.ndarray, "3 3"]:
    """Rotation times shear times scale."""
    scale = np.exp(rng.uniform(*np.log(settings.scale_range)))
    axes = scale * (1 + rng.uniform(-settings.anisotropy, settings.anisotropy, 3))
    shear = np.eye(3)
    shear[np.triu_indices(3, 1)] = np.tan(np.radians(rng.uniform(-1, 1, 3) * settings.shear_degrees))
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(rng.uniform(-1, 1, 3) * settings.rotation_degrees)):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[second, first], turn[first, second] = np.sin(angle), -np.sin(angle)
        rotation = rotation @ turn
    return rotation @ shear @ np.diag(axes)


def _unit_vectors(rng: np.random.Generator, count: int) -> Float[np.ndarray, "N 3"]:
    """Directions, uniform on the sphere."""
    vectors = rng.standard_normal((count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
