"""The naive level: ray casting with one photon energy and one material, no noise and no scatter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synthex.core import Camera, Domain, Radiograph, Rendering, Scene
from synthex.projection import HuTable, Projection, project
from synthex.simulation.densities import LAST_HU, Densities
from synthex.simulation.draws import image_key
from synthex.simulation.stages import solid_attenuation

MU_WATER_60KEV = 0.02059
"""Attenuation of water at 60 keV in 1/mm: mu/rho 0.2059 cm2/g at 1 g/cm3 (NIST XCOM; Hubbell and
Seltzer 1995, NISTIR 5632)."""

SOLIDS_KEV = 60.0
"""Photon energy at which instruments and implants attenuate."""

_WATER = HuTable(np.arange(LAST_HU + 1001, dtype=np.float32)[:, None] / 1000)
"""mm of water per mm, from -1000 HU on."""


@dataclass(frozen=True)
class Naive:
    """Everything is water of the density that its HU say; a :class:`synthex.core.Simulator`.

    This is the naive level of Gao et al. (2023, Nature Machine Intelligence 5:294). Solids attenuate as their
    material does at 60 keV.

    Attributes:
        mu_water_per_mm: Linear attenuation of water, 1/mm.
        densities: Other densities of bone, fat and muscle for each image; None: those of the CT.
        domain: ``log`` gives the line integral of attenuation, ``intensity`` gives exp(-that), in (0, 1].
        threads: See :func:`synthex.projection.project`.
        projector: Projects the scene; another one with the same results may stand in (``data.render=device``).
    """

    mu_water_per_mm: float | int = MU_WATER_60KEV
    domain: Domain = "log"
    densities: Densities | None = None
    threads: int | None = None
    projector: Callable[..., Projection] = project

    def __post_init__(self) -> None:
        if not self.mu_water_per_mm > 0:
            raise ValueError(f"mu_water_per_mm must be positive, got {self.mu_water_per_mm}")
        if self.domain not in ("log", "intensity"):
            raise ValueError(f"domain is 'log' or 'intensity', got {self.domain!r}")

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene``; draws nothing from ``rng`` unless densities are drawn."""
        anatomy = scene.anatomy
        record: dict[str, object] = {"level": "naive", "mu_water_per_mm": self.mu_water_per_mm}
        table = None
        if self.densities is not None:
            drawn = self.densities.draw(image_key(rng))
            table, record["densities"] = self.densities.applied(_WATER, drawn), drawn
        projection = self.projector(
            anatomy.ct, anatomy.labels, label_ids, camera, table=table, solids=scene.solids, threads=self.threads
        )
        water_mm = projection.water_path_mm if table is None else projection.quantity_mm[0]
        attenuation = water_mm * np.float32(self.mu_water_per_mm)
        if scene.solids:
            attenuation = attenuation + solid_attenuation(projection, scene.solids, SOLIDS_KEV)
        image = attenuation if self.domain == "log" else np.exp(-attenuation)
        return Rendering(
            Radiograph(image, self.domain, camera),
            projection.label_path_mm,
            record,
            projection.solid_path_mm,
            projection.water_path_mm,
        )
