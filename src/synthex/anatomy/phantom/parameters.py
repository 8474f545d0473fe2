"""What varies between phantom subjects, and how it is drawn."""

from dataclasses import dataclass

import numpy as np

#: Coefficients of one low-frequency shape field (3 axes x 4 waves).
FIELD_SIZE = 12


@dataclass(frozen=True)
class FemurParameters:
    """One proximal femur and its pose; angles in degrees, lengths in mm.

    Attributes:
        head_radius_mm: Male 24.2 +- 1.2, female 21.4 +- 1.1 (Milner & Boldsen, J Forensic Sci 2012).
        neck_length_mm: Head centre to shaft axis along the neck, about 2.15 head radii (45 to 58).
        neck_shaft_deg: 127 +- 5 (Boese et al., Skeletal Radiol 2016); 116 to 139.
        version_deg: Neck anteversion, 12 +- 8 (Reikeras et al., Acta Orthop Scand 1983); -8 to 32.
        flexion_deg: Thigh forward, 3 +- 5; -8 to 18.
        abduction_deg: Thigh outward, 3 +- 4; -8 to 15.
        rotation_deg: Foot outward, 8 +- 9; -18 to 32 (supine legs fall outward).
        trochanter: Size factor of both trochanters, 0.85 to 1.15.
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
        hip_half_distance_mm: Half the distance of the hip centres; 84 +- 3 times size, 70 to 100.
        height: Extra vertical factor of the hip bones; male 1.02, female 0.97, +- 0.025.
        depth: Extra factor along y, 1 +- 0.03.
        flare_mm: How far the crest lies outward of the template; female +3, male -3, +- 4.
        subpubic_mm: Outward shift of the ischiopubic ramus; female +8 +- 2.5, male 0 +- 2.
        symphysis_gap_mm: 4.5 +- 1; 2.5 to 8.
        tilt_deg: Rotation of the pelvis about x, positive tips the crest forward; -5 +- 6 from standing.
        obliquity_deg: Rotation about y, 0 +- 1.2.
        axial_deg: Rotation about z, 0 +- 2.
        sacral_slope_deg: Turn of the sacrum about the SI joints, 0 +- 3.
        lordosis_deg: Wedge a lumbar level, 6 +- 3.
        scoliosis_deg: Lateral tilt a lumbar level, 0 +- 1.5.
        density: Factor on bone contrast; 0.6 (osteoporosis) to 1.3 (dense).
        cortex: Factor on cortical thickness, 0.65 to 1.3.
        wing: Factor on the thickness of the iliac fossa, 0.8 to 1.5.
        fat_mm: Subcutaneous fat at the flank, 8 to 60.
        muscle: Factor on the muscle around the bones, 0.85 to 1.15.
        belly_mm: Front of the abdomen ahead of the hip centres at L3, 60 to 150.
        bowel_gas: Share of bowel loops filled with gas, 0.05 to 0.6.
        bladder_radius_mm: 18 to 48.
        field_left: Low-frequency shape coefficients of the left hip bone (mm).
        field_right: The same for the right one.
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
    fat_mm: float
    muscle: float
    belly_mm: float
    bowel_gas: float
    bladder_radius_mm: float
    field_left: tuple[float, ...]
    field_right: tuple[float, ...]
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
    fields = [tuple((1.5 * common + 0.6 * rng.normal(0.0, 1.0, FIELD_SIZE)).clip(-3.5, 3.5).tolist()) for _ in "lr"]
    radius = normal(22.2 if female else 23.8, 0.9, 21.0, 25.6) * size
    neck_length = normal(2.15, 0.08, 1.95, 2.35)
    neck_shaft, version = normal(127, 4.5, 116, 138), normal(12, 7, -7, 30)
    trochanter = normal(1.0, 0.06, 0.87, 1.13)
    flexion, rotation = normal(3, 4, -6, 15), normal(8, 7, -12, 26)
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
                abduction_deg=normal(3, 3.5, -6, 13),
                rotation_deg=rotation + normal(0, 4, -8, 8),
                trochanter=trochanter * normal(1.0, 0.02, 0.96, 1.04),
            )
        )
    heavy = float(rng.beta(1.6, 3.2)) ** 0.8
    return PelvisParameters(
        female=female,
        size=size,
        hip_half_distance_mm=normal(84, 3, 76, 92) * size,
        height=normal(0.975 if female else 1.02, 0.02, 0.92, 1.08),
        depth=normal(1.0, 0.03, 0.92, 1.08),
        flare_mm=normal(3 if female else -3, 4, -12, 12),
        subpubic_mm=normal(8 if female else 0, 2.2, -4, 14),
        symphysis_gap_mm=normal(4.5, 1, 2.5, 8),
        tilt_deg=normal(-5, 6, -20, 10),
        obliquity_deg=normal(0, 1.2, -3, 3),
        axial_deg=normal(0, 2, -5, 5),
        sacral_slope_deg=normal(0, 3, -7, 7),
        lordosis_deg=normal(6, 3, 0, 13),
        scoliosis_deg=normal(0, 1.5, -4, 4),
        density=normal(0.94, 0.18, 0.6, 1.3),
        cortex=normal(1.0, 0.13, 0.65, 1.3),
        wing=normal(1.05, 0.15, 0.8, 1.5),
        fat_mm=8 + 52 * heavy,
        muscle=normal(1.0, 0.06, 0.85, 1.15),
        belly_mm=float(np.clip(65 + 70 * heavy + rng.normal(0, 8), 60, 150)),
        bowel_gas=float(rng.uniform(0.05, 0.6)),
        bladder_radius_mm=float(rng.uniform(18, 48)),
        field_left=fields[0],
        field_right=fields[1],
        femur_left=femurs[0],
        femur_right=femurs[1],
    )
