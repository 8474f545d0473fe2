"""The skeleton of one subject: solids placed in the world (RAS mm, origin midway between the hip centres)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from synthex.anatomy.implicit.solids import Solid
from synthex.anatomy.phantom.femur import build_femur, thigh_rotation
from synthex.anatomy.phantom.hip import build_hip
from synthex.anatomy.phantom.parameters import PelvisParameters
from synthex.anatomy.phantom.spine import build_lumbar, build_sacrum
from synthex.core import Affine, Rigid

SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Placed bones.

    Attributes:
        hips: ``left`` and ``right`` hip bones.
        femurs: ``left`` and ``right`` femurs.
        sacrum: Sacrum and coccyx.
        lumbar: L5, L4, L3.
        head_centres: World position of each femoral head's centre, mm.
        world_from_pelvis: Pose of the pelvis.
    """

    hips: dict[str, Solid]
    femurs: dict[str, Solid]
    sacrum: Solid
    lumbar: tuple[Solid, ...]
    head_centres: dict[str, Float[np.ndarray, "3"]]
    world_from_pelvis: Rigid


def assemble(p: PelvisParameters) -> Skeleton:
    """Build and place every bone of a subject."""
    rotation = Rotation.from_euler("zyx", (p.axial_deg, p.obliquity_deg, -p.tilt_deg), degrees=True).as_matrix()
    world_from_pelvis = Rigid.from_parts(rotation, (0.0, 0.0, 0.0))
    pelvis_from_world = Affine(world_from_pelvis.inverse().matrix)
    mirror = Affine(np.diag((-1.0, 1.0, 1.0, 1.0)))
    hips, femurs, centres = {}, {}, {}
    for side, femur in zip(SIDES, (p.femur_left, p.femur_right), strict=True):
        flip = mirror if side == "left" else Affine.identity()
        # Mirrored bones live in a mirrored frame: a left bone is built as a right one.
        hips[side] = build_hip(p, side).placed(flip @ pelvis_from_world)
        centre = world_from_pelvis.apply(flip.apply(np.array(((p.hip_half_distance_mm, 0.0, 0.0),))))[0]
        world_from_thigh = flip @ Affine.from_parts(thigh_rotation(femur), (0.0, 0.0, 0.0))
        femurs[side] = build_femur(femur).placed(Affine.from_parts(world_from_thigh.linear, centre).inverse())
        centres[side] = centre
    return Skeleton(
        hips=hips,
        femurs=femurs,
        sacrum=build_sacrum(p).placed(pelvis_from_world),
        lumbar=tuple(solid.placed(pelvis_from_world) for solid in build_lumbar(p)),
        head_centres=centres,
        world_from_pelvis=world_from_pelvis,
    )
