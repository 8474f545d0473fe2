"""From parameters to an anatomy: HU, labels and landmarks on one grid."""

import numpy as np

from synthex.anatomy.chest_phantom.cage import build_rib, build_sternum, cartilages
from synthex.anatomy.chest_phantom.gas import gas_tubes
from synthex.anatomy.chest_phantom.mediastinum import Mediastinum
from synthex.anatomy.chest_phantom.parameters import ChestParameters
from synthex.anatomy.chest_phantom.shoulder import build_clavicle, build_humerus, build_scapula
from synthex.anatomy.chest_phantom.soft_tissue import Grid, fill
from synthex.anatomy.chest_phantom.spine import build_vertebra
from synthex.anatomy.chest_phantom.thorax import LEVELS, Thorax
from synthex.anatomy.chest_phantom.tube_kernel import cover_tubes
from synthex.anatomy.chest_phantom.vessels import lung_vessels
from synthex.anatomy.implicit import NOISE_STEP_MM, Solid, Texture, bone_kernel, sample_block
from synthex.core import Affine, Anatomy, Volume
from synthex.core.arrays import Point3

STRUCTURES = {
    "lung_left": 1,
    "lung_right": 2,
    "heart": 3,
    "ribs_left": 4,
    "ribs_right": 5,
    "clavicle_left": 6,
    "clavicle_right": 7,
    "scapula_left": 8,
    "scapula_right": 9,
    "vertebrae": 10,
    "sternum": 11,
}
LANDMARKS = (
    "carina",
    "lung_apex_left",
    "lung_apex_right",
    "costophrenic_angle_left",
    "costophrenic_angle_right",
    "diaphragm_dome_left",
    "diaphragm_dome_right",
)
SIDES = ("left", "right")
_VESSEL_HU, _AIRWAY_HU, _WALL_HU, _GAS_HU, _CARTILAGE_HU, _CALCIUM_HU = 36.0, -985.0, 10.0, -960.0, 95.0, 420.0
#: Ends of each vessel tree: one artery and vein for about 2 ml of lung.
_TWIGS = 900


def build_chest(
    parameters: ChestParameters,
    spacing_mm: float | int = 2.0,
    rng: np.random.Generator | None = None,
    subject_id: str = "chest",
) -> Anatomy:
    """Build one subject; a pure function of its arguments.

    Args:
        parameters: The subject.
        spacing_mm: Voxel size; the landmarks do not depend on it.
        rng: Draws texture, vessels and gas; None: a fixed one.
        subject_id: Name of the result.

    Returns:
        RAS mm, origin at the level of T1 on the midline; from C4 to L3, the upper arms cut off at the sides.

    Raises:
        ValueError: The voxel size is not between 0.5 and 10 mm.
    """
    if not 0.5 <= spacing_mm <= 10.0:
        raise ValueError(f"spacing_mm must lie in 0.5 to 10 mm, got {spacing_mm}")
    rng = np.random.default_rng(0) if rng is None else rng
    organs = Mediastinum(Thorax(parameters))
    grid = _grid(organs.thorax, float(spacing_mm))
    high = grid.origin + spacing_mm * np.array(grid.shape)
    texture = Texture.sample(grid.origin, high, rng)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    ids = (STRUCTURES["lung_right"], STRUCTURES["lung_left"], STRUCTURES["heart"])
    ct = fill(organs, grid, labels, ids, texture)
    ct = _with_lung_vessels(ct, labels, organs, grid, rng)
    ct = _with_airways(ct, organs, grid)
    ct = _with_gas(ct, labels, organs.thorax, grid, rng)
    ct = _with_cartilage(ct, labels, organs.thorax, grid, texture)
    _paint_bones(ct, labels, organs.thorax, grid, texture)
    world_from_ijk = Affine.from_parts(np.eye(3) * spacing_mm, grid.origin)
    return Anatomy(
        subject_id=subject_id,
        ct=Volume(np.clip(np.rint(ct), -1000, 3000).astype(np.int16), world_from_ijk),
        labels=Volume(labels, world_from_ijk),
        structures=STRUCTURES,
        landmarks=find_landmarks(organs),
    )


def find_landmarks(organs: Mediastinum) -> dict[str, Point3]:
    """Landmarks from the geometry, not from voxels; see :data:`LANDMARKS`."""
    thorax, mirror = organs.thorax, np.array((-1.0, 1.0, 1.0))
    points = {"carina": organs.carina}
    for side in SIDES:
        points[f"lung_apex_{side}"] = thorax.apex * (mirror if side == "left" else 1.0)
        points[f"costophrenic_angle_{side}"] = thorax.sulcus_point(side)
        points[f"diaphragm_dome_{side}"] = thorax.domes[side]
    return {name: points[name] for name in LANDMARKS}


def _grid(thorax: Thorax, spacing_mm: float) -> Grid:
    p = thorax.p
    half = max(205.0, p.shoulder_mm + 40.0)
    back = float(thorax.spine(np.linspace(0, 300, 31) * p.height)[1].min()) - 76.0 - 0.5 * p.fat_mm
    front = 84.0 * p.depth + 30.0 + 0.6 * p.fat_mm + max(p.belly_mm, 0.7 * p.breast_mm)
    bottom = -thorax.level_t[-1] - 18.0
    low, high = np.array((-half, back, bottom)), np.array((half, front, 85.0))
    shape = np.ceil((high - low) / spacing_mm).astype(int)
    return Grid(low, spacing_mm, (int(shape[0]), int(shape[1]), int(shape[2])))


