"""Bone names of mesh files, the structures they belong to and what their bone is like."""

import difflib
import re
from dataclasses import dataclass

STRUCTURES: dict[str, int] = {
    "hip_left": 1,
    "hip_right": 2,
    "vertebrae": 3,
    "sacrum": 4,
    "femur_left": 5,
    "femur_right": 6,
}
"""Canonical structure ids of the hip task."""

_SIDES = ("left", "right")
_LEVELS = (*(f"C{n}" for n in range(1, 8)), *(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6)))
_ALIASES = {
    "pelvis": "hip",
    "innominate": "hip",
    "hemipelvis": "hip",
    "coxal": "hip",
    "os_coxae": "hip",
    "femoral": "femur",
    "vertebrae": "vertebra",
    "sternum_and_costal_cartilage": "sternum",
}
KNOWN_BONES: tuple[str, ...] = (
    *(f"{bone}_{side}" for bone in ("hip", "femur", "clavicle", "scapula") for side in _SIDES),
    *(f"rib_{side}_{number:02d}" for side in _SIDES for number in range(1, 13)),
    *(f"vertebra_{level}" for level in _LEVELS),
    *(f"patella_{side}" for side in _SIDES),
    "sacrum",
    "coccyx",
    "sternum",
)
"""Canonical bone names."""


@dataclass(frozen=True)
class BoneKind:
    """Typical adult values of one kind of bone.

    Attributes:
        length_mm: Longest edge of the bounding box (to notice a wrong unit).
        cortex_mm: Cortical thickness.
        cortex_hu: HU of compact bone at this place.
        spongy_hu: Mean HU of the interior.
    """

    length_mm: float
    cortex_mm: float
    cortex_hu: float
    spongy_hu: float


# Lengths: standard adult anatomy (Gray's). Cortex: ilium 1-2 mm (Richards et al. 2010, J Orthop Surg Res
# 5:4), vertebral shell 0.4-1 mm incl. partial volume (Silva et al. 1994, Bone 15:409). HU: lumbar trabecular
# bone about 150 HU in middle age (Pickhardt et al. 2013, Ann Intern Med 158:588); compact bone of long
# shafts 1200-1700 HU, less where the shell is thin and porous.
_KINDS = {
    "hip": BoneKind(215.0, 1.6, 1050.0, 170.0),
    "femur": BoneKind(450.0, 1.3, 1350.0, 220.0),
    "sacrum": BoneKind(130.0, 1.2, 800.0, 110.0),
    "coccyx": BoneKind(35.0, 1.0, 600.0, 120.0),
    "vertebra": BoneKind(80.0, 1.0, 800.0, 160.0),
    "rib": BoneKind(160.0, 1.0, 1000.0, 120.0),
    "clavicle": BoneKind(145.0, 1.8, 1200.0, 200.0),
    "patella": BoneKind(45.0, 1.2, 1000.0, 250.0),
    "scapula": BoneKind(160.0, 1.2, 1000.0, 150.0),
    # Mostly costal cartilage, which is barely denser than muscle: no shell.
    "sternum": BoneKind(200.0, 0.0, 300.0, 110.0),
}


def canonical_bone(stem: str) -> str | None:
    """Canonical name for a file's stem (``pelvis_left`` → ``hip_left``, ``L3`` → ``vertebra_L3``), or None."""
    name = re.sub(r"[\s\-.]+", "_", stem.strip()).lower()
    for alias, bone in _ALIASES.items():
        if name == alias or name.startswith(alias + "_"):
            name = bone + name[len(alias) :]
            break
    name = re.sub(r"_(l|r)$", lambda side: "_left" if side[1] == "l" else "_right", name)
    level = re.fullmatch(r"(?:vertebra_)?([ctl])0?(\d{1,2})", name)
    if level:
        name = f"vertebra_{level[1].upper()}{int(level[2])}"
    rib = re.fullmatch(r"rib_(left|right)_(\d{1,2})", name)
    if rib:
        name = f"rib_{rib[1]}_{int(rib[2]):02d}"
    return name if name in KNOWN_BONES else None


def nearest_bones(stem: str) -> list[str]:
    """The known names most like an unknown one, best first; never empty."""
    close = difflib.get_close_matches(stem.lower(), KNOWN_BONES, n=3, cutoff=0.4)
    return close or ["hip_left", "femur_left", "vertebra_L3"]


def bone_kind(bone: str) -> BoneKind:
    """Typical values for a canonical bone name."""
    return _KINDS[bone.split("_")[0]]


def structure_id(bone: str, labelled_vertebrae: tuple[str, ...]) -> int:
    """Id of the structure a canonical bone belongs to; 0 for bone without a label."""
    if bone.startswith("vertebra_"):
        return STRUCTURES["vertebrae"] if bone.removeprefix("vertebra_") in labelled_vertebrae else 0
    return STRUCTURES.get(bone, 0)


def spine_order(bones: list[str]) -> list[str]:
    """The vertebrae among ``bones`` from C1 to L5."""
    return [f"vertebra_{level}" for level in _LEVELS if f"vertebra_{level}" in bones]
