"""What varies between phantom subjects, and how it is drawn."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthex.anatomy.phantom.shape import LOCAL_CENTRES, shape_law

MODE_SPREAD, MODE_LIMIT = 1.15, 2.5
"""Standard deviation and limit of the draws along the principal components of real hips."""

#: Coefficients of one low-frequency shape field (3 axes x 4 waves).
FIELD_SIZE = 12


@dataclass(frozen=True)
class FemurParameters:
    """One proximal femur and its pose; angles in degrees, lengths in mm.

    Attributes:
        head_radius_mm: Male 24.2 +- 1.2, female 21.4 +- 1.1 (Milner & Boldsen, J Forensic Sci 2012).
        neck_length_mm: Head centre to shaft axis along the neck, about 2.15 head radii (38 to 66).
        neck_shaft_deg: 127 +- 6 (Boese et al., Skeletal Radiol 2016); 110 to 145.
        version_deg: Neck anteversion, 12 +- 8 (Reikeras et al., Acta Orthop Scand 1983); -12 to 37.
        flexion_deg: Thigh forward, 4 +- 6; -11 to 29.
        abduction_deg: Thigh outward, 3 +- 5; -10 to 20.
        rotation_deg: Foot outward, 6 +- 12; -30 to 44 (supine legs fall outward; films ask for 15 inward).
        trochanter: Size factor of both trochanters, 0.8 to 1.25.
    """

    head_radius_mm: float
    neck_length_mm: float
    neck_shaft_deg: float
    version_deg: float
    flexion_deg: float
    abduction_deg: float
    rotation_deg: float
    trochanter: float


@dataclass(frozen=True)
class PelvisParameters:
    """One phantom subject. Lengths in mm, angles in degrees.

    The left and right fields differ by the subject's asymmetry. Published means: inter-ASIS distance 237
    +- 18 mm and hip centres 0.36 of it from the midline (Bell et al., J Biomech 1990; Leardini et al., J
    Biomech 1999); subpubic angle 63 to 75 male, 82 to 95 female and the wider, lower female pelvis (Small
    et al., Forensic Sci Int 2012; Standring, Gray's Anatomy, 41st ed., ch. 80); symphysis gap 3 to 6 mm
    (Becker et al., J Anat 2010).

    Attributes:
        female: Sex-typical shape.
        size: Scale of all bones; male 1.02 +- 0.035, female 0.965 +- 0.035; 0.88 to 1.14.
        hip_half_distance_mm: Half the distance of the hip centres; goes with the modes, 76 to 104 times size.
        height: Extra vertical factor of the hip bones; male 1.015, female 0.985, +- 0.02.
        depth: Extra factor along y, 1 +- 0.025.
        flare_mm: 7 plus how far the crest lies outward of its place by the modes; female 9, male 5, +- 4.
        subpubic_mm: Outward shift of the ischiopubic ramus from its place by the modes; female 2, male -2, +- 2.2.
        symphysis_gap_mm: 4.5 +- 1; 2.5 to 8.
        tilt_deg: Rotation of the pelvis about x, positive tips the crest forward; -4 +- 8 from standing.
        obliquity_deg: Rotation about y, 0 +- 1.8.
        axial_deg: Rotation about z, 0 +- 2.5.
        sacral_slope_deg: Turn of the sacrum about the SI joints, 0 +- 5.
        lordosis_deg: Wedge a lumbar level, 6 +- 3.
        scoliosis_deg: Lateral tilt a lumbar level, 0 +- 1.5.
        density: Factor on bone contrast; 0.6 (osteoporosis) to 1.3 (dense).
        cortex: Factor on cortical thickness, 0.65 to 1.3.
        wing: Factor on the thickness of the iliac fossa, 0.8 to 1.5.
        rami: Factor on the thickness of pubic body and rami, 0.72 to 1.15.
        fat_mm: Subcutaneous fat at the flank, 8 to 60.
        muscle: Factor on the muscle around the bones, 0.85 to 1.15.
        belly_mm: Front of the abdomen ahead of the hip centres at L3, 60 to 150.
        bowel_gas: Share of bowel loops filled with gas, 0.05 to 0.6.
        bladder_radius_mm: 18 to 48.
        field_left: Low-frequency shape coefficients of the left hip bone (mm).
        field_right: The same for the right one.
        modes_left: Where the left hip bone lies among those of real people, standard deviations along their
            principal components (:mod:`synthex.anatomy.phantom.shape`); empty: the bare template.
        modes_right: The same for the right one.
        local_left: Local deformations of the left hip bone, three numbers a place of ``LOCAL_CENTRES``, mm.
        local_right: The same for the right one.
        femur_left: Left femur.
        femur_right: Right femur.
    """

    female: bool
    size: float
    hip_half_distance_mm: float
    height: float
    depth: float
    flare_mm: float
    subpubic_mm: float
    symphysis_gap_mm: float
    tilt_deg: float
    obliquity_deg: float
    axial_deg: float
    sacral_slope_deg: float
    lordosis_deg: float
    scoliosis_deg: float
    density: float
    cortex: float
    wing: float
    rami: float
    fat_mm: float
    muscle: float
    belly_mm: float
    bowel_gas: float
    bladder_radius_mm: float
    field_left: tuple[float, ...]
    field_right: tuple[float, ...]
    modes_left: tuple[float, ...]
    modes_right: tuple[float, ...]
    local_left: tuple[float, ...]
    local_right: tuple[float, ...]
    femur_left: FemurParameters
    femur_right: FemurParameters


def sample_pelvis_parameters(rng: np.random.Generator) -> PelvisParameters:
    """Draw one subject; every value is a normal draw cut to the range given in the class."""

    def normal(mean: float, deviation: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, deviation), low, high))

    female = bool(rng.random() < 0.5)
    size = normal(0.965 if female else 1.02, 0.035, 0.88, 1.14)
    common = rng.normal(0.0, 1.0, FIELD_SIZE)
    # Sides share most of the shape: published left-right differences are 1 to 3 mm.
    fields = [tuple((0.8 * common + 0.4 * rng.normal(0.0, 1.0, FIELD_SIZE)).clip(-2.5, 2.5).tolist()) for _ in "lr"]
    law = shape_law()
    # Wider than the people that it was fitted to: eight say little about the tails.
    common = MODE_SPREAD * rng.normal(0.0, 1.0, len(law.modes))
    modes = [(common + 0.25 * rng.normal(0.0, 1.0, len(common))).clip(-MODE_LIMIT, MODE_LIMIT) for _ in "lr"]
    common = rng.normal(0.0, 1.0, 3 * len(LOCAL_CENTRES))
    local = [tuple((2.2 * common + 1.0 * rng.normal(0.0, 1.0, len(common))).clip(-6, 6).tolist()) for _ in "lr"]
    half = law.half_mean + 0.5 * float(law.half_modes @ (modes[0] + modes[1]))
    radius = normal(22.2 if female else 23.8, 1.1, 20.0, 26.5) * size
    neck_length = normal(2.15, 0.12, 1.85, 2.5)
    neck_shaft, version = normal(127, 6, 112, 143), normal(12, 8, -9, 34)
    trochanter = normal(1.0, 0.08, 0.82, 1.18)
    flexion, rotation = normal(4, 6, -8, 26), normal(6, 11, -20, 34)
    femurs = []
    for _ in "lr":
        head = radius * normal(1.0, 0.008, 0.98, 1.02)
        femurs.append(
            FemurParameters(
                head_radius_mm=head,
                neck_length_mm=head * neck_length * normal(1.0, 0.012, 0.97, 1.03),
                neck_shaft_deg=neck_shaft + normal(0, 1.0, -2, 2),
                version_deg=version + normal(0, 1.5, -3, 3),
                flexion_deg=flexion + normal(0, 1.5, -3, 3),
                abduction_deg=normal(3, 5, -10, 20),
                rotation_deg=rotation + normal(0, 5, -10, 10),
                trochanter=trochanter * normal(1.0, 0.02, 0.96, 1.04),
            )
        )
    heavy = float(rng.beta(1.6, 3.2)) ** 0.8
    return PelvisParameters(
        female=female,
        size=size,
        hip_half_distance_mm=float(np.clip(half + rng.normal(0, 1.5), 76, 104)) * size,
        height=normal(0.985 if female else 1.015, 0.02, 0.93, 1.07),
        depth=normal(1.0, 0.025, 0.93, 1.07),
        flare_mm=normal(9 if female else 5, 4, -6, 20),
        subpubic_mm=normal(2 if female else -2, 2.2, -8, 8),
        symphysis_gap_mm=normal(4.5, 1, 2.5, 8),
        tilt_deg=normal(-4, 8, -24, 16),
        obliquity_deg=normal(0, 1.8, -5, 5),
        axial_deg=normal(0, 2.5, -7, 7),
        sacral_slope_deg=normal(0, 5, -12, 12),
        lordosis_deg=normal(6, 3, 0, 13),
        scoliosis_deg=normal(0, 1.5, -4, 4),
        density=normal(0.94, 0.18, 0.6, 1.3),
        cortex=normal(1.0, 0.13, 0.65, 1.3),
        wing=normal(1.05, 0.15, 0.8, 1.5),
        rami=normal(0.95, 0.08, 0.72, 1.15),
        fat_mm=8 + 52 * heavy,
        muscle=normal(1.0, 0.06, 0.85, 1.15),
        belly_mm=float(np.clip(65 + 70 * heavy + rng.normal(0, 8), 60, 150)),
        bowel_gas=float(rng.uniform(0.05, 0.6)),
        bladder_radius_mm=float(rng.uniform(18, 48)),
        field_left=fields[0],
        field_right=fields[1],
        modes_left=tuple(modes[0].tolist()),
        modes_right=tuple(modes[1].tolist()),
        local_left=local[0],
        local_right=local[1],
        femur_left=femurs[0],
        femur_right=femurs[1],
    )


def template_parameters() -> PelvisParameters:
    """The bare template: size 1, upright, symmetric, no displacement; what the law of shapes is relative to."""
    femur = FemurParameters(22.0, 47.3, 127.0, 12.0, 0.0, 0.0, 0.0, 1.0)
    return PelvisParameters(
        female=False, size=1.0, hip_half_distance_mm=75.0, height=1.0, depth=1.0, flare_mm=7.0, subpubic_mm=0.0,
        symphysis_gap_mm=4.5, tilt_deg=0.0, obliquity_deg=0.0, axial_deg=0.0, sacral_slope_deg=0.0, lordosis_deg=6.0,
        scoliosis_deg=0.0, density=1.0, cortex=1.0, wing=1.0, rami=1.0, fat_mm=15.0, muscle=1.0, belly_mm=80.0,
        bowel_gas=0.2, bladder_radius_mm=30.0, field_left=(0.0,) * FIELD_SIZE, field_right=(0.0,) * FIELD_SIZE,
        modes_left=(),
        modes_right=(), local_left=(), local_right=(), femur_left=femur, femur_right=femur,
    )  # fmt: skip


def tamed(p: PelvisParameters) -> PelvisParameters:
    """The subject drawn halfway towards the mean shape: far out, a bone may lose its notch or close its foramen."""
    halved: dict[str, Any] = {
        name: tuple(0.5 * value for value in getattr(p, name))
        for name in ("field_left", "field_right", "modes_left", "modes_right", "local_left", "local_right")
    }
    half = float(np.clip(p.hip_half_distance_mm, 82 * p.size, 94 * p.size))
    return replace(p, **halved, hip_half_distance_mm=half)
