"""Slow random fields that give tissue its texture."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: Spacing of the fields, mm: our choice, about the width of a muscle's bundles on CT.
NOISE_STEP_MM = 7.0


@dataclass(frozen=True, eq=False)
class Texture:
    """Three slow fields, unit variance, on a coarse grid: muscle, planes between muscles, spongiosa."""

    table: np.ndarray
    origin: np.ndarray

    @classmethod
    def sample(cls, low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> "Texture":
        """Draw fields that cover the box ``low`` to ``high`` (world mm)."""
        shape = tuple(int(n) for n in np.ceil((high - low) / NOISE_STEP_MM) + 2)
        fields = []
        for width in (1.5, 2.2, 1.0):
            field = ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), width)
            fields.append(np.clip(field / field.std(), -2.5, 2.5))
        return cls(np.stack(fields).astype(np.float32), np.asarray(low, dtype=np.float64))
