"""What the HU of a voxel stand for: one row of quantities per HU, integrated along the rays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FIRST_HU = -1000
"""HU of the first row; lower HU count as this, as everything outside the grid does (air)."""


@dataclass(frozen=True, eq=False)
class HuTable:
    """Quantities (densities of materials) as functions of HU.

    A sample is interpolated in HU (every voxel clamped to -1000 or more first, air outside the grid) and then
    looked up, so that the curve may be drawn anew for every image at no cost.

    Attributes:
        values: N x M float32; row n holds the quantities at -1000 + n HU; beyond the last row they stay constant.
            Between rows the kernels take the nearest one, half a HU away at the most; the PyTorch twin is linear
            there, for its gradients.
    """

    values: Float[np.ndarray, "N M"]

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32, order="C")
        if not 1 <= values.shape[1] <= 8 or len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(f"a HU table needs finite values of 1 to 8 quantities, got shape {values.shape}")
        if values[0].any():
            raise ValueError("a HU table must be 0 at -1000 HU: air weighs nothing, inside the grid and outside")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @property
    def quantities(self) -> int:
        """Number of columns M."""
        return self.values.shape[1]
