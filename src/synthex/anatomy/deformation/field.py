"""A smooth invertible map of space: an affine part plus a few long sine waves, and Gaussian bumps at chosen places.

The map is stored backwards, deformed to source, because that is the direction in which a volume is
resampled: millions of voxels are then evaluated in closed form, and only the few landmarks need the
iterative inverse.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from synthex.core import Affine
from synthex.core.arrays import Point3, Points3

_TOLERANCE_MM = 1e-6
_MAX_STEPS = 100
_CHUNK = 65536


@dataclass(frozen=True, eq=False)
class Deformation:
    """Where a deformed point ``y`` came from.

    ``source = affine(y) + sum_m amplitude_m sin(wave_vector_m . y + phase_m)
    + sum_b offset_b exp(-|y - centre_b|^2 / (2 reach^2))``.
    Sums of sine waves and Gaussians are defined everywhere with all derivatives in closed form, unlike a control
    grid, which has borders. They are bounded, so that a positive Jacobian determinant everywhere makes the map a
    bijection of space (Hadamard's global inverse theorem).

    Attributes:
        source_from_deformed: Affine part of the backward map, world mm to world mm.
        wave_vectors: M x 3, rad/mm, in deformed space.
        amplitudes: M x 3, mm.
        phases: M, rad.
        centres: B x 3, where the bumps are, mm in deformed space.
        offsets: B x 3, mm.
        reach_mm: Sigma of the bumps.
    """

    source_from_deformed: Affine
    wave_vectors: Float[np.ndarray, "M 3"]
    amplitudes: Float[np.ndarray, "M 3"]
    phases: Float[np.ndarray, "M"]
    centres: Float[np.ndarray, "B 3"] = field(default_factory=lambda: np.zeros((0, 3)))
    offsets: Float[np.ndarray, "B 3"] = field(default_factory=lambda: np.zeros((0, 3)))
    reach_mm: float = 22.0

    def __post_init__(self) -> None:
        vectors = ("wave_vectors", "amplitudes", "centres", "offsets")
        for name, shape in (*((name, (-1, 3)) for name in vectors), ("phases", (-1,))):
            values = np.array(getattr(self, name), dtype=np.float64).reshape(shape)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} of a deformation must be finite")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if not len(self.wave_vectors) == len(self.amplitudes) == len(self.phases):
            raise ValueError("a deformation needs as many amplitudes and phases as wave vectors")
        if len(self.centres) != len(self.offsets) or not self.reach_mm > 0:
            raise ValueError("a deformation needs as many offsets as centres of bumps, and a positive reach")

    @classmethod
    def from_affine(cls, deformed_from_source: Affine) -> "Deformation":
        """The deformation that is this affine map and nothing else."""
        return cls(deformed_from_source.inverse(), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))

    @property
    def shortest_wavelength_mm(self) -> float:
        """Shortest wavelength of the field (a bump's is 2 pi of its sigma), mm; infinite for a purely affine map."""
        lengths = np.linalg.norm(self.wave_vectors, axis=1)
        waves = float(2 * np.pi / lengths.max()) if lengths.size and lengths.max() > 0 else np.inf
        return min(waves, 2 * np.pi * self.reach_mm) if len(self.centres) else waves

    def inverse(self, points: Points3) -> Points3:
        """Deformed world points (N, 3) to source points, mm; closed form."""
        deformed = np.asarray(points, dtype=np.float64)
        source = self.source_from_deformed.apply(deformed)
        for start in range(0, len(deformed), _CHUNK):
            part = slice(start, start + _CHUNK)
            source[part] += np.sin(deformed[part] @ self.wave_vectors.T + self.phases) @ self.amplitudes
            if len(self.centres):
                source[part] += self._bumps(deformed[part]) @ self.offsets
        return source

    def _bumps(self, deformed: Points3) -> Float[np.ndarray, "N B"]:
        squared = ((deformed[:, None] - self.centres) ** 2).sum(axis=2)
        return np.exp(-squared / (2 * self.reach_mm**2))

    def inverse_jacobian(self, points: Points3) -> Float[np.ndarray, "N 3 3"]:
        """Derivative of :meth:`inverse` at deformed points (N, 3); shape (N, 3, 3)."""
        cosines = np.cos(np.asarray(points, dtype=np.float64) @ self.wave_vectors.T + self.phases)
        outer = self.amplitudes[:, :, None] * self.wave_vectors[:, None, :]
        waves = cosines @ outer.reshape(-1, 9)
        if len(self.centres):
            away = np.asarray(points, dtype=np.float64)[:, None] - self.centres
            slopes = -self._bumps(points)[:, :, None] * away / self.reach_mm**2
            waves = waves + np.einsum("nbj,bi->nij", slopes, self.offsets).reshape(-1, 9)
        return self.source_from_deformed.linear + waves.reshape(-1, 3, 3)

    def apply(self, points: Points3) -> Points3:
        """Source world points (N, 3) to deformed points, mm: Newton's method to 1e-6 mm.

        Raises:
            ValueError: It does not converge: the field folds, or the points are not finite.
        """
        source = np.asarray(points, dtype=np.float64)
        deformed = self.source_from_deformed.inverse().apply(source)
        residual = self.inverse(deformed) - source
        for _ in range(_MAX_STEPS):
            error = np.linalg.norm(residual, axis=1)
            if (error < _TOLERANCE_MM).all():
                return deformed
            step = np.linalg.solve(self.inverse_jacobian(deformed), residual[:, :, None])[:, :, 0]
            # A full step may overshoot between two waves: halve it where it would make things worse.
            length = np.ones((len(source), 1))
            for _ in range(8):
                trial = deformed - length * step
                trial_residual = self.inverse(trial) - source
                worse = np.linalg.norm(trial_residual, axis=1) > np.maximum(error, _TOLERANCE_MM)
                if not worse.any():
                    break
                length[worse] *= 0.5
            deformed, residual = trial, trial_residual
        raise ValueError("the deformation has no inverse at some of the points")

    def jacobian_determinant(self, points: Points3) -> Float[np.ndarray, "N"]:
        """How much :meth:`apply` enlarges volume at source points (N, 3); not positive where it folds."""
        return 1 / np.linalg.det(self.inverse_jacobian(self.apply(points)))

    def shifted(self, offset_mm: Point3) -> "Deformation":
        """The same deformation followed by a translation of ``offset_mm``."""
        offset = np.asarray(offset_mm, dtype=np.float64)
        back = Affine.from_parts(np.eye(3), -offset)
        return replace(
            self,
            source_from_deformed=self.source_from_deformed @ back,
            phases=self.phases - self.wave_vectors @ offset,
            centres=self.centres + offset,
        )
