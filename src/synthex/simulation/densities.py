"""Other densities of the same tissues: HU bent before they are looked up, at no cost along the rays."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from synthex.projection import FIRST_HU, HuTable
from synthex.simulation.draws import Limits, Parameters, Setting

LAST_HU = 32767

_UNCHANGED_BELOW, _FAT, _MUSCLE, _BONE_FROM, _BONE_TO, _METAL = -300.0, -100.0, 40.0, 120.0, 2000.0, 3000.0


@dataclass(frozen=True)
class Densities(Parameters):
    """A monotone map of HU, drawn for each image: people differ in mineral, fat and water more than phantoms do.

    Air, lung and metal stay; between the tissues the map is linear. Ranges are our choice: the mineral of spongiosa
    halves from youth to osteoporosis, and sclerosis adds to it.

    Attributes:
        bone: Factor on what bone has above 120 HU.
        fat: Factor on the HU of fat (-100): above 1 it is more transparent, against muscle.
        muscle: Added to the HU of muscle and organs (40), HU.
    """

    bone: Annotated[Setting, Limits(0.1, 1.5)] = (0.6, 1.4)
    fat: Annotated[Setting, Limits(0, 2.5)] = (0.7, 1.3)
    muscle: Annotated[Setting, Limits(-30, 50, "HU")] = (-15, 15)

    def bent(self, hu: Float[np.ndarray, "N"], drawn: dict[str, float]) -> Float[np.ndarray, "N"]:
        """The HU that tissue of these HU counts as."""
        shift = drawn["muscle"]
        from_hu = (FIRST_HU, _UNCHANGED_BELOW, _FAT, _MUSCLE, _BONE_FROM, _BONE_TO, _METAL, LAST_HU)
        bone_from = _BONE_FROM + shift
        bone_to = bone_from + drawn["bone"] * (_BONE_TO - _BONE_FROM)
        fat, muscle = _FAT * drawn["fat"], _MUSCLE + shift
        to_hu = (FIRST_HU, _UNCHANGED_BELOW, fat, muscle, bone_from, bone_to, _METAL, LAST_HU)
        return np.interp(hu, from_hu, to_hu)

    def applied(self, table: HuTable, drawn: dict[str, float]) -> HuTable:
        """The table of the bent HU: its rows in another order, the nearest one each."""
        hu = np.arange(FIRST_HU, FIRST_HU + len(table.values), dtype=np.float64)
        rows = np.rint(self.bent(hu, drawn)).astype(int) - FIRST_HU
        return HuTable(table.values[np.clip(rows, 0, len(table.values) - 1)])
