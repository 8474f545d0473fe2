"""Which patches of disease a lung has: kind, place, size and density of each."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from synthex.anatomy.lesions.geometry import LungGeometry
from synthex.anatomy.lesions.settings import LesionSettings, uniform

_BALL = 4.0 * np.pi / 3.0
_HALF_SPHEROID = 2.0 * np.pi / 3.0  # what is left of it under a flat pleura


@dataclass(frozen=True)
class Patch:
    """One patch of disease.

    Attributes:
        kind: One of :data:`~synthex.anatomy.lesions.settings.KINDS`.
        center_mm: RAS mm.
        radius_mm: Along the pleura, or all around where the patch is not subpleural.
        depth_mm: How deep a subpleural patch reaches; None for any other.
        hu: Density it gives to lung of median HU, at its outside for patches of two densities.
        core_hu: Density of the dense part; ``hu`` where the patch has one density.
        core: Where the dense part begins (``mixed``) or the ring ends (``reversed_halo``): share of the radius,
            counted from the border.
        septa: Strength of the septal network, 0 for none.
    """

    kind: str
    center_mm: tuple[float, float, float]
    radius_mm: float
    depth_mm: float | None
    hu: float
    core_hu: float
    core: float
    septa: float

    def to_record(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def draw_extents(rng: np.random.Generator, settings: LesionSettings) -> tuple[float, float]:
    """Share of the volume that is diseased, of the left and of the right lung; always five draws."""
    low, high = (float(value) for value in settings.extent)
    extent = uniform(rng, (low ** (2 / 3), high ** (2 / 3))) ** 1.5
    diseased, bilateral, right_first = rng.random(3)
    other = extent * uniform(rng, settings.other_extent)
    if diseased >= settings.probability:
        return 0.0, 0.0
    if bilateral >= settings.bilateral:
        other = 0.0
    return (other, extent) if right_first < 0.5 else (extent, other)


def draw_patches(
    rng: np.random.Generator, lung: LungGeometry, extent: float, settings: LesionSettings
) -> tuple[Patch, ...]:
    """Patches that together have about the wanted share of the lung's volume.

    Args:
        rng: Randomness.
        lung: The lung.
        extent: Share of its volume.
        settings: Distributions.
    """
    number = int(rng.integers(int(settings.patches[0]), int(settings.patches[1]) + 1))
    names = list(settings.kinds)
    shares = np.array([float(settings.kinds[name]) for name in names])
    drawn = [
        (
            names[int(rng.choice(len(names), p=shares / shares.sum()))],
            rng.random() < settings.peripheral,
            float(rng.lognormal(0.0, 0.35)),
            uniform(rng, settings.flatness),
            _place(rng, lung, settings),
        )
        for _ in range(number)
    ]
    unit = sum(size**3 * (_HALF_SPHEROID * flat if outer else _BALL) for _, outer, size, flat, _ in drawn)
    scale = float(np.cbrt(extent * lung.volume_mm3 / unit))
    floor = lung.median_hu + float(settings.contrast_hu)
    patches = []
    for kind, outer, size, flat, places in drawn:
        center = places[0 if outer else 1]
        ground = max(uniform(rng, settings.ground_glass_hu), floor)
        dense = max(uniform(rng, settings.consolidation_hu), floor)
        core, septa = uniform(rng, (0.15, 0.5)), uniform(rng, (0.3, 0.7))
        one = dense if kind == "consolidation" else ground
        patches.append(
            Patch(
                kind=kind,
                center_mm=center,
                radius_mm=size * scale,
                depth_mm=size * scale * flat if outer else None,
                hu=one,
                core_hu=dense if kind in ("mixed", "reversed_halo") else one,
                core=core,
                septa=septa if kind == "crazy_paving" else 0.0,
            )
        )
    return tuple(patches)


def _place(
    rng: np.random.Generator, lung: LungGeometry, settings: LesionSettings
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """A centre for a subpleural and one for a central patch, in the drawn zone of the lung."""
    lower, posterior = rng.random() < settings.lower, rng.random() < settings.posterior
    zone = (lung.lower == lower) & (lung.posterior == posterior)
    outer = _pick(rng, lung, zone & lung.peripheral)
    inner = _pick(rng, lung, zone & ~lung.peripheral)
    return outer, inner


def _pick(rng: np.random.Generator, lung: LungGeometry, wanted: Bool[np.ndarray, "N"]) -> tuple[float, float, float]:
    """The position of a random wanted node; of any node in the lung where none is wanted."""
    nodes = np.flatnonzero(wanted) if wanted.any() else np.arange(len(wanted))
    at = np.flatnonzero(lung.inside)[nodes[int(rng.random() * len(nodes))]]
    x, y, z = (float(value) for value in lung.position_mm.reshape(3, -1)[:, at])
    return x, y, z
