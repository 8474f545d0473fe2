"""Scatter and the anti-scatter grid."""

from dataclasses import dataclass
from typing import Annotated

from synthex.core import ConfigError
from synthex.core.arrays import Image
from synthex.physics.scatter import Grid, ScatterKernel, scatter, through_grid
from synthex.simulation.draws import Limits, Parameters, Setting


@dataclass(frozen=True)
class Scatter(Parameters):
    """Scatter by kernel superposition, and a grid; see :class:`synthex.physics.scatter.ScatterKernel`.

    Set ``amplitude: 0`` for no scatter; a grid is absent when both transmissions are 1. The ranges are those that
    :mod:`synthex.physics.scatter` calls sensible and usual.

    Attributes:
        amplitude: Scatter-to-primary ratio of a wide slab at one mean free path, without a grid.
        alpha: Exponent of the primary transmission.
        beta: Exponent of the attenuation.
        narrow_mm: Standard deviation of the narrow Gaussian at the detector.
        wide_mm: Standard deviation of the wide Gaussian at the detector.
        wide_fraction: Part of the scatter in the wide Gaussian.
        max_spr: Largest scatter-to-primary ratio of a slab.
        beyond: What scatters past the image's border: 0 is a beam that ends there, as a C-arm's field does,
            1 is patient and beam going on.
        grid_primary: Part of the primary that the grid lets through; 0.6 to 0.75.
        grid_scatter: Part of the scatter that the grid lets through; 0.05 to 0.2.
    """

    amplitude: Annotated[Setting, Limits(0, 5)] = (0.4, 1.0)
    alpha: Annotated[Setting, Limits(-0.5, 0.5)] = (0, 0.1)
    beta: Annotated[Setting, Limits(0.1, 2)] = (0.8, 1.2)
    narrow_mm: Annotated[Setting, Limits(1, 100, "mm")] = (15, 40)
    wide_mm: Annotated[Setting, Limits(1, 500, "mm")] = (60, 150)
    wide_fraction: Annotated[Setting, Limits(0, 1)] = (0.3, 0.7)
    max_spr: Annotated[Setting, Limits(0, 30)] = 10
    beyond: Annotated[Setting, Limits(0, 1)] = 0
    grid_primary: Annotated[Setting, Limits(0.05, 1)] = (0.6, 0.75)
    grid_scatter: Annotated[Setting, Limits(0, 1)] = (0.05, 0.2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bounds("narrow_mm")[1] > self.bounds("wide_mm")[0]:
            raise ConfigError(
                f"scatter.narrow_mm can reach {self.bounds('narrow_mm')[1]:g} mm, above scatter.wide_mm's "
                f"{self.bounds('wide_mm')[0]:g}; swap or narrow them"
            )

    def add(self, primary: Image, field: Image, pixel_mm: float, drawn: dict[str, float]) -> Image:
        """Primary and scatter behind the grid, in units of the open field behind the grid.

        Args:
            primary: H x W transmission.
            field: H x W intensity of the beam, 1 at the centre of the open field.
            pixel_mm: Pixel pitch.
            drawn: The draw.
        """
        names = ("amplitude", "alpha", "beta", "narrow_mm", "wide_mm", "wide_fraction", "max_spr")
        kernel = ScatterKernel(**{name: drawn[name] for name in names})
        direct = primary * field
        if kernel.amplitude == 0:
            return direct
        scattered = scatter(primary, pixel_mm, kernel, incident=field, beyond=drawn["beyond"])
        direct, scattered = through_grid(direct, scattered, Grid(drawn["grid_primary"], drawn["grid_scatter"]))
        return (direct + scattered) / drawn["grid_primary"]
