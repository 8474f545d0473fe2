"""The body around a skeleton: outline, skin, fat, muscle, viscera and bowel gas."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from synthex.anatomy.meshes.loading import Surface, extent
from synthex.anatomy.voxel_grid import Grid, upsample

COARSE_MM = 6.0
# HU of tissues at 120 kVp: fat -100, muscle 50, skin 20-40, water-like urine 10 (Hofer, CT Teaching Manual).
AIR_HU, FAT_HU, MUSCLE_HU, SKIN_HU, VISCERA_HU, URINE_HU, GAS_HU, LUNG_HU = (
    -1000.0,
    -100.0,
    52.0,
    25.0,
    38.0,
    8.0,
    -950.0,
    -820.0,
)


@dataclass(frozen=True)
class BodyHabitus:
    """What is not in the bones, drawn per subject.

    Attributes:
        fat_mm: Subcutaneous fat at the hips.
        belly_mm: How far the belly stands out in front of the iliac spines.
        muscle_mm: Muscle around the femoral shafts.
        gas_pockets: Gas-filled pieces of bowel.
        bladder_mm: Radius of the bladder.
        bone_density: Relative to a middle-aged adult.
    """

    fat_mm: float
    belly_mm: float
    muscle_mm: float
    gas_pockets: int
    bladder_mm: float
    bone_density: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "BodyHabitus":
        """Lean to moderately obese adults (hip fat 8-40 mm)."""
        fat = float(np.clip(rng.lognormal(np.log(18), 0.45), 8, 45))
        return cls(
            fat_mm=fat,
            belly_mm=float(rng.uniform(25, 40) + 0.8 * fat),
            muscle_mm=float(rng.uniform(48, 64)),
            gas_pockets=int(rng.integers(4, 14)),
            bladder_mm=float(rng.uniform(18, 38)),
            bone_density=float(rng.uniform(0.75, 1.2)),
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the trunk is, from the bones that are there.

    Attributes:
        pelvis: 2 x 3, bounding box of hips and sacrum (of everything when there are none), mm.
        center_x: Midline, mm.
        thighs: Per femur, N x 3 points along its axis from the top down, mm.
        ribs: 2 x 3, bounding box of the rib cage, or None.
    """

    pelvis: Float[np.ndarray, "2 3"]
    center_x: float
    thighs: tuple[Float[np.ndarray, "N 3"], ...]
    ribs: Float[np.ndarray, "2 3"] | None

    @classmethod
    def of(cls, surfaces: Mapping[str, Surface]) -> "Frame":
        """Read the frame off the bones."""
        trunk = {bone: s for bone, s in surfaces.items() if bone.split("_")[0] in ("hip", "sacrum")}
        ribs = {bone: s for bone, s in surfaces.items() if bone.split("_")[0] in ("rib", "sternum")}
        pelvis = extent(trunk or surfaces)
        thighs = tuple(_axis_points(s.vertices) for bone, s in surfaces.items() if bone.startswith("femur"))
        return cls(pelvis, float(pelvis[:, 0].mean()), thighs, extent(ribs) if ribs else None)


def body_margin_mm(habitus: BodyHabitus) -> Float[np.ndarray, "2 3"]:
    """Room that the body needs below and above the pelvis's bounding box, mm."""
    side = 62 + 1.3 * habitus.fat_mm
    return np.array([[-side, -40 - 1.3 * habitus.fat_mm, 0], [side, 20 + habitus.belly_mm, 0]])


def soft_tissue(
    bone_mask: np.ndarray, frame: Frame, grid: Grid, habitus: BodyHabitus, rng: np.random.Generator
) -> Float32[np.ndarray, "I J K"]:
    """HU of everything but bone on the grid.

    Smooth shapes are worked out on a coarse grid and interpolated, so the cost is that of a few passes.

    Args:
        bone_mask: Bool on the grid: at least 8 mm of tissue covers every bone.
        frame: Where trunk and thighs are.
        grid: The grid.
        habitus: The subject's build.
        rng: Texture, and where the gas is.
    """
    factor = max(1, round(COARSE_MM / grid.spacing_mm))
    coarse = grid.coarser(factor)
    pelvis = frame.pelvis
    skin, muscle, cavity = _distances(bone_mask, frame, grid, habitus, rng)
    z = coarse.axes()[2]

    hu = np.full(grid.shape, AIR_HU, np.float32)
    distance = upsample(skin, factor, grid.shape)
    _blend(hu, distance, SKIN_HU, grid.spacing_mm)
    _blend(hu, distance + 2.0, FAT_HU, grid.spacing_mm)
    streaks = upsample(_noise(rng, coarse, 9.0), factor, grid.shape)
    _blend(hu, upsample(muscle, factor, grid.shape), MUSCLE_HU, 4.0)
    # Fat planes between muscles, and mesenteric fat between bowel loops.
    inside = upsample(muscle, factor, grid.shape) < -3
    hu -= np.where(inside, 60 * np.clip(streaks - 0.9, 0, 1), 0)
    abdomen = upsample(cavity, factor, grid.shape)
    loops = VISCERA_HU - 110 * np.clip(upsample(_noise(rng, coarse, 16.0), factor, grid.shape), 0, 1.2)
    _blend(hu, abdomen, loops, 6.0)
    bladder = (frame.center_x, pelvis[1, 1] - 45, pelvis[0, 2] + 55 + 0.6 * habitus.bladder_mm)
    _blend(hu, _ball(grid, bladder, habitus.bladder_mm, (1.2, 0.9, 0.8)), URINE_HU, 4.0)
    for pocket in _gas(coarse, cavity, frame, habitus, rng):
        _blend(hu, _ball(grid, *pocket), GAS_HU, 3.0)
    if frame.ribs is not None and z.max() > frame.ribs[0, 2]:
        for lung in _lungs(frame.ribs):
            _blend(hu, _ball(grid, *lung), LUNG_HU, 6.0)
    return hu


