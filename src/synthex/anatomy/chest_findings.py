"""Other chest findings, so that not every opacity is a lesion: pleural effusion and band atelectasis.

Both fill the air of voxels labelled as lung, as lesions do, and give them a structure of their own; fluid also fills
the half-air voxels around the lung that no structure claims. Where a subject
is to have both, findings come before lesions: lesions then stay out of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32
from scipy.ndimage import binary_dilation

from synthex.anatomy.lesions.blend import fill_lung, free_label
from synthex.anatomy.lesions.geometry import SIDES, LungGeometry, Side, lung_geometry, share_geometry
from synthex.anatomy.lesions.result import OpacifiedAnatomy
from synthex.anatomy.lesions.settings import uniform
from synthex.core import Anatomy, ConfigError, Volume
from synthex.core.arrays import HuArray, LabelArray

Number = float | int
NodeField = Float32[np.ndarray, "A B C"]
EFFUSION, ATELECTASIS = "effusion", "atelectasis"

_MENISCUS_MM = 12.0
"""Depth under the pleura over which the fluid's rim falls off: our choice."""

_BEND_MM = 150.0
"""Least radius of curvature of a band, doubled: our choice."""

_RIM_HU = -200
"""Voxels beside a lung that are not labelled and hold more air than this are half lung: the partial volume effect."""

_EDGE_MM = 3.0
"""Width of the border of fluid and bands: our choice, a voxel or two."""


@dataclass(frozen=True)
class EffusionSettings:
    """Distributions of :func:`add_effusion`. All ranges are our choice, from a blunted angle to half a lung.

    Attributes:
        position: ``erect``: fluid collects at the base, with a rim that climbs along the chest wall (meniscus);
            ``supine``: it layers along the back.
        bilateral: Probability that both sides have fluid.
        level: Height of the fluid as a share of the lung's extent against gravity, uniform.
        meniscus_mm: How far the rim climbs above the level at the chest wall, uniform.
        hu: HU of the fluid, uniform: from water (0) to exudate.
    """

    position: str = "erect"
    bilateral: Number = 0.4
    level: Sequence[Number] = (0.08, 0.45)
    meniscus_mm: Sequence[Number] = (15.0, 60.0)
    hu: Sequence[Number] = (0.0, 30.0)

    def __post_init__(self) -> None:
        if self.position not in ("erect", "supine"):
            raise ConfigError(f"effusion.position={self.position!r} is unknown; choose erect or supine")
        if not 0 <= self.bilateral <= 1:
            raise ConfigError(f"effusion.bilateral={self.bilateral} must lie within 0 and 1")
        _check("effusion.level", self.level, 0.0, 1.0)
        _check("effusion.meniscus_mm", self.meniscus_mm, 0.0, 300.0)
        _check("effusion.hu", self.hu, -100.0, 200.0)


@dataclass(frozen=True)
class AtelectasisSettings:
    """Distributions of :func:`add_atelectasis`. All ranges are our choice.

    Attributes:
        bands: Number of bands, (low, high), both included.
        thickness_mm: Uniform; thinner ones would fall between the nodes on which a lung's shapes are described.
        radius_mm: Half the length of a band, uniform; it gets thinner towards its ends.
        tilt_deg: Largest angle of a band with the transverse plane.
        hu: HU of a band, uniform: up to airless lung, lower where a band holds air.
    """

    bands: Sequence[Number] = (1, 3)
    thickness_mm: Sequence[Number] = (5.0, 9.0)
    radius_mm: Sequence[Number] = (15.0, 45.0)
    tilt_deg: Number = 30.0
    hu: Sequence[Number] = (-300.0, 40.0)

    def __post_init__(self) -> None:
        _check("atelectasis.bands", self.bands, 1, 50)
        _check("atelectasis.thickness_mm", self.thickness_mm, 5.0, 50.0)
        _check("atelectasis.radius_mm", self.radius_mm, 1.0, 300.0)
        _check("atelectasis.hu", self.hu, -900.0, 200.0)
        if not 0 <= self.tilt_deg <= 90:
            raise ConfigError(f"atelectasis.tilt_deg={self.tilt_deg} must lie within 0 and 90")


def add_effusion(
    anatomy: Anatomy, rng: np.random.Generator, settings: EffusionSettings | None = None
) -> OpacifiedAnatomy:
    """Fill the bottom of one lung or both with pleural fluid; the voxels get the structure ``effusion``.

    Fluid lies where the height above the lowest lung is below ``level + meniscus exp(-depth / 12 mm)`` with the
    depth under the pleura (our model of the meniscus), so that costophrenic angles are blunted first.

    Args:
        anatomy: A subject with the structures ``lung_left`` and ``lung_right``.
        rng: Randomness.
        settings: Distributions; None for the defaults.

    Raises:
        ConfigError: A lung is not labelled, or no label id is free.
    """
    settings = EffusionSettings() if settings is None else settings
    axis = 2 if settings.position == "erect" else 1
    both, first = rng.random(2)
    sides = SIDES if both < settings.bilateral else (SIDES[int(first < 0.5)],)
    fields: dict[Side, NodeField] = {}
    record: dict[str, object] = {"finding": EFFUSION, "position": settings.position}
    hu = uniform(rng, settings.hu)
    for side in sides:
        lung = lung_geometry(anatomy, side)
        along = lung.position_mm[axis]
        low, high = float(along[lung.inside].min()), float(along[lung.inside].max())
        level = uniform(rng, settings.level)
        meniscus = uniform(rng, settings.meniscus_mm) if settings.position == "erect" else 0.0
        rim = np.float32(meniscus) * np.exp(-lung.depth_mm / np.float32(_MENISCUS_MM))
        fields[side] = np.float32(low + level * (high - low)) + rim - along
        record[side] = {"level": level, "meniscus_mm": meniscus}
    return _fill(anatomy, rng, EFFUSION, fields, hu, {**record, "hu": hu})


