"""An anatomy with more in its lungs than air, and how much more."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthex.anatomy.box_kernel import box_of
from synthex.core import Affine, Anatomy, Volume


@dataclass(frozen=True, eq=False)
class OpacifiedAnatomy:
    """An anatomy whose lungs were made denser somewhere.

    Attributes:
        anatomy: The changed subject; the voxels that changed enough carry a structure of their own.
        added: int16 HU that were added, never negative, 0 elsewhere, on the grid of the CT. The integral of
            ``added / 1000`` along a ray is the mm of water that weigh as much as what was added.
        record: JSON values that say what was drawn.
    """

    anatomy: Anatomy
    added: Volume
    record: Mapping[str, object]

    def added_matter(self) -> Volume:
        """What was added, alone in air, as HU (``added - 1000``), cropped to where it is and one voxel around.

        Its projection is the water equivalent of what was added, in mm, along every ray.
        """
        data = self.added.data
        box = box_of(data)
        low, high = (np.zeros(3, dtype=int), np.ones(3, dtype=int)) if box is None else box
        i0, j0, k0 = (int(first) for first in np.maximum(low - 1, 0))
        i1, j1, k1 = (int(last) for last in np.minimum(high + 1, data.shape))
        affine = self.added.world_from_ijk
        origin = affine.apply(np.array(((i0, j0, k0),), dtype=np.float64))[0]
        # In one contiguous order, which projectors need; that of the whole grid would be as good.
        return Volume(data[i0:i1, j0:j1, k0:k1] - np.int16(1000), Affine.from_parts(affine.linear, origin))