def _blend(ct: np.ndarray, share: np.ndarray, hu: float | np.ndarray) -> np.ndarray:
    return ct + share * (hu - ct)


def _with_lung_vessels(
    ct: np.ndarray, labels: np.ndarray, organs: Mediastinum, grid: Grid, rng: np.random.Generator
) -> np.ndarray:
    tubes = []
    for side in SIDES:
        voxels = np.argwhere(labels == STRUCTURES[f"lung_{side}"])
        points = grid.origin + grid.spacing_mm * voxels
        tubes.append(lung_vessels(points, organs.hila[side], _TWIGS, organs.thorax.p.hilum, rng))
    share = cover_tubes(grid.shape, grid.origin, grid.spacing_mm, np.concatenate(tubes))
    # Twigs may leave the lung for a few mm on their way: nothing outside it is touched.
    inside = (labels == STRUCTURES["lung_left"]) | (labels == STRUCTURES["lung_right"])
    return np.where(inside, _blend(ct, share, _VESSEL_HU), ct)


def _with_airways(ct: np.ndarray, organs: Mediastinum, grid: Grid) -> np.ndarray:
    lumen = np.array([(*a, *b, ra, rb) for a, b, ra, rb in organs.airways])
    wall = lumen + np.array((0, 0, 0, 0, 0, 0, 1.4, 1.4))
    ct = _blend(ct, cover_tubes(grid.shape, grid.origin, grid.spacing_mm, wall), _WALL_HU)
    return _blend(ct, cover_tubes(grid.shape, grid.origin, grid.spacing_mm, lumen), _AIRWAY_HU)


def _with_gas(ct: np.ndarray, labels: np.ndarray, thorax: Thorax, grid: Grid, rng: np.random.Generator) -> np.ndarray:
    tubes = gas_tubes(thorax, rng)
    if not len(tubes):
        return ct
    share = cover_tubes(grid.shape, grid.origin, grid.spacing_mm, tubes)
    return np.where((labels == 0) & (ct > -300), _blend(ct, share, _GAS_HU), ct)


def _with_cartilage(ct: np.ndarray, labels: np.ndarray, thorax: Thorax, grid: Grid, texture: Texture) -> np.ndarray:
    p = thorax.p
    right = np.concatenate([np.concatenate((line[:-1], line[1:]), axis=1) for line in cartilages(thorax)])
    mirror = np.array((-1.0, 1, 1, -1.0, 1, 1))
    lines = np.concatenate((right, right * mirror))
    radius = 5.2 * p.rib_size
    tubes = np.concatenate((lines, np.full((len(lines), 2), radius)), axis=1)
    share = cover_tubes(grid.shape, grid.origin, grid.spacing_mm, tubes)
    hu = np.full(len(tubes), _CARTILAGE_HU)
    ct = _blend(ct, share, hu[0])
    # Calcified flecks: some stretches of cartilage, drawn from the texture so that sides differ.
    middle = 0.5 * (tubes[:, :3] + tubes[:, 3:6])
    index = np.clip(((middle - texture.origin) / NOISE_STEP_MM).astype(int), 0, np.array(texture.table.shape[1:]) - 1)
    field = texture.table[2][tuple(index.T)]
    chosen = field > np.quantile(field, 1.0 - p.calcification) if p.calcification > 0.01 else field > 1e9
    if chosen.any():
        flecks = tubes[chosen] * np.array((1, 1, 1, 1, 1, 1, 0.85, 0.7))
        ct = _blend(ct, 0.5 * cover_tubes(grid.shape, grid.origin, grid.spacing_mm, flecks), _CALCIUM_HU * p.density)
    return ct


def _paint_bones(ct: np.ndarray, labels: np.ndarray, thorax: Thorax, grid: Grid, texture: Texture) -> None:
    """Lay all bones into ``ct`` and ``labels`` (both owned by the caller's build)."""
    p = thorax.p
    cortical, trabecular = 1000.0 + 450.0 * p.density, 210.0 * p.density
    still = np.zeros(9)

    def paint(solid: Solid, label: int, cortex: float, spongy: float) -> None:
        block = sample_block(solid, grid.origin, grid.spacing_mm, grid.shape)
        bone_kernel.paint_bone(
            ct, labels, block.values, block.start, grid.origin, grid.spacing_mm, label, cortex * p.cortex,
            solid.accents_world(), still, trabecular * spongy, -30.0, cortical, texture.table, texture.origin,
            NOISE_STEP_MM,
        )  # fmt: skip

    for level in range(len(LEVELS)):
        paint(build_vertebra(thorax, level), STRUCTURES["vertebrae"], 0.5, 0.68)
    for side in SIDES:
        for number in range(1, 13):
            paint(build_rib(thorax, number, side), STRUCTURES[f"ribs_{side}"], 1.1, 0.8)
        paint(build_scapula(thorax, side), STRUCTURES[f"scapula_{side}"], 1.1, 0.9)
        paint(build_clavicle(thorax, side), STRUCTURES[f"clavicle_{side}"], 1.3, 1.0)
        # The humeri are not among the structures.
        paint(build_humerus(thorax, side), 0, 1.8, 0.9)
    paint(build_sternum(thorax), STRUCTURES["sternum"], 0.7, 0.7)
