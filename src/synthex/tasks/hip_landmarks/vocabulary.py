"""Names of the hip task, in the study's channel order (facts 1.1)."""

from synthex.core import Vocabulary

STRUCTURES = ("hip_left", "hip_right", "vertebrae", "sacrum", "femur_left", "femur_right")
"""Label k + 1 of the study's files is structure k: left and right hemipelvis, vertebrae, sacrum, femurs."""

_POINTS = ("FH", "GSN", "IOF", "MOF", "SPS", "IPS", "ASIS")
"""Femoral head centre, greater sciatic notch, inferior and medial obturator foramen, superior and
inferior pubic symphysis, anterior superior iliac spine."""

LANDMARKS = tuple(f"{point}-{side}" for point in _POINTS for side in ("l", "r"))

VOCABULARY = Vocabulary(
    structures=STRUCTURES,
    landmarks=LANDMARKS,
    structure_pairs=(("hip_left", "hip_right"), ("femur_left", "femur_right")),
    landmark_pairs=tuple((f"{point}-l", f"{point}-r") for point in _POINTS),
)

BONES = tuple(
    STRUCTURES.index(("femur" if point == "FH" else "hip") + ("_left" if side == "l" else "_right"))
    for point, side in (name.split("-") for name in LANDMARKS)
)
"""Number of the structure that each landmark belongs to: heads to their femur, all others to their hip bone."""
