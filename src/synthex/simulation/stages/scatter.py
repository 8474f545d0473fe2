"""Scatter and the anti-scatter grid."""

from dataclasses import dataclass, replace
from typing import Annotated

from synthex.core.arrays import Image
from synthex.physics.scatter import Grid, ScatterKernel, scatter, through_grid
from synthex.simulation.draws import Limits, Parameters, Setting


@dataclass(frozen=True)
class Scatter(Parameters):
    """Scatter by kernel superposition, and a grid; see :class:`synthex.physics.scatter.ScatterKernel`.

    The kernel is that of water for the tube's voltage and the gap behind the patient. Set ``strength: 0`` for no
    scatter; a grid is absent when both transmissions are 1.

    Attributes:
        strength: Factor on the scatter of water; the range covers the kernel's error and fat, bone and gas.
        half_thickness_mm: Half of the patient along the beam: the gap to the detector is what the geometry
            leaves behind it. Our choice, for trunks.
        max_spr: Largest scatter-to-primary ratio of a slab.
        beyond: What scatters past the image's border: 0 is a beam that ends there, as a C-arm's field does,
            1 is patient and beam going on.
        grid_primary: Part of the primary that the grid lets through; 0.6 to 0.75.
        grid_scatter: Part of the scatter that the grid lets through; 0.05 to 0.2.
    """

    strength: Annotated[Setting, Limits(0, 5)] = (0.7, 1.3)
    half_thickness_mm: Annotated[Setting, Limits(0, 500, "mm")] = (90, 140)
    max_spr: Annotated[Setting, Limits(0, 30)] = 10
    beyond: Annotated[Setting, Limits(0, 1)] = 0
    grid_primary: Annotated[Setting, Limits(0.05, 1)] = (0.6, 0.75)
    grid_scatter: Annotated[Setting, Limits(0, 1)] = (0.05, 0.2)

    def add(
        self,
        primary: Image,
        field: Image,
        pixel_mm: float,
        beyond_center_mm: float,
        drawn: dict[str, float],
        tube: dict[str, float],
    ) -> Image:
        """Primary and scatter behind the grid, in units of the open field behind the grid.

        Args:
            primary: H x W transmission.
            field: H x W intensity of the beam, 1 at the centre of the open field.
            pixel_mm: Pixel pitch.
            beyond_center_mm: From the middle of the patient to the detector.
            drawn: The draw.
            tube: The tube's draw.
        """
        direct = primary * field
        if drawn["strength"] == 0:
            return direct
        gap_mm = max(beyond_center_mm - drawn["half_thickness_mm"], 0.0)
        water = ScatterKernel.for_beam(tube["kvp"], gap_mm)
        kernel = replace(water, amplitude=water.amplitude * drawn["strength"], max_spr=drawn["max_spr"])
        scattered = scatter(primary, pixel_mm, kernel, incident=field, beyond=drawn["beyond"])
        direct, scattered = through_grid(direct, scattered, Grid(drawn["grid_primary"], drawn["grid_scatter"]))
        return (direct + scattered) / drawn["grid_primary"]
