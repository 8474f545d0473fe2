"""The heuristic level: air is told from anatomy by a linear threshold on HU, then rays are cast as naively."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from synthex.core import Camera, ConfigError, Domain, Radiograph, Rendering, Scene
from synthex.projection import FIRST_HU, HuTable, Projection, project
from synthex.simulation.draws import Limits, Parameters, Setting, image_key
from synthex.simulation.levels.naive import MU_WATER_60KEV, SOLIDS_KEV
from synthex.simulation.stages import solid_attenuation

_LAST_HU = 32767


@dataclass(frozen=True)
class Heuristic(Parameters):
    """Anatomy above a threshold of HU, nothing below it; a :class:`synthex.core.Simulator`.

    The heuristic level of Gao et al. (2023, Nature Machine Intelligence 5:294): linear thresholding of HU to tell
    air from anatomy before ray casting, for more contrast. The line integral is that of xreg,
    ``max(HU - hu_lower, 0) mu_water / 1000``.

    Attributes:
        hu_lower: The threshold. The default is our choice: between lung and fat, and such that cortical bone
            (1400 HU) weighs 3.8 times as much as water, as it does at 48 keV.
        mu_water_per_mm: Attenuation per 1000 HU, 1/mm.
        domain: ``log`` gives the line integral of attenuation, ``intensity`` gives exp(-that), in (0, 1].
        threads: See :func:`synthex.projection.project`.
        projector: Projects the scene; another one with the same results may stand in (``data.render=device``).
    """

    hu_lower: Annotated[Setting, Limits(-1000, 200, "HU")] = -500
    mu_water_per_mm: Annotated[Setting, Limits(1e-4, 1, "1/mm")] = MU_WATER_60KEV
    domain: Domain = "log"
    threads: int | None = None
    projector: Callable[..., Projection] = project

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.domain not in ("log", "intensity"):
            raise ConfigError(f"simulation.domain is 'log' or 'intensity', got {self.domain!r}")

    @classmethod
    def path(cls) -> str:
        """Where the config has these parameters, for messages."""
        return "simulation"

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene``; solids keep their whole attenuation at 60 keV."""
        drawn = self.draw(image_key(rng))
        ct, labels = scene.anatomy.ct, scene.anatomy.labels
        projection = self.projector(
            ct,
            labels,
            label_ids,
            camera,
            table=above_threshold(drawn["hu_lower"]),
            solids=scene.solids,
            threads=self.threads,
        )
        attenuation = projection.quantity_mm[0] * np.float32(drawn["mu_water_per_mm"])
        attenuation = attenuation + solid_attenuation(projection, scene.solids, SOLIDS_KEV)
        image = attenuation if self.domain == "log" else np.exp(-attenuation)
        return Rendering(
            Radiograph(image, self.domain, camera),
            projection.label_path_mm,
            {"level": "heuristic", **drawn},
            projection.solid_path_mm,
            projection.water_path_mm,
        )


def above_threshold(hu_lower: float | int) -> HuTable:
    """``max(HU - hu_lower, 0) / 1000`` as a table, over all HU of int16."""
    hu = np.arange(FIRST_HU, _LAST_HU + 1)
    return HuTable(np.maximum(hu - hu_lower, 0)[:, None] / 1000)
