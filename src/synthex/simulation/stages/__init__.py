"""The stages of image formation: parameters with units, and pure functions that realism levels chain."""

from synthex.simulation.stages.bodies import area_densities, solid_attenuation
from synthex.simulation.stages.clutter import Clutter
from synthex.simulation.stages.detector import Detector
from synthex.simulation.stages.exposure import Exposure
from synthex.simulation.stages.field import Field
from synthex.simulation.stages.output import to_domain
from synthex.simulation.stages.processing import Processing
from synthex.simulation.stages.scatter import Scatter
from synthex.simulation.stages.table import Table
from synthex.simulation.stages.tube import Beam, Tube

__all__ = [
    "Beam",
    "Clutter",
    "Detector",
    "Exposure",
    "Field",
    "Processing",
    "Scatter",
    "Table",
    "Tube",
    "area_densities",
    "solid_attenuation",
    "to_domain",
]
