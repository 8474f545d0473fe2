"""The realistic level: materials, spectrum, scatter, field and detector, each parameter a number or a range."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthex.core import Camera, ConfigError, Domain, Radiograph, Rendering, Scene
from synthex.physics import transmit
from synthex.projection import Projection, project
from synthex.simulation.densities import Densities
from synthex.simulation.draws import Parameters, image_key
from synthex.simulation.material_curve import Tissue
from synthex.simulation.stages import (
    Clutter,
    Detector,
    Exposure,
    Field,
    Processing,
    Scatter,
    Table,
    Tube,
    area_densities,
    to_domain,
)
from synthex.simulation.stages.detector import quantum_ratio


@dataclass(frozen=True)
class Realistic:
    """A polyenergetic radiograph with scatter, noise and a detector; a :class:`synthex.core.Simulator`.

    The chain: HU to densities of materials, area densities along the rays (solids among them), transmission of the
    spectrum, heel effect and distance, collimation, scatter behind the grid, detector, flat-field correction.
    What one image drew is in its record.

    Attributes:
        tissue: How HU are read.
        tube: Spectrum and dose.
        scatter: Scatter and grid.
        field: Heel effect, collimation, gain.
        detector: Blur, noise, read-out.
        densities: Other densities of bone, fat and muscle for each image; None: those of the CT.
        exposure: Automatic exposure control, which then sets the tube's ``kvp`` and ``mas`` and the detector's
            ``saturation``; None: as they are drawn.
        table: What the patient lies on; None: nothing.
        clutter: What lies on the patient: cables, buttons, a shield; None: nothing.
        processing: A C-arm's processing to a displayed frame, whose domain is its own; None: the detector's image.
        domain: ``log`` gives ``-ln(I / I0)``, ``intensity`` gives ``I / I0``; I0 is the centre of the open field
            behind the grid.
        energy_groups: Groups that the spectrum is reduced to; 24 are exact to 0.15 %.
        threads: See :func:`synthex.projection.project`.
        projector: Projects the scene; another one with the same results may stand in (``data.render=device``).
    """

    tissue: Tissue = dataclasses.field(default_factory=Tissue)
    tube: Tube = dataclasses.field(default_factory=Tube)
    scatter: Scatter = dataclasses.field(default_factory=Scatter)
    field: Field = dataclasses.field(default_factory=Field)
    detector: Detector = dataclasses.field(default_factory=Detector)
    densities: Densities | None = None
    exposure: Exposure | None = None
    table: Table | None = None
    clutter: Clutter | None = None
    processing: Processing | None = None
    domain: Domain = "log"
    energy_groups: int = 24
    threads: int | None = None
    projector: Callable[..., Projection] = project

    def __post_init__(self) -> None:
        if self.domain not in ("log", "intensity"):
            raise ConfigError(f"simulation.domain is 'log' or 'intensity', got {self.domain!r}")
        if self.energy_groups < 12:
            raise ConfigError(f"simulation.energy_groups must be 12 or more, got {self.energy_groups}")

    def groups(self) -> dict[str, Parameters]:
        """The groups of parameters by name; those that are left out are missing."""
        names = (
            "tissue",
            "tube",
            "scatter",
            "field",
            "detector",
            "densities",
            "exposure",
            "table",
            "clutter",
            "processing",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene``; takes one number from ``rng``, from which every stream of the image follows."""
        key = image_key(rng)
        drawn = {name: group.draw(key) for name, group in self.groups().items()}
        ct, labels = scene.anatomy.ct, scene.anatomy.labels
        table = self.tissue.curve(drawn["tissue"])
        if self.densities is not None:
            table = self.densities.applied(table, drawn["densities"])
        projection = self.projector(
            ct,
            labels,
            label_ids,
            camera,
            table=table,
            solids=scene.solids,
            threads=self.threads,
        )
        area, materials = area_densities(projection, self.tissue.materials(), scene.solids)
        if self.table is not None:
            area, materials = self.table.add(area, materials, camera, scene.aim_world, drawn["table"], key)
        if self.clutter is not None:
            area, materials = self.clutter.add(area, materials, camera, scene.aim_world, drawn["clutter"], key)
        if self.exposure is not None:
            drawn["tube"]["kvp"] = self.exposure.voltage(projection.water_path_mm, drawn["exposure"])
        beam = self.detector.beam(self.tube.spectrum(drawn["tube"], self.energy_groups), drawn["detector"])
        primary = transmit(area, materials, beam.spectrum, beam.weights, beam.squared_weights)
        heel = self.field.beam(camera, drawn["tube"])
        shutters = self.field.shutters(camera, drawn["field"], key)
        incident = heel if shutters is None else heel * shutters
        magnification = camera.magnification(ct.center_world)
        signal = self.scatter.add(
            primary.signal,
            incident,
            camera.pixel_mm,
            camera.sdd_mm * (1 - 1 / magnification),
            drawn["scatter"],
            drawn["tube"],
        )
        grid_primary = drawn["scatter"]["grid_primary"]
        if self.exposure is not None:
            drawn["tube"]["mas"], drawn["detector"]["saturation"] = self.exposure.charge(
                signal, beam.spectrum, grid_primary, camera, drawn["exposure"]
            )
        doses = 1.0 if self.processing is None else self.processing.doses(drawn["processing"])
        image, floor = self.detector.expose(
            signal,
            quantum_ratio(primary.signal, primary.variance_factor),
            beam,
            camera,
            magnification,
            # Frames averaged are one of more quanta, whose electronic noise grows with the root of their number.
            {**drawn["detector"], "electronic_quanta": drawn["detector"]["electronic_quanta"] * math.sqrt(doses)},
            {**drawn["tube"], "mas": drawn["tube"]["mas"] * grid_primary * doses},
            key,
        )
        image = self.field.flat_fielded(image, heel, camera, drawn["field"], key)
        record = {"level": "realistic", "metal": self.tissue.metal, **drawn, "collimated": shutters is not None}
        if self.processing is None:
            radiograph = Radiograph(to_domain(image, self.domain, floor), self.domain, camera)
        else:
            radiograph = Radiograph(*self.processing.display(image, floor, camera, drawn["processing"], key), camera)
        return Rendering(
            radiograph,
            projection.label_path_mm,
            record,
            projection.solid_path_mm,
            projection.water_path_mm,
        )