def add_atelectasis(
    anatomy: Anatomy, rng: np.random.Generator, settings: AtelectasisSettings | None = None
) -> OpacifiedAnatomy:
    """Put thin bands of collapsed lung into the lower halves of the lungs; they get the structure ``atelectasis``.

    Args:
        anatomy: A subject with the structures ``lung_left`` and ``lung_right``.
        rng: Randomness.
        settings: Distributions; None for the defaults.

    Raises:
        ConfigError: A lung is not labelled, or no label id is free.
    """
    settings = AtelectasisSettings() if settings is None else settings
    hu = uniform(rng, settings.hu)
    fields: dict[Side, NodeField] = {}
    bands = []
    for _ in range(int(rng.integers(int(settings.bands[0]), int(settings.bands[1]) + 1))):
        side = SIDES[int(rng.random() < 0.5)]
        lung = lung_geometry(anatomy, side)
        level, band = _band(rng, lung, settings)
        fields[side] = np.maximum(fields[side], level) if side in fields else level
        bands.append({"side": side, **band})
    return _fill(anatomy, rng, ATELECTASIS, fields, hu, {"finding": ATELECTASIS, "bands": bands, "hu": hu})


def _band(
    rng: np.random.Generator, lung: LungGeometry, settings: AtelectasisSettings
) -> tuple[NodeField, dict[str, object]]:
    """Distance in mm from the surface of a slightly bent lens, positive inside, and what was drawn."""
    nodes = np.flatnonzero(lung.lower) if lung.lower.any() else np.arange(len(lung.lower))
    chosen = np.flatnonzero(lung.inside)[nodes[int(rng.random() * len(nodes))]]
    center = lung.position_mm.reshape(3, -1)[:, chosen]
    tilt, turn = np.deg2rad(uniform(rng, (0.0, settings.tilt_deg))), uniform(rng, (0.0, 2 * np.pi))
    normal = np.array((np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)), dtype=np.float32)
    thickness, radius = uniform(rng, settings.thickness_mm), uniform(rng, settings.radius_mm)
    away = lung.position_mm - center[:, None, None, None]
    along_normal = np.tensordot(normal, away, axes=1)
    beside = np.maximum((away**2).sum(axis=0) - along_normal**2, 0)
    bend = uniform(rng, (-1.0, 1.0)) / _BEND_MM
    across = np.abs(along_normal - np.float32(bend) * beside)
    level = np.float32(thickness / 2) * (1 - beside / np.float32(radius**2)) - across
    drawn = {"center_mm": center.astype(float).tolist(), "thickness_mm": thickness, "radius_mm": radius}
    return level.astype(np.float32), drawn


def _fill(
    anatomy: Anatomy,
    rng: np.random.Generator,
    name: str,
    levels_mm: Mapping[Side, NodeField],
    hu: float,
    record: Mapping[str, object],
) -> OpacifiedAnatomy:
    """Fill all air where a level is positive with matter of ``hu``; the voxels become the structure ``name``."""
    structures = dict(anatomy.structures)
    if name not in structures:
        structures[name] = free_label(structures, anatomy.subject_id)
    arrays = np.array(anatomy.ct.data, order="K"), np.array(anatomy.labels.data, order="K")
    added = np.zeros_like(arrays[0])
    for side, level in levels_mm.items():
        lung = lung_geometry(anatomy, side)
        rim = None
        if name == EFFUSION:
            lung, rim = _with_rim(lung, arrays[0], arrays[1])
            arrays[1][rim] = lung.label
        fill_lung(
            rng,
            lung,
            border=level / np.float32(_EDGE_MM),
            fill=np.ones_like(level),
            septa=np.zeros_like(level),
            arrays=(*arrays, added),
            structure=structures[name],
            spacing_mm=anatomy.ct.spacing_mm,
            tissue_hu=hu,
        )
        if rim is not None:
            arrays[1][rim & (arrays[1] == lung.label)] = 0
    affine = anatomy.ct.world_from_ijk
    changed = replace(anatomy, ct=Volume(arrays[0], affine), labels=Volume(arrays[1], affine), structures=structures)
    share_geometry(changed, anatomy, (side for side in SIDES if side not in levels_mm))
    return OpacifiedAnatomy(changed, Volume(added, affine), record)


def _with_rim(lung: LungGeometry, hu: HuArray, labels: LabelArray) -> tuple[LungGeometry, Bool[np.ndarray, "I J K"]]:
    """The lung with a box one voxel wider, and the voxels around it that are half air and belong to nothing.

    Fluid lies between lung and chest wall: without the rim, a line of air would stay around it.
    """
    i, j, k = (max(0, index - 1) for index in lung.low)
    ni, nj, nk = (min(size, index + 1) for index, size in zip(lung.high, labels.shape, strict=True))
    box = np.s_[i:ni, j:nj, k:nk]
    rim = np.zeros(labels.shape, dtype=bool)
    beside = binary_dilation(labels[box] == lung.label, structure=np.ones((3, 3, 3)))
    rim[box] = beside & (labels[box] == 0) & (hu[box] < _RIM_HU)
    return replace(lung, low=(i, j, k), high=(ni, nj, nk)), rim


def _check(name: str, values: Sequence[Number], low: float, high: float) -> None:
    numbers = [float(value) for value in values]
    if len(numbers) != 2 or not low <= numbers[0] <= numbers[1] <= high:
        raise ConfigError(f"{name}={list(values)} must be (low, high) within {low:g} and {high:g}")