def soft_shapes(
    bone_mask: np.ndarray, frame: Frame, grid: Grid, habitus: BodyHabitus, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed distances to the skin, to the muscles' surface and to the wall of the abdominal cavity, mm, on the grid.

    Negative inside; far from the surfaces they are rough.

    Args:
        bone_mask: As :func:`soft_tissue` takes it, like what follows.
        frame: Where trunk and thighs are.
        grid: The grid.
        habitus: The subject's build.
        rng: Unevenness of the fat.
    """
    factor = max(1, round(COARSE_MM / grid.spacing_mm))
    skin, muscle, cavity = (
        upsample(field, factor, grid.shape) for field in _distances(bone_mask, frame, grid, habitus, rng)
    )
    return skin, muscle, cavity


def _distances(
    bone_mask: np.ndarray, frame: Frame, grid: Grid, habitus: BodyHabitus, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What :func:`soft_shapes` returns, on the coarse grid."""
    factor = max(1, round(COARSE_MM / grid.spacing_mm))
    coarse = grid.coarser(factor)
    nodes = [np.minimum(np.arange(coarse.shape[axis]) * factor, grid.shape[axis] - 1) for axis in range(3)]
    skin = _body_distance(bone_mask[np.ix_(*nodes)], frame, coarse, habitus)
    x, y, z = coarse.axes()
    pelvis, fat = frame.pelvis, habitus.fat_mm
    # Fat is thickest behind and over the hips' sides, and thin over the front of the thighs.
    back = np.clip((pelvis[:, 1].mean() - y) / 60, -1, 1)
    fat_mm = fat * (0.85 + 0.25 * back) + 0 * x + 0 * z
    fat_mm = fat_mm * (1 + 0.12 * _noise(rng, coarse, 40.0))
    muscle = skin + fat_mm
    brim = pelvis[0, 2] + 0.45 * (pelvis[1, 2] - pelvis[0, 2])
    half = (pelvis[1, 0] - pelvis[0, 0]) / 2
    # Peritoneal cavity: in front of the spine above the brim, tapering into the true pelvis.
    depth = muscle + 14 + np.clip(brim - z, 0, None) * 0.35
    spine_front = pelvis[0, 1] + 0.72 * (pelvis[1, 1] - pelvis[0, 1])
    spine_y = spine_front - np.clip(brim - z, 0, 60) * 0.6
    sideways = np.abs(x - frame.center_x) / (0.85 * half)
    # Deeper in the flanks than over the spine and the psoas.
    cavity = np.maximum(depth, spine_y - 25 * np.clip(sideways, 0, 1) ** 2 - y)
    cavity = np.maximum(cavity, (sideways - 1) * 40)
    cavity = np.maximum(cavity, pelvis[0, 2] + 62 - z)
    return skin, muscle, cavity


def _body_distance(bone: np.ndarray, frame: Frame, grid: Grid, habitus: BodyHabitus) -> Float[np.ndarray, "A B C"]:
    """Approximate signed distance to the skin, mm, negative inside."""
    x, y, z = (axis.astype(np.float64) for axis in grid.axes())
    lower, upper = frame.pelvis
    height = upper[2] - lower[2]
    fat = habitus.fat_mm
    half = (upper[0] - lower[0]) / 2
    # Stations from below the ischium to the ribs, as shares of the pelvis's height.
    stations = lower[2] + height * np.array([-0.3, 0.25, 0.6, 0.95, 1.25, 2.2])
    width = np.interp(z, stations, half + np.array([30, 36, 24, 10, 2, 12]) + fat * np.array([1, 1, 1, 0.9, 0.8, 0.5]))
    front = np.interp(z, stations, upper[1] + habitus.belly_mm * np.array([0.5, 0.62, 0.9, 1, 1, 0.6]))
    rear_fat = fat * np.array([1.1, 1.2, 1, 0.8, 0.6, 0.4])
    behind = np.interp(z, stations, lower[1] - np.array([14, 18, 16, 14, 10, 20]) - rear_fat)
    center, depth = (front + behind) / 2, (front - behind) / 2
    radius = ((np.abs(x - frame.center_x) / width) ** 2.4 + (np.abs(y - center) / depth) ** 2.4) ** (1 / 2.4)
    body = (radius - 1) * np.minimum(width, depth)
    if frame.thighs:
        # The trunk ends at the perineum and the thighs go on.
        body = _smooth_max(body, (lower[2] + 2 - z) + 0 * x, 45.0)
    for points in frame.thighs:
        order = np.argsort(points[:, 2])
        thigh_x = np.interp(z, points[order, 2], points[order, 0])
        thigh_y = np.interp(z, points[order, 2], points[order, 1])
        inward = np.sign(frame.center_x - thigh_x) * 16
        around = np.hypot(x - thigh_x - inward, (y - thigh_y + 12) / 1.05)
        top = z - (lower[2] + 95)
        thigh = _smooth_max(around - (habitus.muscle_mm + 16 + 0.75 * fat), top + 0 * x, 30.0)
        body = -_smooth_max(-body, -thigh, 35.0)
    if bone.any():
        cover = ndimage.distance_transform_edt(~bone) * grid.spacing_mm
        body = -_smooth_max(-body, 8 + 0.45 * fat - cover, 10.0)
    return ndimage.gaussian_filter(body, 6.0 / grid.spacing_mm, mode="nearest")


def _gas(
    grid: Grid, cavity: Float[np.ndarray, "A B C"], frame: Frame, habitus: BodyHabitus, rng: np.random.Generator
) -> list[tuple[tuple[float, ...], float, tuple[float, ...]]]:
    """Centre, radius and axis ratios of gas pockets: colon at the sides and in front, rectum."""
    candidates = np.argwhere(cavity < -14)
    pockets = []
    if len(candidates):
        for index in candidates[rng.integers(0, len(candidates), habitus.gas_pockets)]:
            center = grid.origin_mm + grid.spacing_mm * index
            ratios = tuple(float(ratio) for ratio in rng.uniform(0.7, 1.6, 3))
            pockets.append((tuple(float(value) for value in center), float(rng.uniform(5, 13)), ratios))
    low, high = frame.pelvis
    rectum = (frame.center_x + float(rng.normal(0, 4)), float(low[1] + 0.3 * (high[1] - low[1])), float(low[2] + 85))
    pockets.append((rectum, float(rng.uniform(4, 11)), (1.0, 1.0, 1.8)))
    return pockets


def _lungs(ribs: Float[np.ndarray, "2 3"]) -> list[tuple[tuple[float, ...], float, tuple[float, ...]]]:
    """An ellipsoid in each half of the rib cage."""
    lower, upper = ribs
    size = upper - lower
    center = (lower + upper) / 2
    ratios = (0.19, 0.36, 0.42)
    return [
        (
            (float(center[0] + side * 0.26 * size[0]), float(center[1]), float(center[2] + 0.05 * size[2])),
            1.0,
            tuple(float(ratio * edge) for ratio, edge in zip(ratios, size, strict=True)),
        )
        for side in (-1, 1)
    ]


def _ball(grid: Grid, center: tuple[float, ...], radius: float, ratios: tuple[float, ...]) -> np.ndarray:
    """Approximate signed distance to an ellipsoid, mm, float32 on the grid."""
    x, y, z = grid.axes()
    terms = [((axis - c) / (radius * ratio)) ** 2 for axis, c, ratio in zip((x, y, z), center, ratios, strict=True)]
    return (np.sqrt(terms[0] + terms[1] + terms[2]) - 1) * (radius * min(ratios))


def _blend(hu: np.ndarray, distance: np.ndarray, value: np.ndarray | float, width: float) -> None:
    """Write ``value`` where ``distance`` is negative, softened over ``width`` mm."""
    share = np.clip(0.5 - distance / width, 0, 1)
    hu += share * (value - hu)


def _noise(rng: np.random.Generator, grid: Grid, correlation_mm: float) -> Float[np.ndarray, "A B C"]:
    """Smooth noise of unit variance."""
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape), correlation_mm / grid.spacing_mm / 2)
    return noise / max(float(noise.std()), 1e-9)


def _smooth_max(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Maximum with a rounded edge (Quilez's polynomial smooth maximum)."""
    blend = np.clip(width - np.abs(first - second), 0, None) / width
    return np.maximum(first, second) + blend**2 * width / 4


def _axis_points(vertices: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "M 3"]:
    """Centres of a long bone in slabs of 30 mm along z; the head's slab is left out."""
    z = vertices[:, 2]
    edges = np.arange(z.max() - 45, z.min() - 30, -30)
    points = [vertices[(z <= high) & (z > high - 30)] for high in edges]
    centers = [(part.min(axis=0) + part.max(axis=0)) / 2 for part in points if len(part) > 3]
    return np.array(centers) if centers else vertices.mean(axis=0)[None]
