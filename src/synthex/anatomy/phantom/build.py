"""From parameters to an anatomy: HU, labels and landmarks on one grid."""

from itertools import pairwise

import numpy as np

from synthex.anatomy.implicit import bone_kernel
from synthex.anatomy.implicit.blocks import Block, keep_clear, sample_block
from synthex.anatomy.implicit.solids import Solid
from synthex.anatomy.implicit.texture import NOISE_STEP_MM, Texture
from synthex.anatomy.phantom.assembly import Skeleton, assemble
from synthex.anatomy.phantom.femur import SHAFT_AXIS, neck_base
from synthex.anatomy.phantom.landmarks import find_landmarks
from synthex.anatomy.phantom.parameters import PelvisParameters, tamed
from synthex.anatomy.phantom.soft_tissue import fill
from synthex.core import Affine, Anatomy, Volume
from synthex.core.arrays import Point3

STRUCTURES = {"hip_left": 1, "hip_right": 2, "vertebrae": 3, "sacrum": 4, "femur_left": 5, "femur_right": 6}
#: Cartilage of the sacroiliac joint, mm (2 to 4 on CT).
SACROILIAC_GAP_MM = 2.4
MOST_TAMED = 3
"""How often a draw without notch or foramen is halved; one draw in thirty needs it once."""
_LOW_MM, _HIGH_MM = np.array((-215.0, -165.0, -135.0)), np.array((215.0, 165.0, 215.0))


def build_pelvis(
    parameters: PelvisParameters,
    spacing_mm: float = 2.0,
    rng: np.random.Generator | None = None,
    subject_id: str = "phantom",
) -> Anatomy:
    """Build one subject; a pure function of its arguments.

    Args:
        parameters: The subject.
        spacing_mm: Voxel size; the landmarks do not depend on it.
        rng: Draws texture and bowel; None: a fixed one.
        subject_id: Name of the result.

    Returns:
        RAS mm, origin midway between the hip centres; from L3 to mid-thigh, air outside the body.

    Raises:
        ValueError: The voxel size is not between 0.5 and 10 mm, or the shape is not a pelvis.
    """
    if not 0.5 <= spacing_mm <= 10.0:
        raise ValueError(f"spacing_mm must lie in 0.5 to 10 mm, got {spacing_mm}")
    rng = np.random.default_rng(0) if rng is None else rng
    parameters, skeleton, landmarks = plausible(parameters)
    low = _LOW_MM * parameters.size
    high = _HIGH_MM * parameters.size
    extra = max(0.0, parameters.fat_mm - 25.0)
    low[:2] -= extra
    high[0] += extra
    high[1] = max(high[1], (parameters.belly_mm + 0.4 * parameters.fat_mm + 45.0) * 1.0)
    shape_list = np.ceil((high - low) / spacing_mm).astype(int)
    shape = (int(shape_list[0]), int(shape_list[1]), int(shape_list[2]))
    texture = Texture.sample(low, high, rng)
    ct = fill(parameters, low, spacing_mm, shape, texture, rng)
    labels = np.zeros(shape, dtype=np.uint8)
    _paint_skeleton(parameters, skeleton, ct, labels, low, spacing_mm, texture)
    world_from_ijk = Affine.from_parts(np.eye(3) * spacing_mm, low)
    return Anatomy(
        subject_id=subject_id,
        ct=Volume(np.clip(np.rint(ct), -1000, 3000).astype(np.int16), world_from_ijk),
        labels=Volume(labels, world_from_ijk),
        structures=STRUCTURES,
        landmarks=landmarks,
    )


def plausible(parameters: PelvisParameters) -> tuple[PelvisParameters, Skeleton, dict[str, Point3]]:
    """The subject, tamed where a draw far out of the law is no pelvis; its skeleton and landmarks.

    Raises:
        ValueError: It is none even near the mean shape.
    """
    for attempt in range(MOST_TAMED + 1):
        skeleton = assemble(parameters)
        try:
            return parameters, skeleton, find_landmarks(skeleton)
        except ValueError:
            if attempt == MOST_TAMED:
                raise
            parameters = tamed(parameters)
    raise AssertionError


def _paint_skeleton(
    p: PelvisParameters,
    skeleton: Skeleton,
    ct: np.ndarray,
    labels: np.ndarray,
    origin: np.ndarray,
    spacing_mm: float,
    texture: Texture,
) -> None:
    """Lay all bones into ``ct`` and ``labels`` (both owned by the caller's build)."""
    shape = (ct.shape[0], ct.shape[1], ct.shape[2])
    cortical = 1000.0 + 450.0 * p.density
    trabecular = 210.0 * p.density
    still = np.zeros(9)

    def paint(solid: Solid, block: Block, name: str, cortex: float, spongy: float, shaft: np.ndarray = still) -> None:
        bone_kernel.paint_bone(
            ct, labels, block.values, block.start, origin, float(spacing_mm), STRUCTURES[name],
            cortex * p.cortex, solid.accents_world(), shaft, trabecular * spongy, -30.0, cortical, texture.table,
            texture.origin, NOISE_STEP_MM,
        )  # fmt: skip

    hips = {side: sample_block(hip, origin, spacing_mm, shape) for side, hip in skeleton.hips.items()}
    sacrum = sample_block(skeleton.sacrum, origin, spacing_mm, shape)
    lumbar = [sample_block(solid, origin, spacing_mm, shape) for solid in skeleton.lumbar]
    for hip in hips.values():
        keep_clear(sacrum, hip, SACROILIAC_GAP_MM)
        for vertebra in lumbar:
            keep_clear(vertebra, hip, 2.0)
    # Facet joints: each vertebra gives way to the one below it.
    for below, vertebra in pairwise((sacrum, *lumbar)):
        keep_clear(vertebra, below, 1.8)
    paint(skeleton.sacrum, sacrum, "sacrum", 0.8, 0.8)
    for solid, vertebra in zip(skeleton.lumbar, lumbar, strict=True):
        paint(solid, vertebra, "vertebrae", 0.55, 0.85)
    for side, hip in hips.items():
        paint(skeleton.hips[side], hip, f"hip_{side}", 1.15, 0.9)
    for side, solid in skeleton.femurs.items():
        femur = p.femur_left if side == "left" else p.femur_right
        block = sample_block(solid, origin, spacing_mm, shape)
        keep_clear(block, hips[side], 1.0)
        world_from_local = solid.local_from_world.inverse()
        base = world_from_local.apply(neck_base(femur)[None])[0]
        axis = world_from_local.apply_vectors(SHAFT_AXIS[None])[0]
        shaft = np.array((*base, *axis, 5.2 * p.cortex, 12.0, 75.0))
        paint(solid, block, f"femur_{side}", 1.35, 1.05, shaft)
