"""Painting a body: what is drawn, and in which order it is laid down."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from synthex.anatomy.painting import bone_kernel, soft_kernel
from synthex.anatomy.painting.bladder import add_bladder, urine_hu
from synthex.anatomy.painting.body import BAND_MM, Body, Bone
from synthex.anatomy.painting.bowel import LABELLED, bowel_hu
from synthex.anatomy.painting.calcification import add_calcifications
from synthex.anatomy.painting.noise_kernel import noise_table
from synthex.anatomy.painting.wear import Wear, worn_bones

VERSION = 2
"""Part of every fingerprint: raise it when the same person and numbers would give other voxels."""

MAX_GROWN_MM = 40.0
"""Most fat that a painting adds under the skin; a body's grid leaves room for it."""

_KINDS = {
    "femur": bone_kernel.FEMUR,
    "hip": bone_kernel.HIP,
    "vertebra": bone_kernel.VERTEBRA,
    "sacrum": bone_kernel.SACRUM,
}

# Shell (mm), compact and trabecular HU of a middle-aged adult. Shells: ilium 1-2 mm (Richards et al. 2010, J Orthop
# Surg Res 5:4), femoral head and neck 1-2 mm (Treece et al. 2010, Med Image Anal 14:276), vertebrae 0.4-1 mm with
# partial volume (Silva et al. 1994, Bone 15:409). Trabecular: lumbar 150 HU in middle age (Pickhardt et al. 2013, Ann
# Intern Med 158:588), femoral head 300 HU and more, neck and trochanter far less (the kernel's shares).
_LOOKS = {
    "femur": (1.5, 1350.0, 330.0),
    "hip": (1.4, 1150.0, 230.0),
    "vertebra": (0.9, 850.0, 165.0),
    "sacrum": (1.1, 850.0, 120.0),
}
_OTHER_LOOKS = (1.2, 1000.0, 140.0)


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted body on its grid.

    Attributes:
        hu: Hounsfield units.
        labels: Ids of structures.
    """

    hu: Int16[np.ndarray, "I J K"]
    labels: UInt8[np.ndarray, "I J K"]


def paint(body: Body, structures: Mapping[str, int], rng: np.random.Generator) -> Painting:
    """Draw tissues for a body and lay them down; a pure function of its arguments.

    Densities, textures, shells, fat, bowel and its contents, calcified vessels and worn hip joints are drawn, wide: a
    network that has seen all of them does not depend on any (the idea of SynthSeg, Billot et al. 2023, Med Image Anal
    86:102789, kept within what tissues can be).

    Args:
        body: Shapes.
        structures: Id of each structure that bones name.
        rng: All that is drawn.
    """
    table = noise_table(rng)
    density = float(rng.uniform(0.7, 1.3))
    grown = 0.0 if rng.random() < 0.5 else float(min(MAX_GROWN_MM, rng.exponential(12.0)))
    wear = {side: Wear.sample(rng) for side in ("left", "right")}
    bones = worn_bones(body, wear, table)
    hu = soft_kernel.fill(
        body.skin,
        body.muscle,
        body.cavity,
        body.organs,
        _organ_hu(body.organ_names, rng),
        bowel_hu(body, table, rng),
        body.discs,
        body.grid.origin_mm,
        body.grid.spacing_mm,
        table,
        grown,
        float(rng.uniform(-112, -85)),
        float(rng.uniform(42, 64)),
        float(rng.beta(1.5, 3.0)),
        float(rng.uniform(-105, -75)),
        float(rng.uniform(5, 45)),
    )
    add_bladder(hu, body, rng)
    labels = np.zeros(body.grid.shape, np.uint8)
    coarseness = float(rng.uniform(0.25, 0.75))
    shaft_mm = float(rng.uniform(2.8, 5.2))
    for name, bone in bones.items():
        cortex, compact, spongy = _LOOKS.get(bone.kind, _OTHER_LOOKS)
        joint = body.joints.get(bone.side)
        bone_kernel.paint_bone(
            hu,
            labels,
            bone.distance,
            bone.distance if bone.shell is None else bone.shell,
            nearest_other(name, bones),
            np.array(bone.box.start),
            body.grid.origin_mm,
            body.grid.spacing_mm,
            structures.get(bone.structure, 0),
            _KINDS.get(bone.kind, bone_kernel.OTHER),
            cortex * float(rng.uniform(0.75, 1.3)),
            compact * density**0.4 * float(rng.uniform(0.9, 1.1)),
            spongy * density * float(rng.uniform(0.85, 1.2)),
            float(rng.uniform(-70, 20)),
            coarseness * float(rng.uniform(0.8, 1.2)),
            shaft_mm,
            wear[bone.side].sclerosis_hu if bone.side in wear else 0.0,
            _points(bone, body),
            joint.radius_mm if joint is not None else 0.0,
            table,
        )
    add_calcifications(hu, body, rng)
    return Painting(np.clip(np.rint(hu), -1000, 3000).astype(np.int16), labels)


def nearest_other(name: str, bones: Mapping[str, Bone]) -> Float32[np.ndarray, "I J K"]:
    """Distance to the nearest other bone over a bone's box, mm; the band's width where none is near."""
    box = bones[name].box
    nearest = np.full(box.shape, BAND_MM, np.float32)
    for other, bone in bones.items():
        common = None if other == name else box.intersect(bone.box)
        if common is not None:
            part = nearest[common.within(box)]
            np.minimum(part, bone.distance[common.within(bone.box)], out=part)
    return nearest


def _organ_hu(names: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """HU by organ id: water for urine, blood and parenchyma for the rest; some bladders hold contrast medium."""
    values = np.zeros(len(names) + 1)
    for number, name in enumerate(names, start=1):
        if "bladder" in name:
            values[number] = urine_hu(rng)
        elif name.startswith("lung"):
            values[number] = rng.uniform(-880, -780)
        elif name in LABELLED:
            values[number] = rng.uniform(25, 45)
        else:
            values[number] = rng.uniform(30, 65)
    return values


def _points(bone: Bone, body: Body) -> np.ndarray:
    """Where the kernel finds the parts of a femur or hip; zeros where they are not known."""
    points = np.zeros((5, 3))
    joint = body.joints.get(bone.side)
    if joint is None:
        return points
    if bone.kind == "femur":
        points[:4] = joint.head, joint.base, joint.down, joint.lateral
    elif bone.kind == "hip":
        key = bone.side[0]
        outward = 1.0 if bone.side == "right" else -1.0
        symphysis = body.landmarks.get(f"SPS-{key}", joint.head + np.array((-outward * 75.0, 20.0, 5.0)))
        # The inlet's plane runs through the top of the symphysis and rises backwards by some 50 degrees where the
        # pelvis lies supine; across, it is level.
        slope = np.radians(50)
        points[:4] = joint.head, symphysis, (0.0, np.sin(slope), np.cos(slope)), (outward, 0.0, 0.0)
        points[4] = joint.head + np.array((-outward * 35.0, -60.0, 60.0))
    if bone.motion is not None:
        vectors = (2, 3)
        for row in range(5):
            mapped = bone.motion.apply_vectors if row in vectors else bone.motion.apply
            points[row] = mapped(points[row][None])[0]
    return points
