"""An anatomy with more in its lungs than air, and how much more."""

from collections.abc import Mapping
from dataclasses import dataclass

from synthex.core import Anatomy, Volume


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
