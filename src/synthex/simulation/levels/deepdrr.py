"""The deepdrr level: an adapter to the DeepDRR package, for those who want its pictures with our targets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthex.core import Camera, ConfigError, Domain, MissingExtraError, Radiograph, Rendering, Scene
from synthex.projection import project
from synthex.simulation.deepdrr_availability import availability
from synthex.simulation.deepdrr_server import render_apart
from synthex.simulation.deepdrr_session import Settings

SPECTRA = ("60KV_AL35", "90KV_AL40", "120KV_AL43")
"""DeepDRR's spectra: 60, 90 and 120 kV behind 3.5, 4.0 and 4.3 mm aluminium."""
FLOOR = 1e-6
"""Smallest intensity before the logarithm; our choice, a sixtieth of a step of a 14-bit detector."""


@dataclass(frozen=True)
class DeepDRR:
    """Images by DeepDRR (Unberath et al. 2018, MICCAI); a :class:`synthex.core.Simulator`.

    DeepDRR tells air, soft tissue and bone apart by HU thresholds, integrates a polyenergetic beam and, where
    asked, adds photon noise; it has no scatter and an ideal detector. Paths of labels come from our own
    projector, so that targets are those of every other level. It renders in a process of its own
    (:mod:`synthex.simulation.deepdrr_server`), one for each process that loads data. Needs the optional
    package (GPL-3), CuPy, nvcc and an NVIDIA GPU; what is missing is said on construction, before any work.

    Attributes:
        spectrum: One of :data:`SPECTRA`.
        step_mm: Distance between samples along a ray, mm; DeepDRR's default is 0.1.
        noise: Add DeepDRR's photon noise (its own default is False).
        photon_count: Photons that reach a pixel behind nothing; DeepDRR's default is 10000.
        voxel_shift: Voxels by which DeepDRR is told that the CT lies further back along i, j and k. Version
            1.2.2 reads voxel n - 1 where the ray is in voxel n, so that its image is of a CT one voxel further
            on; 1 mends that. Measured with its own kernel compiled for a CPU, where CUDA's documented rules of
            texture reads stand in for the GPU (``tests/simulation/test_deepdrr_rendering.py``, which repeats it
            on a GPU); 0 leaves the package as it is.
        domain: ``intensity`` gives detected energy over that behind nothing, ``log`` minus its logarithm.
        threads: For the paths of labels; see :func:`synthex.projection.project`.
    """

    spectrum: str = "90KV_AL40"
    step_mm: float | int = 0.1
    noise: bool = True
    photon_count: int = 10000
    voxel_shift: float | int = 1.0
    domain: Domain = "log"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.spectrum not in SPECTRA:
            raise ConfigError(f"simulation.spectrum is one of {', '.join(SPECTRA)}, got {self.spectrum!r}")
        if self.domain not in ("log", "intensity"):
            raise ConfigError(f"simulation.domain is log or intensity, got {self.domain!r}")
        if not self.step_mm > 0:
            raise ConfigError(f"simulation.step_mm must be positive, got {self.step_mm}")
        if self.photon_count < 1:
            raise ConfigError(f"simulation.photon_count must be at least 1, got {self.photon_count}")
        if (reason := availability()) is not None:
            raise MissingExtraError(f"simulation=deepdrr cannot run here: {reason}")

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene``.

        Raises:
            ConfigError: The scene has solids, which this level does not draw.
            UserError: DeepDRR failed, for instance because the GPU's memory is full.
        """
        if scene.solids:
            raise ConfigError(
                f"simulation=deepdrr draws no instruments or implants, and the scene has "
                f"{', '.join(solid.name for solid in scene.solids)}; use simulation=realistic, or leave them out: "
                "those of a chest with task.findings.devices=null"
            )
        anatomy = scene.anatomy
        settings = Settings(self.spectrum, self.step_mm, self.noise, self.photon_count, self.voxel_shift)
        seed = int(rng.integers(2**32))
        intensity = render_apart(anatomy.ct, camera, settings, seed)
        image = -np.log(np.maximum(intensity, np.float32(FLOOR))) if self.domain == "log" else intensity
        paths = project(anatomy.ct, anatomy.labels, label_ids, camera, threads=self.threads)
        record = {
            "level": "deepdrr",
            "spectrum": self.spectrum,
            "step_mm": self.step_mm,
            "photon_count": self.photon_count if self.noise else None,
            "voxel_shift": self.voxel_shift,
            "noise_seed": seed,
        }
        return Rendering(
            Radiograph(image, self.domain, camera),
            paths.label_path_mm,
            record,
            paths.solid_path_mm,
            paths.water_path_mm,
        )
